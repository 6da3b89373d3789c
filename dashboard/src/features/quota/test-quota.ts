import type { QuotaMessages } from '#/api/types'

/** A quota of a plan that stops, in November. */
export function testQuota(part: Partial<QuotaMessages> = {}): QuotaMessages {
  return {
    included: 100,
    used: 50,
    standing: 'within',
    when_used_up: 'stop',
    grace_percent: 110,
    stop_percent: 150,
    resets_at: '2026-12-01T00:00:00Z',
    ...part,
  }
}

/** The answer of `GET /quota`. */
export function stubQuota(part: Partial<QuotaMessages>) {
  const plan = { id: 'free', title: 'Free', messages_per_month: part.included ?? 100 }
  return { body: { plan, messages: testQuota(part), help_url: '/docs/limits.md#the-months-quota' } }
}
