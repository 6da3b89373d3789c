/** Messages of the calendar month (UTC), as the plan counts them: in, out, history reads and delivered webhooks. */
import { queryOptions } from '@tanstack/react-query'
import { api } from '#/api/client'

const BILLABLE = ['messages_in', 'messages_out', 'history_reads', 'webhook_deliveries']
const REFRESH_MS = 30_000

export const monthQuery = (app: string) =>
  queryOptions({
    queryKey: ['apps', app, 'month'],
    queryFn: async () => {
      const { from, to } = monthOf(Date.now())
      const question = {
        resolution: 'month' as const,
        from: new Date(from).toISOString(),
        to: new Date(to).toISOString(),
      }
      const answers = await Promise.all(BILLABLE.map((metric) => api.usage(app, { ...question, metric })))
      const [incoming = 0, outgoing = 0, ...others] = answers.map((answer) =>
        answer.items.reduce((sum, point) => sum + point.value, 0),
      )
      return { incoming, outgoing, messages: [incoming, outgoing, ...others].reduce((sum, value) => sum + value, 0) }
    },
    refetchInterval: REFRESH_MS,
    staleTime: REFRESH_MS / 2,
  })

export function monthOf(now: number): { from: number; to: number } {
  const date = new Date(now)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  return { from: Date.UTC(year, month), to: Date.UTC(year, month + 1) }
}

export function monthName(now: number): string {
  return new Date(now).toLocaleDateString('en-GB', { month: 'long', timeZone: 'UTC' })
}
