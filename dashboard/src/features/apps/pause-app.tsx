import { asProblem } from '#/api/problem'
import type { App } from '#/api/types'
import { Button } from '#/ui/button'
import { Dialog } from '#/ui/dialog'
import { ProblemNotice } from '#/ui/problem-notice'
import { usePatchApp } from './use-patch-app'

/** The kill switch, asked about once: it is instant, but can be taken back. */
export function PauseApp({ app, open, close }: { app: App; open: boolean; close: () => void }) {
  const pause = usePatchApp(app, close)
  return (
    <Dialog open={open} onOpenChange={(open) => open || close()} title={`Pause ${app.name}?`}>
      <p className="text-muted">Within 2 seconds, everywhere:</p>
      <ul className="mt-1 list-disc space-y-0.5 pl-5 text-muted">
        <li>all connections are closed and new ones refused</li>
        <li>all publishes are refused</li>
      </ul>
      <p className="mt-2 text-muted">Keys, rules and history stay. Resume it here whenever you like.</p>
      {pause.error && (
        <div className="mt-3">
          <ProblemNotice problem={asProblem(pause.error)} />
        </div>
      )}
      <div className="mt-4 flex justify-end gap-2">
        <Button look="ghost" onClick={close}>
          Cancel
        </Button>
        <Button
          look="danger"
          busy={pause.isPending}
          onClick={() => pause.mutate({ patch: { paused: true }, said: `${app.name} paused` })}
        >
          Pause app
        </Button>
      </div>
    </Dialog>
  )
}
