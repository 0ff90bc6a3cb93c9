// Keys taken over from another key server: how far it is, what did not fit, and what a vCenter needs that is not here.

import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { useAct, useAsk } from '../../ask.ts'
import { Answered, Problem } from '../../parts/answer.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Field } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { InstanceChoice, useInstance } from '../../parts/instance-choice.tsx'
import { Progress } from '../../parts/progress.tsx'
import { Say } from '../../parts/say.tsx'
import { Time } from '../../parts/time.tsx'
import { useMay } from '../../session.tsx'
import { namesIn } from '../../parts/names-in.ts'
import { NameUpstream } from './name-upstream.tsx'
import { BackToSettings } from './settings.tsx'

type Adoption = Answer<'listAdoptions'>[number]
type Report = NonNullable<Adoption['report']>
type Upstream = NonNullable<Answer<'showInstance'>['upstream']>

export function Adoption() {
  const chosen = useInstance()
  const { instance } = chosen
  const mayManage = useMay('manager', instance === undefined ? {} : { instance })
  return (
    <>
      <BackToSettings />
      <h1>Adoption</h1>
      <div class="filters">
        <InstanceChoice {...chosen} />
      </div>
      {instance !== undefined && mayManage && <Runs key={`runs ${instance}`} instance={instance} />}
      {instance !== undefined && <UpstreamOf key={`upstream ${instance}`} instance={instance} />}
      {instance !== undefined && <Check key={`check ${instance}`} instance={instance} />}
      <p>
        An adoption takes the private key of a client that the old server trusts, so it is begun where that
        key is: <code>mortise adopt kmip HOST</code>. This page shows how far it is.
      </p>
    </>
  )
}

function Runs({ instance }: { readonly instance: string }) {
  const asked = useAsk('listAdoptions', { instance }, { everyMs: 2_000 })
  return (
    <section aria-labelledby="runs">
      <h2 id="runs">The last adoption</h2>
      <Answered asked={asked}>
        {(adoptions) =>
          adoptions.length === 0 ? (
            <p>None was begun on this node since the server was started.</p>
          ) : (
            adoptions.map((one) => <Run key={one.id} adoption={one} />)
          )
        }
      </Answered>
    </section>
  )
}

const steps = {
  list: 'Mortise lists what the old server has',
  adopt: 'Mortise adopts the objects',
  verify: 'Mortise reads both servers back and compares',
} as const

function Run({ adoption }: { readonly adoption: Adoption }) {
  const { servers, state, step, done, total, trouble, report, error } = adoption
  return (
    <>
      <p>
        From <Say text={servers.join(', ')} />: {state}
      </p>
      {state === 'running' && <Progress label={steps[step]} done={done} total={total} trouble={trouble} />}
      {error && (
        <div class="problem" role="status">
          <p>
            <strong>
              <Say text={error.message} />
            </strong>
          </p>
          <p>
            <Say text={error.hint} none="" />
          </p>
          <p>What was adopted stays. It can be begun again.</p>
        </div>
      )}
      {report && <Reported report={report} />}
    </>
  )
}

const lists = {
  conflicts: 'Conflicts: here with other bytes, or destroyed here. Nothing was overwritten',
  notStored: 'Mortise cannot store them',
  notExported: 'The old server does not hand them out',
  notChecked: 'Not adopted, since nothing checks them',
  withoutAttributes: 'Adopted without some attributes',
  sharedNames: 'Adopted without a Name that another object has',
} as const

function Reported({ report }: { readonly report: Report }) {
  const { dryRun, objects, adopted, updated, unchanged, unchecked, verified } = report
  return (
    <>
      {dryRun && <p class="look">A dry run: it says what would be done, and did nothing.</p>}
      <dl class="facts">
        <dt>Looked at</dt>
        <dd>{objects}</dd>
        <dt>Adopted</dt>
        <dd>{adopted}</dd>
        <dt>Updated</dt>
        <dd>{updated}</dd>
        <dt>Unchanged</dt>
        <dd>{unchanged}</dd>
        {unchecked > 0 && (
          <>
            <dt>Adopted unchecked</dt>
            <dd>{unchecked}</dd>
          </>
        )}
        {verified && (
          <>
            <dt>Compared</dt>
            <dd class={verified.different.count === 0 ? 'good' : 'bad'}>
              {verified.equal} equal, {verified.different.count} different
            </dd>
          </>
        )}
      </dl>
      {Object.entries(lists).map(([name, title]) => (
        <Listed key={name} title={title} listed={report[name as keyof typeof lists]} />
      ))}
      {verified && <Listed title="Different on the two servers" listed={verified.different} />}
    </>
  )
}

