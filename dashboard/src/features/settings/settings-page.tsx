import type { Session } from '#/api/types'
import { setShortcutsOn, useShortcutsOn } from '#/features/frame/shortcut-setting'
import { Segments, Switch } from '#/ui/choice'
import { PageHeader } from '#/ui/page-header'
import { Panel } from '#/ui/panel'
import { setTheme, THEMES, useTheme } from '#/ui/theme'
import { ChangePassword } from './change-password'
import { OrgName } from './org-name'
import { Sessions } from './sessions'

export function SettingsPage({ session }: { session: Session }) {
  return (
    <>
      <PageHeader
        title="Settings"
        lead={`Signed in as ${session.user.email}, ${session.role} of ${session.org.name}.`}
      />
      <div className="max-w-[760px] space-y-4">
        <OrgName key={session.org.name} session={session} />
        <ChangePassword email={session.user.email} />
        <Sessions />
        <Appearance />
      </div>
    </>
  )
}

function Appearance() {
  const theme = useTheme()
  const shortcuts = useShortcutsOn()
  return (
    <Panel title="This browser">
      <div className="space-y-4 px-4 py-3">
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <span aria-hidden="true" className="font-medium">
            Theme
          </span>
          <Segments label="Theme" value={theme} options={THEMES} onChange={setTheme} />
        </div>
        <Switch
          label="Keyboard shortcuts"
          hint="Single keys such as g then k. Press ? to see them. The command palette stays on."
          checked={shortcuts}
          onChange={(event) => setShortcutsOn(event.target.checked)}
        />
      </div>
    </Panel>
  )
}
