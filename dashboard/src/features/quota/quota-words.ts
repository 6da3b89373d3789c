/** The month's quota in words: how much is used, and what happens at and after 100 %. */
import type { QuotaMessages } from '#/api/types'
import { formatShort } from '#/ui/format'

export type Tone = 'quiet' | 'warn' | 'danger'

const TONES: Record<QuotaMessages['standing'], Tone> = {
  within: 'quiet',
  near: 'warn',
  over: 'warn',
  grace: 'danger',
  stopped: 'danger',
}

export function toneOf(messages: QuotaMessages): Tone {
  return TONES[messages.standing]
}

/** Whole percent, rounded down: 100 % is all of it. */
export function percentOf({ used, included }: Pick<QuotaMessages, 'used' | 'included'>): number {
  return included === 0 ? 100 : Math.floor((used / included) * 100)
}

/** `2.1M of 10M messages`. */
export function usedOf({ used, included }: Pick<QuotaMessages, 'used' | 'included'>): string {
  return `${formatShort(used)} of ${formatShort(included)} messages`
}

export function whatHappens(messages: QuotaMessages): string {
  const { standing, when_used_up, grace_percent, stop_percent, grace_ends_at } = messages
  const month = `the month ends, on ${dayOf(messages.resets_at)} (UTC)`
  if (standing === 'stopped') return `Publishes are refused until ${month}. Connections and subscriptions stay.`
  if (when_used_up === 'go_on') {
    return standing === 'over'
      ? 'Your plan goes on: nothing is refused.'
      : 'At 100 % your plan goes on: nothing is refused.'
  }
  const until = grace_ends_at ? `until ${timeOf(grace_ends_at)} (UTC)` : 'for a day'
  const grace = `up to ${grace_percent} % in any case, and ${until} up to ${stop_percent} %`
  return standing === 'grace'
    ? `Publishing still works ${grace}. Then publishes are refused until ${month}.`
    : `At 100 % publishing still works ${grace}. Then publishes are refused until ${month}.`
}

function dayOf(at: string): string {
  return new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', timeZone: 'UTC' })
}

function timeOf(at: string): string {
  const options = { day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit', timeZone: 'UTC' } as const
  return new Date(at).toLocaleString('en-GB', options)
}
