import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import { keysQuery } from '#/api/queries'
import type { App, Key, Session } from '#/api/types'
import { appSearch } from '#/features/frame/current-app'
import { Button } from '#/ui/button'
import { PageHeader } from '#/ui/page-header'
import { Empty, Skeleton } from '#/ui/panel'
import { QueryView } from '#/ui/query-view'
import { CreateKey } from './create-key'
import { EditKey } from './edit-key'
import { type KeyAction, KeysTable } from './keys-table'
import { RevokeKey } from './revoke-key'
import { RotateKey } from './rotate-key'
import { TestKey } from './test-key'

interface KeysPageProps {
  app: App
  session: Session
  /** The create drawer is part of the address, so that other pages and the palette can lead to it. */
  creating: boolean
  setCreating: (open: boolean) => void
}

export function KeysPage({ app, session, creating, setCreating }: KeysPageProps) {
  // "Last used" moves while somebody waits for an old key to fall silent.
  const keys = useQuery({ ...keysQuery(app.id), refetchInterval: 30_000 })
  const [acting, setActing] = useState<{ action: KeyAction; item: Key } | null>(null)
  const email = session.user.email
  const close = () => setActing(null)

  return (
    <>
      <PageHeader
        title="Keys"
        lead="A key has a public id and a secret. Servers sign with both; browsers only ever get the id."
        aside={
          <Button look="primary" onClick={() => setCreating(true)}>
            <Plus size={14} aria-hidden /> Create key
          </Button>
        }
      />
      <QueryView query={keys} skeleton={<Skeleton lines={2} />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="This app has no key">Nothing can publish or connect to it until you create one.</Empty>
          ) : (
            <KeysTable app={app} keys={items} email={email} act={(action, item) => setActing({ action, item })} />
          )
        }
      </QueryView>
      <p className="mt-4 text-xs text-muted">
        App id <code className="font-mono text-ink">{app.id}</code>. Pusher libraries ask for it beside the key.{' '}
        <Link to="/welcome" search={appSearch(session, app)} className="text-accent underline underline-offset-2">
          Snippets with your key
        </Link>
      </p>
      <CreateKey app={app} open={creating} onOpenChange={setCreating} />
      {acting?.action === 'edit' && <EditKey app={app} item={acting.item} close={close} />}
      {acting?.action === 'test' && <TestKey app={app} item={acting.item} close={close} />}
      {acting?.action === 'rotate' && <RotateKey app={app} item={acting.item} email={email} close={close} />}
      {acting?.action === 'revoke' && <RevokeKey app={app} item={acting.item} email={email} close={close} />}
    </>
  )
}
