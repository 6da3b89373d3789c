import type { Environment } from '#/api/types'
import { cx } from './cx'

/** Says which environment the app is in, in words and in colour, so that nobody touches the wrong key. */
export function EnvironmentPill({ environment }: { environment: Environment }) {
  const production = environment === 'production'
  return (
    <span
      className={cx(
        'inline-flex h-[18px] items-center rounded-full border px-1.5 text-[11px] leading-none font-medium',
        production ? 'border-accent text-accent' : 'border-warn text-warn',
      )}
      title={production ? 'Production app' : 'Development app'}
    >
      {production ? 'prod' : 'dev'}
    </span>
  )
}
