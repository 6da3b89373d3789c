import { Eye, EyeOff, LockKeyhole } from 'lucide-react'
import { Tabs } from 'radix-ui'
import { useRef, useState } from 'react'
import type { App } from '#/api/types'
import { PasswordPrompt } from '#/features/auth/password-prompt'
import { useReveal } from '#/features/keys/use-reveal'
import { announce } from '#/ui/announce'
import { Button } from '#/ui/button'
import { copyText } from '#/ui/clipboard'
import { Code } from '#/ui/code'
import { CopyButton } from '#/ui/copy-button'
import { ProblemNotice } from '#/ui/problem-notice'
import { tabClass } from '#/ui/tab-class'
import { rememberedTab, rememberTab } from './remembered-tab'
import { MASKED_SECRET, SNIPPETS, type Snippet } from './snippets'

interface SnippetCardProps {
  app: App
  keyId: string
  edgeUrl: string
  email: string
}

export function SnippetCard({ app, keyId, edgeUrl, email }: SnippetCardProps) {
  const [tab, setTab] = useState<string>(rememberedTab)
  const [shown, setShown] = useState(false)
  const reveal = useReveal(app.id, keyId)
  // What to do once the password is confirmed.
  const wanted = useRef<'show' | Snippet>('show')

  const source = (snippet: Snippet, secret: string) => snippet.source({ edgeUrl, appId: app.id, keyId, secret })

  const copy = async (snippet: Snippet): Promise<string | null> => {
    if (!snippet.usesSecret) return source(snippet, '')
    wanted.current = snippet
    const secret = await reveal.reveal()
    return secret && source(snippet, secret)
  }

  const show = async () => {
    wanted.current = 'show'
    if (await reveal.reveal()) setShown(true)
  }

  const confirm = async (password: string) => {
    const secret = await reveal.confirm(password)
    if (!secret) return
    if (wanted.current === 'show') return setShown(true)
    try {
      await copyText(source(wanted.current, secret))
      announce('Copied the snippet')
    } catch {
      announce('Password accepted. Press Copy again.')
    }
  }

  return (
    <Tabs.Root
      value={tab}
      onValueChange={(value) => {
        setTab(value)
        rememberTab(value)
      }}
      className="rounded-lg border border-line bg-surface"
    >
      <div className="flex items-center justify-between gap-2 border-b border-line pr-2 pl-1">
        <Tabs.List aria-label="Language" className="flex min-w-0">
          {SNIPPETS.map((snippet) => (
            <Tabs.Trigger key={snippet.id} value={snippet.id} className={tabClass}>
              {snippet.label}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {SNIPPETS.filter((snippet) => snippet.id === tab).map((snippet) => (
          <CopyButton key={snippet.id} text={() => copy(snippet)} what={`the ${snippet.label} snippet`} label="Copy" />
        ))}
      </div>
      {SNIPPETS.map((snippet) => (
        <Tabs.Content key={snippet.id} value={snippet.id} tabIndex={-1}>
          <p className="px-3 pt-3 text-muted">{snippet.note}</p>
          <section
            // biome-ignore lint/a11y/noNoninteractiveTabindex: long lines scroll, so the keyboard must reach them.
            tabIndex={0}
            aria-label={`${snippet.label} snippet`}
            data-testid="snippet"
            className="mx-3 my-3 overflow-x-auto rounded-md border border-line bg-sunken p-3 font-mono text-xs leading-[18px]"
          >
            <pre>
              <Code
                language={snippet.language}
                source={source(snippet, shown && reveal.secret ? reveal.secret : MASKED_SECRET)}
              />
            </pre>
          </section>
          {snippet.file && snippet.run && (
            <HowToRun file={snippet.file} run={snippet.run} command={snippet.usesSecret} />
          )}
          {snippet.usesSecret && (
            <div className="flex flex-wrap items-center justify-between gap-2 border-t border-line px-3 py-2 text-xs text-muted">
              <span className="flex items-center gap-1.5">
                <LockKeyhole size={13} aria-hidden />
                {shown && reveal.secret ? 'The secret is on screen.' : 'The secret is hidden here; Copy puts it in.'}
              </span>
              <Button look="ghost" size="sm" busy={reveal.busy} onClick={shown ? () => setShown(false) : show}>
                {shown && reveal.secret ? <EyeOff size={14} aria-hidden /> : <Eye size={14} aria-hidden />}
                {shown && reveal.secret ? 'Hide secret' : 'Show secret'}
              </Button>
            </div>
          )}
        </Tabs.Content>
      ))}
      {(reveal.passwordNeeded || reveal.problem) && (
        <div className="border-t border-line p-3">
          {reveal.problem && <ProblemNotice problem={reveal.problem} />}
          {reveal.passwordNeeded && (
            <PasswordPrompt purpose="put the secret in" email={email} confirm={confirm} cancel={reveal.cancel} />
          )}
        </div>
      )}
    </Tabs.Root>
  )
}

function HowToRun({ file, run, command }: { file: string; run: string; command: boolean }) {
  return (
    <p className="mx-3 mb-3 text-xs leading-7 text-muted">
      Save as <code className="font-mono text-ink">{file}</code>, then{' '}
      {command ? (
        <>
          <code className="font-mono break-words text-ink">{run}</code>
          <CopyButton text={run} what="the command" className="ml-1 align-middle" />
        </>
      ) : (
        `${run}.`
      )}
    </p>
  )
}
