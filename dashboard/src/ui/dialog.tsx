/** A question in the middle of the page, and a drawer for forms that want more room. Both close with Escape and give the focus back. */
import { X } from 'lucide-react'
import { Dialog as Radix } from 'radix-ui'
import type { ReactNode } from 'react'
import { buttonClass } from './button'
import { cx } from './cx'

interface DialogProps {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: ReactNode
  children: ReactNode
  /** Something was typed: a click beside the panel must not throw it away. */
  holdsInput?: boolean
  /** Where the focus goes when the opener is gone, such as a menu item. */
  returnFocus?: () => HTMLElement | null
}

export function Dialog({ open, onOpenChange, title, children, returnFocus }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-30 animate-appear bg-scrim" />
        <Radix.Content
          aria-describedby={undefined}
          onCloseAutoFocus={(event) => giveBack(event, returnFocus)}
          className="fixed top-[12vh] left-1/2 z-30 max-h-[84dvh] w-[calc(100vw-24px)] max-w-[440px] -translate-x-1/2 animate-appear overflow-y-auto rounded-lg border border-line bg-surface p-4 focus:outline-none"
        >
          <Radix.Title className="mb-3 text-base font-semibold break-words">{title}</Radix.Title>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

export function Drawer({ open, onOpenChange, title, children, holdsInput, returnFocus }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-30 animate-appear bg-scrim" />
        <Radix.Content
          aria-describedby={undefined}
          onCloseAutoFocus={(event) => giveBack(event, returnFocus)}
          onOpenAutoFocus={focusFirstField}
          onPointerDownOutside={(event) => holdsInput && event.preventDefault()}
          className="fixed inset-y-0 right-0 z-30 flex w-full max-w-[560px] animate-slide-in-right flex-col border-line bg-surface focus:outline-none sm:border-l"
        >
          <header className="flex h-12 shrink-0 items-center justify-between gap-2 border-b border-line pr-2 pl-4">
            <Radix.Title className="truncate text-base font-semibold">{title}</Radix.Title>
            <Radix.Close className={cx(buttonClass('ghost', 'icon'))} aria-label="Close">
              <X size={18} aria-hidden />
            </Radix.Close>
          </header>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

/** The scrolling middle of a drawer, and the row of buttons that stays at its end. */
export function DrawerBody({ children }: { children: ReactNode }) {
  return <div className="min-h-0 flex-1 space-y-5 overflow-y-auto px-4 py-4">{children}</div>
}

export function DrawerActions({ children }: { children: ReactNode }) {
  return <div className="flex shrink-0 justify-end gap-2 border-t border-line px-4 py-3">{children}</div>
}

/** Rather than the close button, which comes first. */
function focusFirstField(event: Event): void {
  const field = event.target instanceof Element && event.target.querySelector<HTMLElement>('input, select, textarea')
  if (!field) return
  event.preventDefault()
  field.focus()
}

function giveBack(event: Event, target: (() => HTMLElement | null) | undefined): void {
  const element = target?.()
  if (!element) return
  event.preventDefault()
  element.focus()
}
