/** The mark: a struck point and the sound that leaves it. */
export function Mark({ size = 22 }: { size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 32 32"
      fill="none"
      stroke="currentColor"
      strokeWidth="2.75"
      strokeLinecap="round"
      className="text-accent"
      aria-hidden="true"
    >
      <circle cx="10" cy="16" r="3.5" fill="currentColor" stroke="none" />
      <path d="M16 9.5a8.5 8.5 0 0 1 0 13" />
      <path d="M21.5 5a15 15 0 0 1 0 22" />
    </svg>
  )
}
