import { cx } from '#/ui/cx'
import type { Strength } from './password-strength'

const COLOURS = ['', 'bg-danger', 'bg-warn', 'bg-ok', 'bg-ok']

/** Four segments and one sentence: the sentence carries the meaning, the colour only helps. */
export function StrengthBar({ strength }: { strength: Strength }) {
  return (
    <>
      <span className="mb-1.5 flex gap-1" aria-hidden="true">
        {[1, 2, 3, 4].map((segment) => (
          <span
            key={segment}
            className={cx('h-1 flex-1 rounded-full', segment <= strength.level ? COLOURS[strength.level] : 'bg-line')}
          />
        ))}
      </span>
      <span aria-live="polite">{strength.advice}</span>
    </>
  )
}
