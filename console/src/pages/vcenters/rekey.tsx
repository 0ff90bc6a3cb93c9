// New keys for machines of a vCenter: a plan that says which get one and which cannot, and the campaign that carries it out.

import { useEffect, useState } from 'preact/hooks'
import { ApiError, call, type Answer } from '../../api.ts'
import { useAct, useAsk } from '../../ask.ts'
import { Answered, Problem } from '../../parts/answer.tsx'
import { counted, numberText } from '../../parts/counted.ts'
import { Field } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { linesIn } from '../../parts/names-in.ts'
import { Progress } from '../../parts/progress.tsx'
import { Say } from '../../parts/say.tsx'
import { SecondPerson } from '../../parts/second-person.tsx'
import { Some } from '../../parts/some.tsx'
import { Switch } from '../../parts/switch.tsx'
import { Table } from '../../parts/table.tsx'
import { Time } from '../../parts/time.tsx'
import { pathTo } from '../../place.ts'
import { LoginFields, noLogin, type VcenterPart } from './login.tsx'

const lookEveryMs = 2_000

type Campaign = Answer<'showRekey'>
type Machine = Answer<'listRekeyMachines'>[number]

export function Rekey({
  instance,
  vcenter,
  mayManage,
}: Omit<VcenterPart, 'again'> & { readonly mayManage: boolean }) {
  const place = { instance, vcenter: vcenter.id }
  const asked = useAsk('showRekey', place, { everyMs: lookEveryMs })
  const isUnplanned = asked.error instanceof ApiError && asked.error.code === 'not-found'
  const state = isUnplanned ? undefined : asked.data?.state
  const isOpen = state === 'running' || state === 'paused'
  return (
    <section aria-labelledby="rekey">
      <h2 id="rekey">New keys for machines</h2>
      {isUnplanned ? (
        <p>No campaign was planned.</p>
      ) : (
        <Answered asked={asked}>
          {(campaign) => (
            <>
              <Shown campaign={campaign} />
              {mayManage && (
                <Acts key={campaign.state} {...place} campaign={campaign} again={asked.refresh} />
              )}
              <Machines key={campaign.plan} {...place} isOpen={isOpen} />
            </>
          )}
        </Answered>
      )}
      {mayManage && !isOpen && (
        <details>
          <summary>{state === undefined ? 'Plan new keys' : 'Plan others'}</summary>
          <Plan {...place} provider={vcenter.provider?.name ?? ''} onPlanned={asked.refresh} />
        </details>
      )}
    </section>
  )
}

const stateWords: Readonly<Record<Campaign['state'], string>> = {
  planned: 'It is planned, and was not begun.',
  running: 'It is under way.',
  paused: 'It is paused.',
  done: 'It is done.',
  ended: 'It was ended before all were done.',
}

function Shown({ campaign }: { readonly campaign: Campaign }) {
  const { state, counts, machines, provider, deep, withoutCopy, window, planned, by, reason, trouble } =
    campaign
  const finished = counts.done + counts.failed + counts.changed
  const total = finished + counts.planned + counts.keyed
  return (
    <>
      <p class={state === 'done' ? 'good' : 'look'} role="status">
        {stateWords[state]} {campaign.waits && 'It waits for its hours. '}
        <Say text={reason} none="" />
      </p>
      {state === 'running' && (
        <Progress label="Machines" done={finished} total={total} trouble={trouble?.message ?? null} />
      )}
      <dl class="facts">
        <dt>Machines</dt>
        <dd>
          <Say text={machines.join(', ')} />, new keys from <Say text={provider} />
          {deep && ', all data encrypted again'}
          {withoutCopy && ', without waiting for a backup elsewhere'}
        </dd>
        {window && (
          <>
            <dt>Hours</dt>
            <dd>
              {window.from} to {window.to}, <Say text={window.timeZone} />
            </dd>
          </>
        )}
        <dt>Planned</dt>
        <dd>
          <Time at={planned} />
          {by !== null && (
            <>
              , begun by <Say text={by} />
            </>
          )}
        </dd>
        <dt>How many</dt>
        <dd>
          {numberText(counts.done)} done, {numberText(counts.planned + counts.keyed)} to do,{' '}
          {numberText(counts.failed)} failed, {numberText(counts.changed)} changed meanwhile,{' '}
          {numberText(counts.cannot)} left out
        </dd>
      </dl>
    </>
  )
}

type Place = { readonly instance: string; readonly vcenter: string }

function Acts({
  campaign,
  again,
  ...place
}: Place & { readonly campaign: Campaign; readonly again: () => void }) {
  const { state, plan } = campaign
  const [login, setLogin] = useState(noLogin)
  const [isRetried, setRetried] = useState(false)
  const pausing = useAct()
  const privileges =
    'With Cryptographer.ManageKeys and Cryptographer.Recrypt; for hosts Cryptographer.RegisterHost, for vSAN Host.Inventory.EditCluster. Stored sealed until the end, 30 days at most.'
  const done = (act: () => Promise<unknown>) => async () => {
    await act()
    setLogin(noLogin)
    again()
  }
  const resume = done(() => {
    const own = login.user === '' ? {} : { login }
    return call('resumeRekey', { ...place, body: { ...own, retry: isRetried } })
  })
  return (
    <>
      {pausing.error && <Problem error={pausing.error} />}
      {state === 'planned' && (
        <Form action="Begin" onSubmit={done(() => call('beginRekey', { ...place, body: { plan, login } }))}>
          <LoginFields login={login} onChange={setLogin} help={privileges} />
          <SecondPerson acts={['vcenter change']} />
        </Form>
      )}
      {state === 'paused' && (
        <Form action="Go on" onSubmit={resume}>
          <Switch isOn={isRetried} onChange={setRetried}>
            Try those that failed again
          </Switch>
          {campaign.login === null && <LoginFields login={login} onChange={setLogin} help={privileges} />}
        </Form>
      )}
      <p class="acts">
        {state === 'running' && (
          <button
            type="button"
            aria-busy={pausing.isRunning}
            onClick={() => void pausing.run(done(() => call('pauseRekey', place)))}
          >
            Pause
          </button>
        )}
        {(state === 'running' || state === 'paused' || state === 'planned') && (
          <button
            type="button"
            class="secondary"
            aria-busy={pausing.isRunning}
            onClick={() => void pausing.run(done(() => call('endRekey', place)))}
          >
            End it: machines keep the keys that they have then
          </button>
        )}
      </p>
    </>
  )
}

