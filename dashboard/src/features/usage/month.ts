/** Messages of the calendar month (UTC), as the plan counts them. */
import { queryOptions } from '@tanstack/react-query'
import { api } from '#/api/client'
import type { Usage } from '#/api/types'

export const monthQuery = (app: string) =>
  queryOptions({
    queryKey: ['apps', app, 'month'],
    queryFn: async () => {
      const { from, to } = monthOf(Date.now())
      const question = { metric: 'messages_in', resolution: 'month', from: iso(from), to: iso(to) } as const
      return monthTotals(await api.usage(app, question))
    },
    staleTime: 2_500,
  })

/** What a plan's messages include, is marked in the answer itself. */
function monthTotals({ totals, rules }: Pick<Usage, 'totals' | 'rules'>) {
  const billable = Object.entries(totals).filter(([metric]) => rules[metric]?.billable)
  return {
    incoming: totals.messages_in ?? 0,
    outgoing: totals.messages_out ?? 0,
    messages: billable.reduce((sum, [, value]) => sum + value, 0),
  }
}

function monthOf(now: number): { from: number; to: number } {
  const date = new Date(now)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  return { from: Date.UTC(year, month), to: Date.UTC(year, month + 1) }
}

function iso(at: number): string {
  return new Date(at).toISOString()
}

export function monthName(now: number): string {
  return new Date(now).toLocaleDateString('en-GB', { month: 'long', timeZone: 'UTC' })
}
