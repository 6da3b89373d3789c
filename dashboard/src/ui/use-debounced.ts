import { useEffect, useState } from 'react'

/** The value as it was when it last stood still for 200 ms: what is worth asking the server about. */
export function useDebounced<T>(value: T): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), 200)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}
