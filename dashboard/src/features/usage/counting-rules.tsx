/** "How is this counted?": the rule of each number on the page, in the words of the code that counts. */
export function CountingRules({ rules }: { rules: readonly { title: string; text: string }[] }) {
  return (
    <details className="mt-4 rounded-lg border border-line bg-surface">
      <summary className="cursor-pointer rounded-lg px-4 py-2.5 font-medium">How is this counted?</summary>
      <dl className="space-y-2 border-t border-line px-4 py-3">
        {rules.map((rule) => (
          <div key={rule.title} className="max-w-[80ch]">
            <dt className="font-medium">{rule.title}</dt>
            <dd className="text-muted">{rule.text}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
