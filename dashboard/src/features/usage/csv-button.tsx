import { useMutation } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { asProblem } from '#/api/problem'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'

interface CsvButtonProps {
  label: string
  /** Of the file. */
  name: string
  load: () => Promise<string>
}

/** The same question as the page asks, answered as CSV and saved as a file. */
export function CsvButton({ label, name, load }: CsvButtonProps) {
  const download = useMutation({
    mutationFn: load,
    onSuccess: (csv) => {
      save(csv, name)
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
      <Button size="sm" busy={download.isPending} aria-label={label} onClick={() => download.mutate()}>
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
