/** Where this account is signed in, and ending that. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Laptop } from 'lucide-react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { sessionsQuery } from '#/api/queries'
import type { Device } from '#/api/types'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { plural } from '#/ui/format'
import { Panel } from '#/ui/panel'
import { ProblemNotice } from '#/ui/problem-notice'
import { QueryView } from '#/ui/query-view'
import { RelativeTime } from '#/ui/time'
import { describeAgent } from './user-agent'

export function Sessions() {
  const queryClient = useQueryClient()
  const sessions = useQuery(sessionsQuery)
  const reload = () => queryClient.invalidateQueries(sessionsQuery)
  const end = useMutation({
    mutationFn: (session: Device) => api.endSession(session.id),
    onSuccess: (_, session) => {
      announce(`${describeAgent(session.user_agent)} signed out`)
      return reload()
    },
  })
  const endOthers = useMutation({
    mutationFn: api.endOtherSessions,
    onSuccess: ({ ended }) => {
      announce(`${plural(ended, 'device')} signed out`)
      return reload()
    },
  })
  const problem = end.error ?? endOthers.error
  const others = sessions.data?.items.filter((session) => !session.current).length ?? 0

  return (
    <Panel
      title="Devices"
      lead="Where this account is signed in."
      aside={
        others > 0 && (
          <Button size="sm" busy={endOthers.isPending} onClick={() => endOthers.mutate()}>
            Sign out all others
          </Button>
        )
      }
    >
      <div className="px-4 py-1">
        {problem && (
          <div className="py-2">
            <ProblemNotice problem={asProblem(problem)} />
          </div>
        )}
        <QueryView query={sessions}>
          {({ items }) => (
            <ul className="divide-y divide-line">
              {items.map((session) => (
                <li key={session.id} className="flex flex-wrap items-center gap-x-3 gap-y-1 py-2">
                  <Laptop size={16} className="shrink-0 text-muted" aria-hidden />
                  <span className="min-w-0 flex-1 basis-56">
                    <span className="font-medium">{describeAgent(session.user_agent)}</span>
                    {session.current && <span className="ml-2 text-xs font-medium text-ok">this device</span>}
                    <span className="block text-xs text-muted">
                      {session.ip ?? 'address not known'}, signed in <RelativeTime at={session.created_at} />, last seen{' '}
                      <RelativeTime at={session.last_seen_at} />
                    </span>
                  </span>
                  {!session.current && (
                    <Button
                      size="sm"
                      busy={end.isPending && end.variables.id === session.id}
                      aria-label={`Sign out ${describeAgent(session.user_agent)}, ${session.ip ?? ''}`}
                      onClick={() => end.mutate(session)}
                    >
                      Sign out
                    </Button>
                  )}
                </li>
              ))}
            </ul>
          )}
        </QueryView>
      </div>
    </Panel>
  )
}
