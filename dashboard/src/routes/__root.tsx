import type { QueryClient } from '@tanstack/react-query'
import { createRootRouteWithContext, Outlet } from '@tanstack/react-router'
import { NotFoundPage } from '#/features/problem/not-found-page'
import { ProblemPage } from '#/features/problem/problem-page'
import { Announcer } from '#/ui/announce'
import { usePageArrival } from '#/ui/use-page-arrival'

export interface RouterContext {
  queryClient: QueryClient
}

export const Route = createRootRouteWithContext<RouterContext>()({
  component: Root,
  notFoundComponent: NotFoundPage,
  errorComponent: ProblemPage,
})

function Root() {
  usePageArrival()
  return (
    <>
      <Outlet />
      <Announcer />
    </>
  )
}
