import { useRouter } from '@tanstack/react-router'
import { useEffect } from 'react'

/** Loads the code of the page that comes next while somebody still types. Only code: its data needs the session. */
export function usePreparePage(id: '/_app/welcome' | '/_app/apps/$appId/'): void {
  const router = useRouter()
  useEffect(() => {
    for (const route of [router.routesById['/_app'], router.routesById[id]]) {
      // Without it the page loads when it is opened.
      router.loadRouteChunk(route)?.catch(() => {})
    }
  }, [router, id])
}