function Listed({ title, listed }: { readonly title: string; readonly listed: Report['conflicts'] }) {
  const { count, items } = listed
  if (count === 0) return null
  return (
    <details>
      <summary>
        {title}: {count}
      </summary>
      <ul>
        {items.map(({ id, why }) => (
          <li key={id}>
            <code>{id}</code>: <Say text={why} />
          </li>
        ))}
      </ul>
      {items.length < count && <p>And {count - items.length} more: the log of the server has them.</p>}
    </details>
  )
}

const upstreamWords = {
  on: 'it is asked for identifiers that are unknown here',
  off: 'it is not asked since a restore, until a manager turns it on',
  'not-answering': 'it did not answer when it was last asked',
} as const

function UpstreamOf({ instance }: { readonly instance: string }) {
  const asked = useAsk('showInstance', { instance }, { everyMs: 5_000 })
  const mayManage = useMay('manager', { instance })
  return (
    <Answered asked={asked}>
      {({ upstream }) =>
        upstream ? (
          <UpstreamShown upstream={upstream} instance={instance} again={asked.again} />
        ) : (
          mayManage && <NameUpstream instance={instance} again={asked.again} />
        )
      }
    </Answered>
  )
}

function UpstreamShown({
  upstream,
  instance,
  again,
}: {
  readonly upstream: Upstream
  readonly instance: string
  readonly again: () => void
}) {
  const mayManage = useMay('manager', { instance })
  const { isRunning, error, run } = useAct()
  const [asks, setAsks] = useState(false)
  const { servers, state, adopted, lastAdopted, lastAnswer, lastFailure, notAdopted } = upstream
  return (
    <section aria-labelledby="upstream">
      <h2 id="upstream">The upstream</h2>
      <dl class="facts">
        <dt>Old server</dt>
        <dd>
          <Say text={servers.join(', ')} />:{' '}
          <span class={state === 'on' ? 'good' : 'look'}>{upstreamWords[state]}</span>
        </dd>
        <dt>Adopted when asked for</dt>
        <dd>
          {adopted}, last <Time at={lastAdopted} />
        </dd>
        <dt>Last answer</dt>
        <dd>
          <Time at={lastAnswer} none="none since the server was started" />
        </dd>
        {lastFailure && (
          <>
            <dt>Last failure</dt>
            <dd>
              <Time at={lastFailure.at} />: <Say text={lastFailure.message} />
            </dd>
          </>
        )}
      </dl>
      <Listed title="Could not be adopted" listed={{ count: notAdopted.length, items: notAdopted }} />
      {mayManage && (
        <p class="acts">
          <button
            type="button"
            class="secondary"
            aria-busy={isRunning}
            onClick={() => void run(async () => void (await call('compareAdopted', { instance })))}
          >
            Compare all adopted keys with it
          </button>
          {state === 'off' && (
            <button
              type="button"
              aria-busy={isRunning}
              onClick={() =>
                void run(async () => {
                  await call('turnUpstreamOn', { instance })
                  again()
                })
              }
            >
              Turn it on
            </button>
          )}
          <button type="button" class="danger" onClick={() => setAsks(true)}>
            Remove it…
          </button>
        </p>
      )}
      {error && <Problem error={error} />}
      {asks && (
        <Confirm
          title="Remove the upstream"
          action="Remove it"
          onClose={() => setAsks(false)}
          onConfirm={async () => {
            await call('removeUpstream', { instance })
            again()
          }}
        >
          <p>
            From now on a key that is not here yet is unknown to vCenter, and machines that need it do not
            start. What was adopted stays. Check first, below, that nothing is missing. The private key that
            the old server was shown is removed too.
          </p>
        </Confirm>
      )}
    </section>
  )
}

function Check({ instance }: { readonly instance: string }) {
  const [text, setText] = useState('')
  const [checked, setChecked] = useState<{ readonly text: string; readonly found: Answer<'checkAdoption'> }>()
  const ids = namesIn(text)
  // The reader may have typed others since, also while these were looked for.
  const found = checked?.text === text ? checked.found : undefined
  const check = async (): Promise<void> => {
    setChecked(undefined)
    setChecked({ text, found: await call('checkAdoption', { instance, body: { ids } }) })
  }
  return (
    <section aria-labelledby="check">
      <h2 id="check">Check before you switch</h2>
      <Form action="Check them" disabled={ids.length === 0} onSubmit={check}>
        <Field
          label="Identifiers of keys that vCenter uses"
          rows={5}
          value={text}
          onChange={setText}
          help="One a line, or with commas between them. Nothing changes."
        />
      </Form>
      {found && (
        <div role="status">
          <p class={found.missing.length + found.destroyed.length === 0 ? 'good' : 'bad'}>
            {found.present} are here, {found.missing.length} are missing, {found.destroyed.length} were
            destroyed.
          </p>
          {[...found.missing, ...found.destroyed].map((id) => (
            <div key={id}>
              <Say text={id} />
            </div>
          ))}
        </div>
      )}
    </section>
  )
}
