import { createFileRoute } from '@tanstack/react-router'
import { validateNext } from '#/features/auth/after-sign-in'
import { leaveIfSignedIn } from '#/features/auth/guards'
import { SignInPage } from '#/features/auth/sign-in-page'

export const Route = createFileRoute('/sign-in')({
  validateSearch: validateNext,
  beforeLoad: ({ context }) => leaveIfSignedIn(context.queryClient),
  component: () => <SignInPage next={Route.useSearch().next} />,
})
