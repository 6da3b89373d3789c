import { LoaderCircle } from 'lucide-react'
import type { ComponentProps } from 'react'
import { cx } from './cx'

type Look = 'primary' | 'secondary' | 'ghost' | 'danger'

interface ButtonProps extends ComponentProps<'button'> {
  look?: Look
  size?: 'md' | 'sm' | 'icon'
  /** Work is under way: the button stays focusable but does nothing more. */
  busy?: boolean
}

export function Button({ look = 'secondary', size = 'md', busy = false, type = 'button', ...props }: ButtonProps) {
  const { className, children, onClick, ...rest } = props
  return (
    <button
      {...rest}
      type={busy ? 'button' : type}
      aria-disabled={busy || undefined}
      aria-busy={busy || undefined}
      onClick={busy ? undefined : onClick}
      className={cx(buttonClass(look, size), className)}
    >
      {busy && <LoaderCircle size={14} className="animate-spin motion-reduce:hidden" aria-hidden />}
      {children}
    </button>
  )
}

export function buttonClass(look: Look = 'secondary', size: 'md' | 'sm' | 'icon' = 'md'): string {
  return cx(BASE, LOOKS[look], SIZES[size])
}

const BASE =
  'inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap select-none disabled:opacity-50 aria-disabled:opacity-70'

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-on-accent hover:bg-accent-strong',
  secondary: 'border border-control bg-surface text-ink hover:bg-hover',
  ghost: 'text-muted hover:bg-hover hover:text-ink',
  danger: 'border border-danger bg-surface text-danger hover:bg-danger-soft',
}

const SIZES = { md: 'h-8 px-3', sm: 'h-7 px-2 text-xs', icon: 'size-7' }
