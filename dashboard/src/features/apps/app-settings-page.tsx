import { type FormEvent, type ReactNode, useState } from 'react'
import { asProblem } from '#/api/problem'
import type { App, Features, Session } from '#/api/types'
import { Button } from '#/ui/button'
import { Switch } from '#/ui/choice'
import { CopyButton } from '#/ui/copy-button'
import { EnvironmentPill } from '#/ui/environment-pill'
import { Field } from '#/ui/field'
import { PageHeader } from '#/ui/page-header'
import { Panel } from '#/ui/panel'
import { ProblemNotice } from '#/ui/problem-notice'
import { exactTime } from '#/ui/time'
import { DeleteApp } from './delete-app'
import { PauseApp } from './pause-app'
import { usePatchApp } from './use-patch-app'

export function AppSettingsPage({ app, session }: { app: App; session: Session }) {
  return (
    <>
      <PageHeader title="App settings" lead="What this app is called, and what clients may do in it." />
      <div className="max-w-[760px] space-y-4">
        <General key={app.id} app={app} />
        <FeaturesPanel app={app} />
        <DangerZone app={app} session={session} />
      </div>
    </>
  )
}

function General({ app }: { app: App }) {
  const [name, setName] = useState(app.name)
  const [empty, setEmpty] = useState(false)
  const rename = usePatchApp(app)
  const trimmed = name.trim()

  const submit = (event: FormEvent) => {
    event.preventDefault()
    setEmpty(trimmed === '')
    if (trimmed !== '' && trimmed !== app.name)
      rename.mutate({ patch: { name: trimmed }, said: `Renamed to ${trimmed}` })
  }

  return (
    <Panel title="General">
      <form onSubmit={submit} noValidate className="px-4 py-3">
        <div className="flex flex-wrap items-start gap-2">
          <Field
            label="Name"
            name="name"
            autoComplete="off"
            maxLength={80}
            value={name}
            error={empty ? 'Give the app a name.' : undefined}
            onChange={(event) => setName(event.target.value)}
            className="min-w-0 flex-1 basis-52"
          />
          <Button type="submit" busy={rename.isPending} disabled={trimmed === app.name} className="mt-6 h-9">
            Rename
          </Button>
        </div>
        {rename.error && (
          <div className="mt-3">
            <ProblemNotice problem={asProblem(rename.error)} />
          </div>
        )}
      </form>
      <dl className="grid grid-cols-[max-content_minmax(0,1fr)] items-center gap-x-6 gap-y-1 border-t border-line px-4 py-3">
        <dt className="text-muted">App id</dt>
        <dd className="flex items-center">
          <code className="font-mono text-xs">{app.id}</code>
          <CopyButton text={app.id} what="app id" className="ml-1" />
        </dd>
        <dt className="text-muted">Environment</dt>
        <dd className="flex min-h-7 items-center gap-2">
          <EnvironmentPill environment={app.environment} />
          <span className="text-muted">chosen when the app was created</span>
        </dd>
        <dt className="text-muted">Created</dt>
        <dd className="flex min-h-7 items-center">{exactTime(app.created_at)}</dd>
      </dl>
    </Panel>
  )
}

/** What is null stays as it is. */
const UNCHANGED = { subscription_count: null, watchlist: null, authorized_connections: null }

const FEATURES: readonly { name: keyof Features; label: string; hint: string }[] = [
  {
    name: 'subscription_count',
    label: 'Subscription counts',
    hint: 'Clients are told how many subscribe to their public or private channel, and your servers may ask.',
  },
  {
    name: 'watchlist',
    label: 'Watchlists',
    hint: 'Who signs in may name up to 100 users and is told which of them are online, and every change.',
  },
  {
    name: 'authorized_connections',
    label: 'Authorised connections only',
    hint: 'Connections that neither sign in nor join a private or presence channel within 30 seconds are closed.',
  },
]

function FeaturesPanel({ app }: { app: App }) {
  const change = usePatchApp(app)
  return (
    <Panel title="Pusher protocol features" lead="As at Pusher, these are off in production apps until you want them.">
      <div className="space-y-3 px-4 py-3">
        {FEATURES.map((feature) => (
          <Switch
            key={feature.name}
            label={feature.label}
            hint={feature.hint}
            checked={app.features[feature.name]}
            onChange={(event) =>
              change.mutate({
                patch: { features: { ...UNCHANGED, [feature.name]: event.target.checked } },
                said: `${feature.label} ${event.target.checked ? 'on' : 'off'}`,
              })
            }
          />
        ))}
        {change.error && <ProblemNotice problem={asProblem(change.error)} />}
      </div>
    </Panel>
  )
}

function DangerZone({ app, session }: { app: App; session: Session }) {
  const [asking, setAsking] = useState<'pause' | 'delete' | null>(null)
  const resume = usePatchApp(app)
  const close = () => setAsking(null)
  return (
    <Panel title="Danger zone" danger>
      <div className="divide-y divide-line">
        <Danger
          title={app.paused ? 'This app is paused' : 'Pause app'}
          text={
            app.paused
              ? 'Connections and publishes are refused until it is resumed.'
              : 'Closes its connections and refuses everything, at once. Nothing is lost; resume whenever you like.'
          }
        >
          {app.paused ? (
            <Button
              busy={resume.isPending}
              onClick={() => resume.mutate({ patch: { paused: false }, said: `${app.name} resumed` })}
            >
              Resume app
            </Button>
          ) : (
            <Button look="danger" onClick={() => setAsking('pause')}>
              Pause app…
            </Button>
          )}
        </Danger>
        {resume.error && (
          <div className="px-4 py-3">
            <ProblemNotice problem={asProblem(resume.error)} />
          </div>
        )}
        <Danger title="Delete app" text="It goes with its keys, rules and usage. This cannot be undone.">
          <Button look="danger" onClick={() => setAsking('delete')}>
            Delete app…
          </Button>
        </Danger>
      </div>
      <PauseApp app={app} open={asking === 'pause'} close={close} />
      <DeleteApp app={app} email={session.user.email} open={asking === 'delete'} close={close} />
    </Panel>
  )
}

function Danger({ title, text, children }: { title: string; text: ReactNode; children: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 px-4 py-3">
      <div className="min-w-0 flex-1 basis-64">
        <p className="font-medium">{title}</p>
        <p className="text-muted">{text}</p>
      </div>
      {children}
    </div>
  )
}
