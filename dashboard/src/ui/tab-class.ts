/** The look of a radix tab trigger: text with a line under the one that is open. */
export const tabClass =
  'relative h-10 rounded-md px-2.5 whitespace-nowrap text-muted hover:text-ink focus-visible:-outline-offset-4 data-[state=active]:font-medium data-[state=active]:text-ink data-[state=active]:after:absolute data-[state=active]:after:inset-x-2.5 data-[state=active]:after:-bottom-px data-[state=active]:after:h-0.5 data-[state=active]:after:bg-accent'