function Plan({
  provider,
  onPlanned,
  ...place
}: Place & { readonly provider: string; readonly onPlanned: () => void }) {
  const [machines, setMachines] = useState('*')
  const [from, setFrom] = useState('')
  const [to, setTo] = useState(provider)
  const [deep, setDeep] = useState(false)
  const [withoutCopy, setWithoutCopy] = useState(false)
  const [planning, setPlanning] = useState<string | undefined>(undefined)
  const plan = async (): Promise<void> => {
    const body = {
      machines: linesIn(machines),
      ...(from !== '' && { from }),
      ...(to !== '' && { provider: to }),
      deep,
      withoutCopy,
    }
    setPlanning((await call('planRekey', { ...place, body })).id)
  }
  return (
    <>
      <Form action="Plan it" onSubmit={plan}>
        <Field
          label="Machines, hosts and vSAN clusters"
          value={machines}
          onChange={setMachines}
          required
          rows={3}
          help="Names or identifiers, one in each line; * stands for any text. Planning reads with the stored login, and changes nothing."
        />
        <Field
          label="Only those with a key of this key provider"
          value={from}
          onChange={setFrom}
          help="Left empty: of any."
        />
        <Field
          label="Key provider of the new keys"
          value={to}
          onChange={setTo}
          help="Left empty: that of the last connect."
        />
        <Switch isOn={deep} onChange={setDeep}>
          Encrypt all data again, which takes long and needs machines that are off
        </Switch>
        <Switch isOn={withoutCopy} onChange={setWithoutCopy}>
          Do not wait for a backup elsewhere that has the new keys: if this server is lost first, so are the
          machines
        </Switch>
      </Form>
      {planning !== undefined && (
        <Planning key={planning} {...place} planning={planning} onPlanned={onPlanned} />
      )}
    </>
  )
}

function Planning({
  onPlanned,
  ...place
}: Place & { readonly planning: string; readonly onPlanned: () => void }) {
  const asked = useAsk('showRekeyPlan', place, { everyMs: 1_000 })
  const isDone = asked.data?.state === 'done'
  useEffect(() => {
    if (isDone) onPlanned()
  }, [isDone])
  return (
    <Answered asked={asked}>
      {({ state, seen, error }) => (
        <p role="status" class={state === 'failed' ? 'bad' : 'look'} aria-busy={state === 'running'}>
          {counted(seen, 'machine')} looked at. <Say text={error?.message} none="" />{' '}
          <Say text={error?.hint} none="" />
        </p>
      )}
    </Answered>
  )
}

function Machines({ isOpen, ...place }: Place & { readonly isOpen: boolean }) {
  const [isShown, setShown] = useState(false)
  const asked = useAsk(isShown ? 'listRekeyMachines' : null, place, {
    everyMs: isOpen ? lookEveryMs : undefined,
  })
  return (
    <details open={isShown} onToggle={({ currentTarget }) => setShown(currentTarget.open)}>
      <summary>Its machines, with their old and new keys</summary>
      <Answered asked={asked}>
        {(machines) => (
          <Some of={machines} search="Name, identifier or state" wordsOf={wordsOf}>
            {(some) => (
              <Table heads={['Name', 'State', 'Old keys', 'New key']}>
                {some.map(({ kind, id, name, state, oldKeys, newKey, reason }) => (
                  <tr key={`${kind} ${id}`}>
                    <th scope="row">
                      <Say text={name} />
                    </th>
                    <td>
                      {machineWords[state]} <Say text={reason} none="" />
                    </td>
                    <td>
                      {oldKeys.map((key) => (
                        <div key={key}>
                          <a href={pathTo('keys', place.instance, key)}>
                            <Say text={key} />
                          </a>
                        </div>
                      ))}
                    </td>
                    <td>
                      {newKey !== null && (
                        <a href={pathTo('keys', place.instance, newKey)}>
                          <Say text={newKey} />
                        </a>
                      )}
                    </td>
                  </tr>
                ))}
              </Table>
            )}
          </Some>
        )}
      </Answered>
    </details>
  )
}

const machineWords: Readonly<Record<Machine['state'], string>> = {
  planned: 'to do',
  cannot: 'left out:',
  keyed: 'has a new key made for it',
  done: 'done',
  failed: 'failed:',
  changed: 'was changed meanwhile',
}

function wordsOf({ name, id, state, oldKeys, newKey }: Machine): string {
  return [name, id, state, machineWords[state], ...oldKeys, newKey ?? ''].join(' ')
}
