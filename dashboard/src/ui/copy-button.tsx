import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { announce } from './announce'
import { Button } from './button'
import { copyText } from './clipboard'

interface CopyButtonProps {
  /** The text, or how to get it. Null means it is not available (yet) and nothing is copied. */
  text: string | (() => Promise<string | null>)
  /** What is copied, as in "Copy {what}". */
  what: string
  /** Shows this beside the icon, such as "Copy". */
  label?: string
  className?: string
}

export function CopyButton({ text, what, label, className }: CopyButtonProps) {
  const [state, setState] = useState<'idle' | 'busy' | 'copied' | 'failed'>('idle')

  useEffect(() => {
    if (state !== 'copied' && state !== 'failed') return
    const timer = setTimeout(() => setState('idle'), 2_000)
    return () => clearTimeout(timer)
  }, [state])

  const copy = async () => {
    setState('busy')
    try {
      const value = typeof text === 'string' ? text : await text()
      if (value === null) return setState('idle')
      await copyText(value)
      announce(`Copied ${what}`)
      setState('copied')
    } catch {
      announce(`Could not copy ${what}. Select the text and copy it by hand.`)
      setState('failed')
    }
  }

  const Icon = state === 'copied' ? Check : Copy
  const word = state === 'copied' ? 'Copied' : state === 'failed' ? 'Not copied' : (label ?? 'Copy')
  return (
    <Button
      look={label ? 'secondary' : 'ghost'}
      size={label ? 'sm' : 'icon'}
      aria-label={label === `Copy ${what}` ? word : `${word} ${what}`}
      title={label ? undefined : word}
      onClick={copy}
      className={className}
    >
      <Icon size={14} aria-hidden className={state === 'copied' ? 'text-ok' : undefined} />
      {label && word}
    </Button>
  )
}
