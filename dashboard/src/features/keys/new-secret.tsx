/** A key that was just made: id, secret, and the lines for a server's environment. */
import type { App, Key } from '#/api/types'
import { CopyButton } from '#/ui/copy-button'

export function NewSecret({ app, item, secret }: { app: App; item: Key; secret: string }) {
  return (
    <div className="rounded-md bg-sunken px-3 py-2">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)_auto] items-center gap-x-3">
        <Line label="Key id" text={item.id} />
        <Line label="Secret" text={secret} />
      </dl>
      <p className="mt-2">
        <CopyButton text={envLines(app.id, item.id, secret)} what=".env lines" label="Copy .env lines" />
      </p>
    </div>
  )
}

function Line({ label, text }: { label: string; text: string }) {
  return (
    <>
      <dt className="text-xs text-muted">{label}</dt>
      <dd>
        <code className="font-mono text-xs break-all">{text}</code>
      </dd>
      <CopyButton text={text} what={label.toLowerCase()} />
    </>
  )
}

export function envLines(app: string, key: string, secret: string): string {
  return `PEAL_APP_ID=${app}\nPEAL_KEY_ID=${key}\nPEAL_KEY_SECRET=${secret}\n`
}
