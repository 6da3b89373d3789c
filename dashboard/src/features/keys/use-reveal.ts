/**
 * Reading a key's secret. The server gives it out for 15 minutes after a sign-in and then wants the password again; every
 * reveal is audited, so pages ask for it when a person does, not when they load.
 */
import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '#/api/client'
import { type ApiProblem, asProblem } from '#/api/problem'
import { SECRET_KEPT_MS, secretKey } from '#/api/queries'

export interface Reveal {
  secret: string | null
  busy: boolean
  /** The server wants the password; answer with `confirm`. */
  passwordNeeded: boolean
  problem: ApiProblem | null
  /** The secret, or null when the password is needed first or the server refused. */
  reveal: () => Promise<string | null>
  /** @throws ApiProblem when the password is wrong. */
  confirm: (password: string) => Promise<string | null>
  cancel: () => void
  forget: () => void
}

export function useReveal(app: string, key: string): Reveal {
  const queryClient = useQueryClient()
  const cacheKey = secretKey(app, key)
  const { data } = useQuery<string | null>({
    queryKey: cacheKey,
    queryFn: skipToken,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: SECRET_KEPT_MS,
  })
  const [busy, setBusy] = useState(false)
  const [passwordNeeded, setPasswordNeeded] = useState(false)
  const [problem, setProblem] = useState<ApiProblem | null>(null)

  const reveal = async (): Promise<string | null> => {
    const cached = queryClient.getQueryData<string | null>(cacheKey)
    if (cached) return cached
    setBusy(true)
    setProblem(null)
    try {
      const { secret } = await api.revealKey(app, key)
      queryClient.setQueryData(cacheKey, secret)
      return secret
    } catch (error) {
      const refused = asProblem(error)
      if (refused.name === 'sudo_required') setPasswordNeeded(true)
      else setProblem(refused)
      return null
    } finally {
      setBusy(false)
    }
  }

  const confirm = async (password: string): Promise<string | null> => {
    await api.sudo(password)
    setPasswordNeeded(false)
    return reveal()
  }

  return {
    secret: data ?? null,
    busy,
    passwordNeeded,
    problem,
    reveal,
    confirm,
    cancel: () => setPasswordNeeded(false),
    forget: () => queryClient.setQueryData(cacheKey, null),
  }
}
