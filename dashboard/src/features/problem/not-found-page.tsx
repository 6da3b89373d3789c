import { Link } from '@tanstack/react-router'
import { buttonClass } from '#/ui/button'
import { Mark } from '#/ui/mark'
import { usePageTitle } from '#/ui/page-header'

export function NotFoundPage() {
  usePageTitle('Not found')
  return (
    <main tabIndex={-1} className="focus:outline-none mx-auto flex w-full max-w-[392px] flex-1 flex-col px-4 pt-[18vh]">
      <Mark size={26} />
      <h1 className="mt-6 text-xl font-semibold tracking-tight">Nothing at this address</h1>
      <p className="mt-1 mb-6 text-muted">
        The link may be mistyped, or what it led to is gone or belongs to another account.
      </p>
      <p>
        <Link to="/" className={buttonClass('primary')}>
          Go to the start
        </Link>
      </p>
    </main>
  )
}
