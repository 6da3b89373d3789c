import type { ErrorComponentProps } from '@tanstack/react-router'
import { useRouter } from '@tanstack/react-router'
import { asProblem } from '#/api/problem'
import { Button } from '#/ui/button'
import { Mark } from '#/ui/mark'
import { usePageTitle } from '#/ui/page-header'
import { ProblemNotice } from '#/ui/problem-notice'

/** Stands in for a page that could not be loaded. */
export function ProblemPage({ error, reset }: ErrorComponentProps) {
  const router = useRouter()
  usePageTitle('Problem')
  const retry = () => {
    reset()
    void router.invalidate()
  }
  return (
    <main
      tabIndex={-1}
      className="focus:outline-none mx-auto flex w-full max-w-[520px] flex-1 flex-col gap-6 px-4 pt-[18vh]"
    >
      <h1 className="flex items-center gap-2 text-xl font-semibold tracking-tight">
        <Mark size={26} /> This page could not be loaded
      </h1>
      <ProblemNotice problem={asProblem(error)}>
        <Button size="sm" onClick={retry}>
          Try again
        </Button>
      </ProblemNotice>
    </main>
  )
}
