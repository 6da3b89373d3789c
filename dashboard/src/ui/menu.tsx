/** Drop-down menu pieces over radix-ui, in the dashboard's look. */
import { DropdownMenu } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cx } from './cx'

export const Menu = DropdownMenu.Root
export const MenuTrigger = DropdownMenu.Trigger
export const MenuRadioGroup = DropdownMenu.RadioGroup

export function MenuContent({ className, ...props }: ComponentProps<typeof DropdownMenu.Content>) {
  return (
    <DropdownMenu.Portal>
      <DropdownMenu.Content
        sideOffset={4}
        align="start"
        {...props}
        className={cx(
          'z-30 min-w-[200px] animate-appear rounded-lg border border-line bg-surface p-1 shadow-[0_6px_24px_rgb(0_0_0/0.14)]',
          className,
        )}
      />
    </DropdownMenu.Portal>
  )
}

const ITEM =
  'flex h-8 items-center gap-2 rounded-sm px-2 outline-none select-none data-[highlighted]:bg-hover data-[highlighted]:outline-2 data-[highlighted]:-outline-offset-2 data-[highlighted]:outline-accent'

interface MenuItemProps extends ComponentProps<typeof DropdownMenu.Item> {
  danger?: boolean
}

export function MenuItem({ className, danger, ...props }: MenuItemProps) {
  return <DropdownMenu.Item {...props} className={cx(ITEM, danger && 'text-danger', className)} />
}

export function MenuRadioItem({ className, children, ...props }: ComponentProps<typeof DropdownMenu.RadioItem>) {
  return (
    <DropdownMenu.RadioItem {...props} className={cx(ITEM, className)}>
      <span className="flex w-4 justify-center text-accent" aria-hidden="true">
        <DropdownMenu.ItemIndicator>•</DropdownMenu.ItemIndicator>
      </span>
      {children}
    </DropdownMenu.RadioItem>
  )
}

export function MenuLabel(props: ComponentProps<typeof DropdownMenu.Label>) {
  return <DropdownMenu.Label {...props} className="px-2 pt-1.5 pb-1 text-xs text-muted" />
}

export function MenuSeparator() {
  return <DropdownMenu.Separator className="my-1 h-px bg-line" />
}
