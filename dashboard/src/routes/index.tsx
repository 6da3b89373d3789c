import { createFileRoute, redirect } from '@tanstack/react-router'
import { signedInHint } from '#/features/auth/signed-in-hint'

/** `/` leads to the welcome page, to sign-in, or, where nobody has ever signed in, to sign-up. */
export const Route = createFileRoute('/')({
  beforeLoad: () => {
    const hint = signedInHint()
    throw redirect({ to: hint === 'yes' ? '/welcome' : hint === 'no' ? '/sign-in' : '/sign-up', replace: true })
  },
})
