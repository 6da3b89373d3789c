import { type ReactNode, useEffect } from 'react'

interface PageHeaderProps {
  title: string
  lead?: ReactNode
  aside?: ReactNode
}

/** A page's heading; it also names the browser tab. */
export function PageHeader({ title, lead, aside }: PageHeaderProps) {
  usePageTitle(title)
  return (
    <header className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
        {lead && <p className="mt-0.5 max-w-[68ch] text-muted">{lead}</p>}
      </div>
      {aside}
    </header>
  )
}

export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Peal`
  }, [title])
}
