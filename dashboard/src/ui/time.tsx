/** Times as people read them: relative, with the exact local time on hover. */

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
]

export function relativeTime(then: number, now: number): string {
  const past = then - now
  for (const [unit, length] of UNITS) {
    if (Math.abs(past) >= length) {
      return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.trunc(past / length), unit)
    }
  }
  return past > 0 ? 'in less than a minute' : 'just now'
}

/** `14:03:20.118`, local. */
export function clockTime(at: number): string {
  return `${clockSeconds(at)}.${String(new Date(at).getMilliseconds()).padStart(3, '0')}`
}

/** `14:03:20`, local. */
export function clockSeconds(at: number): string {
  const date = new Date(at)
  const two = (part: number) => String(part).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** Day and minute, local: `24 Nov 2026, 14:03`. */
export function exactTime(at: string | number): string {
  return new Date(at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
}

export function RelativeTime({ at }: { at: string }) {
  const then = Date.parse(at)
  return (
    <time dateTime={at} title={exactTime(then)}>
      {relativeTime(then, Date.now())}
    </time>
  )
}
