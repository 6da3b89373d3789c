import { useMutation } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { api } from '#/api/client'
import { asProblem } from '#/api/problem'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import type { Range } from './chart-data'
import { type Tab, usageQuestion } from './usage-query'

/** The same question as the page asks, answered as CSV and saved as a file. */
export function CsvButton({ app, tab, range }: { app: string; tab: Tab; range: Range }) {
  const download = useMutation({
    mutationFn: () => api.usageCsv(app, usageQuestion(tab, range, Date.now())),
    onSuccess: (csv) => {
      save(csv, `usage-${app}-${tab}-${range}.csv`)
      announce('Downloaded')
    },
  })
  return (
    <>
      {download.error && (
        <span role="alert" className="text-xs text-danger">
          {asProblem(download.error).detail}
        </span>
      )}
      <Button size="sm" busy={download.isPending} aria-label="Download CSV" onClick={() => download.mutate()}>
        <Download size={14} aria-hidden /> CSV
      </Button>
    </>
  )
}

function save(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
