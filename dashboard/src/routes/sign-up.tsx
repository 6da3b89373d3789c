import { createFileRoute } from '@tanstack/react-router'
import { leaveIfSignedIn } from '#/features/auth/guards'
import { SignUpPage } from '#/features/auth/sign-up-page'

export const Route = createFileRoute('/sign-up')({
  beforeLoad: ({ context }) => leaveIfSignedIn(context.queryClient),
  component: SignUpPage,
})
