import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { api } from '#/api/client'
import { rememberSignedIn } from '#/features/auth/signed-in-hint'
import { announce } from '#/ui/announce'

export function useSignOut() {
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: async () => {
      await api.signOut()
      rememberSignedIn('no')
      await navigate({ to: '/sign-in' })
      queryClient.clear()
      announce('Signed out')
    },
  })
}
