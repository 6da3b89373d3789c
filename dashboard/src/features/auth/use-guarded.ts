/**
 * A change that the server makes only for 15 minutes after a sign-in. When it wants the password again, the page shows
 * `PasswordPrompt`; the change is then made without asking twice for anything else.
 */
import { useMutation } from '@tanstack/react-query'
import { api } from '#/api/client'
import { type ApiProblem, asProblem } from '#/api/problem'

interface GuardedOptions<Input, Output> {
  mutationFn: (input: Input) => Promise<Output>
  onSuccess: (output: Output, input: Input) => void
}

export interface Guarded<Input> {
  run: (input: Input) => void
  busy: boolean
  /** What went wrong, other than the missing password. */
  problem: ApiProblem | null
  passwordNeeded: boolean
  /** @throws ApiProblem when the password is wrong. */
  confirm: (password: string) => Promise<void>
  reset: () => void
}

export function useGuarded<Input, Output>(options: GuardedOptions<Input, Output>): Guarded<Input> {
  const mutation = useMutation<Output, Error, Input>({
    mutationFn: options.mutationFn,
    onSuccess: (output, input) => options.onSuccess(output, input),
  })
  const problem = mutation.error ? asProblem(mutation.error) : null
  const passwordNeeded = problem?.name === 'sudo_required'
  return {
    run: mutation.mutate,
    busy: mutation.isPending,
    problem: passwordNeeded ? null : problem,
    passwordNeeded,
    confirm: async (password) => {
      await api.sudo(password)
      mutation.mutate(mutation.variables as Input)
    },
    reset: mutation.reset,
  }
}
