import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { sessionQuery } from '#/api/queries'
import { AppsPage } from '#/features/apps/apps-page'

interface AppsSearch {
  /** The create dialog is open. */
  create?: 'app'
}

export const Route = createFileRoute('/_app/apps/')({
  staticData: { page: 'Apps', ofOrg: true },
  validateSearch: (search: Record<string, unknown>): AppsSearch => (search.create === 'app' ? { create: 'app' } : {}),
  component: Apps,
})

function Apps() {
  const { data: session } = useSuspenseQuery(sessionQuery)
  const { create } = Route.useSearch()
  const navigate = Route.useNavigate()
  return (
    <AppsPage
      session={session}
      creating={create === 'app'}
      setCreating={(open) => navigate({ search: open ? { create: 'app' } : {}, replace: !open })}
    />
  )
}
