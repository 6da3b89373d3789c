/** What the numbers do not hold: usage that was reported too late, and reports that are lost. Usually nothing, and then not shown. */
import { useQuery } from '@tanstack/react-query'
import { Info } from 'lucide-react'
import { api } from '#/api/client'
import type { App } from '#/api/types'
import { Panel } from '#/ui/panel'
import { RelativeTime } from '#/ui/time'

export function Notes({ app }: { app: App }) {
  const { data } = useQuery({
    queryKey: ['apps', app.id, 'usage-notes'],
    queryFn: () => api.usageNotes(app.id),
    staleTime: 60_000,
  })
  if (!data || data.items.length === 0) return null
  return (
    <div className="mt-4">
      <Panel
        title="Not in these numbers"
        lead="Noticed in the last 31 days. Nobody is billed for what is not in the numbers."
      >
        <ul className="divide-y divide-line">
          {data.items.map((note) => (
            <li key={`${note.kind} ${note.noticed_at} ${note.text}`} className="flex items-start gap-2 px-4 py-2.5">
              <Info size={16} className="mt-0.5 shrink-0 text-muted" aria-hidden />
              <span className="max-w-[80ch]">
                {note.text}{' '}
                <span className="text-muted">
                  Noticed <RelativeTime at={note.noticed_at} />.
                </span>
              </span>
            </li>
          ))}
        </ul>
      </Panel>
    </div>
  )
}
