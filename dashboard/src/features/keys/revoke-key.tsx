/** Ends a key for good. Its name must be typed, beside what will stop. */
import { useQueryClient } from '@tanstack/react-query'
import { api } from '#/api/client'
import { keysQuery } from '#/api/queries'
import type { App, Key } from '#/api/types'
import { PasswordPrompt } from '#/features/auth/password-prompt'
import { useGuarded } from '#/features/auth/use-guarded'
import { announce } from '#/ui/announce'
import { Dialog } from '#/ui/dialog'
import { relativeTime } from '#/ui/time'
import { TypeToConfirm } from '#/ui/type-to-confirm'

interface RevokeKeyProps {
  app: App
  item: Key
  email: string
  close: () => void
}

export function RevokeKey({ app, item, email, close }: RevokeKeyProps) {
  const queryClient = useQueryClient()
  const revoke = useGuarded({
    mutationFn: () => api.revokeKey(app.id, item.id),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: keysQuery(app.id).queryKey, exact: true })
      announce(`Key ${item.name} revoked`)
      close()
    },
  })
  return (
    <Dialog open onOpenChange={(open) => open || close()} title={`Revoke ${item.name}?`}>
      {revoke.passwordNeeded ? (
        <PasswordPrompt purpose="revoke the key" email={email} confirm={revoke.confirm} cancel={revoke.reset} />
      ) : (
        <TypeToConfirm
          name={item.name}
          action="Revoke key"
          busy={revoke.busy}
          problem={revoke.problem}
          confirm={() => revoke.run(undefined)}
          cancel={close}
        >
          <p className="text-muted">Within 2 seconds, everywhere:</p>
          <ul className="list-disc space-y-0.5 pl-5 text-muted">
            <li>connections opened with it, or with tokens it signed, are closed</li>
            <li>publishes and API calls signed with it are refused</li>
          </ul>
          <p>
            {item.last_used_at ? (
              <>
                It was <strong>last used {relativeTime(Date.parse(item.last_used_at), Date.now())}</strong>. To replace
                it without an interruption, rotate it instead.
              </>
            ) : (
              'It has not been used yet, so nothing should notice.'
            )}{' '}
            This cannot be undone.
          </p>
        </TypeToConfirm>
      )}
    </Dialog>
  )
}
