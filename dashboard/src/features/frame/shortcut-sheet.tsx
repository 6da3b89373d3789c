import { Switch } from '#/ui/choice'
import { Dialog } from '#/ui/dialog'
import { setShortcutsOn, useShortcutsOn } from './shortcut-setting'
import { SHORTCUTS } from './shortcuts'

export function ShortcutSheet({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const on = useShortcutsOn()
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Keyboard shortcuts">
      <dl className="grid grid-cols-[minmax(0,1fr)_max-content] gap-y-2">
        <dt>Command palette</dt>
        <dd className="flex justify-end gap-1">
          <Key>Ctrl</Key>
          <Key>K</Key>
        </dd>
        {SHORTCUTS.map((shortcut) => (
          <div key={shortcut.label} className="contents">
            <dt className={on ? '' : 'text-muted line-through'}>{shortcut.label}</dt>
            <dd className="flex justify-end gap-1">
              {shortcut.keys.map((key) => (
                <Key key={key}>{key}</Key>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <Switch
        label="Single-key shortcuts"
        hint="Turn them off if you dictate or if they get in your way."
        checked={on}
        onChange={(event) => setShortcutsOn(event.target.checked)}
        className="mt-4 border-t border-line pt-4"
      />
    </Dialog>
  )
}

export function Key({ children }: { children: string }) {
  return (
    <kbd className="inline-flex h-5 min-w-5 items-center justify-center rounded-sm border border-control px-1 font-sans text-[11px] text-muted">
      {children}
    </kbd>
  )
}
