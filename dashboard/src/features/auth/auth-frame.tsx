import type { ReactNode } from 'react'
import { Mark } from '#/ui/mark'
import { usePageTitle } from '#/ui/page-header'

export function AuthFrame({ title, lead, children }: { title: string; lead: ReactNode; children: ReactNode }) {
  usePageTitle(title)
  return (
    <main
      tabIndex={-1}
      className="focus:outline-none mx-auto flex w-full max-w-[392px] flex-1 flex-col px-4 pt-[12vh] pb-12"
    >
      <p className="mb-8 flex items-center gap-2 text-lg font-semibold tracking-tight">
        <Mark size={26} />
        Peal
      </p>
      <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
      <p className="mt-1 mb-6 text-muted">{lead}</p>
      {children}
    </main>
  )
}
