import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api } from '#/api/client'
import type { App } from '#/api/types'
import { PasswordPrompt } from '#/features/auth/password-prompt'
import { useGuarded } from '#/features/auth/use-guarded'
import { announce } from '#/ui/announce'
import { Dialog } from '#/ui/dialog'
import { TypeToConfirm } from '#/ui/type-to-confirm'
import { dropApp } from './app-cache'

interface DeleteAppProps {
  app: App
  email: string
  open: boolean
  close: () => void
}

export function DeleteApp({ app, email, open, close }: DeleteAppProps) {
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const remove = useGuarded({
    mutationFn: () => api.deleteApp(app.id),
    onSuccess: async () => {
      announce(`App ${app.name} deleted`)
      await navigate({ to: '/apps' })
      dropApp(queryClient, app.id)
    },
  })
  return (
    <Dialog open={open} onOpenChange={(open) => open || close()} title={`Delete ${app.name}?`}>
      {remove.passwordNeeded ? (
        <PasswordPrompt purpose="delete the app" email={email} confirm={remove.confirm} cancel={remove.reset} />
      ) : (
        <TypeToConfirm
          name={app.name}
          action="Delete app"
          busy={remove.busy}
          problem={remove.problem}
          confirm={() => remove.run(undefined)}
          cancel={close}
        >
          <ul className="list-disc space-y-0.5 pl-5 text-muted">
            <li>its keys stop working and its connections are closed, within 2 seconds</li>
            <li>its rules, history and usage can no longer be read</li>
            <li>its id is never used again</li>
          </ul>
          <p>This cannot be undone. To stop its traffic for a while, pause it instead.</p>
        </TypeToConfirm>
      )}
    </Dialog>
  )
}
