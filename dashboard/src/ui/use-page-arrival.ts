import { useRouterState } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { announce } from './announce'

/**
 * After a move to another page, what a full page load would do for people who do not see it: the focus goes to the page's
 * content, unless the page has put it somewhere itself, and the page's title is read out.
 */
export function usePageArrival(): void {
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname })
  const previous = useRef<string>(undefined)
  useEffect(() => {
    const moved = previous.current !== undefined && previous.current !== path
    previous.current = path
    if (!moved) return
    const main = document.querySelector('main')
    const placed = document.activeElement?.closest('main, [role=dialog]')
    if (main && !placed) main.focus({ preventScroll: true })
    announce(document.title)
  }, [path])
}
