import { createFileRoute, redirect } from '@tanstack/react-router'
import { requireSession } from '#/features/auth/guards'
import { signedInHint } from '#/features/auth/signed-in-hint'
import { appOf } from '#/features/frame/current-app'

/** `/` leads to the overview of the app at hand, to sign-in, or, where nobody has ever signed in, to sign-up. */
export const Route = createFileRoute('/')({
  beforeLoad: async ({ context }) => {
    const hint = signedInHint()
    if (hint !== 'yes') throw redirect({ to: hint === 'no' ? '/sign-in' : '/sign-up', replace: true })
    const app = appOf(await requireSession(context.queryClient, '/'), undefined)
    if (!app) throw redirect({ to: '/apps', replace: true })
    throw redirect({ to: '/apps/$appId', params: { appId: app.id }, replace: true })
  },
})
