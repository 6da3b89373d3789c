/** A new key in place of an old one, which goes on working for as long as a deployment takes. */
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '#/api/client'
import { useIdempotencyKey } from '#/api/idempotency'
import { keysQuery } from '#/api/queries'
import type { App, Key, RotatedKey } from '#/api/types'
import { PasswordPrompt } from '#/features/auth/password-prompt'
import { useGuarded } from '#/features/auth/use-guarded'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { RadioCards } from '#/ui/choice'
import { Dialog } from '#/ui/dialog'
import { ProblemNotice } from '#/ui/problem-notice'
import { exactTime } from '#/ui/time'
import { NewSecret } from './new-secret'

const OVERLAPS = [
  { value: '86400', label: '24 hours', hint: 'Time to deploy everywhere, with a night in between.' },
  { value: '3600', label: '1 hour', hint: 'For a deployment you start right away.' },
  { value: '604800', label: '7 days', hint: 'For apps on phones, which update when they like.' },
  { value: '0', label: 'No overlap', hint: 'The old key stops within 2 seconds. For a key that leaked.' },
] as const

interface RotateKeyProps {
  app: App
  item: Key
  email: string
  close: () => void
}

export function RotateKey({ app, item, email, close }: RotateKeyProps) {
  const queryClient = useQueryClient()
  const once = useIdempotencyKey()
  const [overlap, setOverlap] = useState<string>('86400')
  const [rotated, setRotated] = useState<RotatedKey | null>(null)
  const rotate = useGuarded({
    mutationFn: (overlapS: number) => api.rotateKey(app.id, item.id, overlapS, once([item.id, overlapS])),
    onSuccess: (rotated) => {
      void queryClient.invalidateQueries({ queryKey: keysQuery(app.id).queryKey, exact: true })
      announce(`Key ${item.name} rotated`)
      setRotated(rotated)
    },
  })

  return (
    <Dialog open onOpenChange={(open) => open || close()} title={rotated ? 'Key rotated' : `Rotate ${item.name}`}>
      {rotated ? (
        <Rotated app={app} rotated={rotated} close={close} />
      ) : rotate.passwordNeeded ? (
        <PasswordPrompt purpose="rotate the key" email={email} confirm={rotate.confirm} cancel={rotate.reset} />
      ) : (
        <div className="space-y-4">
          <p className="text-muted">
            You get a new id and secret with the same name, capabilities and origins. Choose how long the old key goes
            on working beside it.
          </p>
          <RadioCards legend="Overlap" name="overlap" value={overlap} options={OVERLAPS} onChange={setOverlap} />
          {rotate.problem && <ProblemNotice problem={rotate.problem} />}
          <div className="flex justify-end gap-2">
            <Button look="ghost" onClick={close}>
              Cancel
            </Button>
            <Button look="primary" busy={rotate.busy} onClick={() => rotate.run(Number(overlap))}>
              Rotate key
            </Button>
          </div>
        </div>
      )}
    </Dialog>
  )
}

function Rotated({ app, rotated, close }: { app: App; rotated: RotatedKey; close: () => void }) {
  const ends = rotated.old.expires_at
  return (
    <div className="space-y-4">
      <NewSecret app={app} item={rotated.key} secret={rotated.secret} />
      <p className="text-muted">
        {ends && Date.parse(ends) > Date.now()
          ? `The old key works until ${exactTime(ends)}. Watch its “last used” on the keys page: when it stands still, nothing uses it any more.`
          : 'The old key has stopped working.'}
      </p>
      <div className="flex justify-end">
        <Button look="primary" onClick={close} autoFocus>
          I stored it
        </Button>
      </div>
    </div>
  )
}
