import { SendHorizontal } from 'lucide-react'
import { type FormEvent, useId, useState } from 'react'
import { Button } from '#/ui/button'
import { cx } from '#/ui/cx'
import { FieldError, inputClass } from '#/ui/field'
import { parsePayload } from './payload'
import { HELLO, type Hello } from './use-hello'

export function Composer({ hello }: { hello: Hello }) {
  const [text, setText] = useState('{"text":"hello"}')
  const [error, setError] = useState<string | null>(null)
  const [sending, setSending] = useState(false)
  const id = useId()

  const send = async (event: FormEvent) => {
    event.preventDefault()
    const payload = parsePayload(text)
    if (!payload.ok) return setError(payload.error)
    if (!hello.subscribed) return setError('Not connected yet. Wait until the channel is live, then press Send again.')
    setError(null)
    setSending(true)
    try {
      await hello.send(payload.data)
    } catch (refused) {
      setError(refused instanceof Error ? refused.message : String(refused))
    } finally {
      setSending(false)
    }
  }

  return (
    <form onSubmit={send} noValidate className="border-b border-line p-3">
      <label htmlFor={id} className="mb-1.5 block text-xs text-muted">
        Publish to <code className="font-mono text-ink">{HELLO}</code>, event{' '}
        <code className="font-mono text-ink">message</code>
      </label>
      <div className="flex gap-2">
        <input
          id={id}
          name="data"
          value={text}
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="none"
          aria-invalid={error ? true : undefined}
          aria-describedby={error ? `${id}-error` : undefined}
          onChange={(event) => {
            setText(event.target.value)
            setError(null)
          }}
          className={cx(inputClass(Boolean(error)), 'font-mono pointer-fine:text-xs')}
        />
        <Button type="submit" look="primary" busy={sending} className="h-9">
          {!sending && <SendHorizontal size={14} aria-hidden />}
          Send
        </Button>
      </div>
      {error && <FieldError id={`${id}-error`}>{error}</FieldError>}
    </form>
  )
}
