// The first page: one sentence that says whether all is well, what needs somebody and what to do, and the state of the parts.

import { useAsk } from '../ask.ts'
import { Answered } from '../parts/answer.tsx'
import { RootKeyState } from '../parts/root-key-state.tsx'
import { Say } from '../parts/say.tsx'
import { Some } from '../parts/some.tsx'
import { Table } from '../parts/table.tsx'
import { Time } from '../parts/time.tsx'
import { addressOf, pathTo } from '../place.ts'
import { useMay } from '../session.tsx'
import { counted, numberText } from '../parts/counted.ts'
import { ago } from '../parts/say-time.ts'
import { Conditions } from './conditions.tsx'
import { noneAtRisk, perMinuteText, sentenceOf, type Status } from './sentence.ts'

export function Overview() {
  const asked = useAsk('status', {}, { everyMs: 5_000 })
  return (
    <>
      <h1>Overview</h1>
      <Answered asked={asked}>
        {(status) => (
          <>
            <Sentence status={status} />
            <FirstStep status={status} />
            <Tiles status={status} />
            <Conditions conditions={status.conditions} />
            <Instances status={status} />
            <Expiries status={status} />
            <Backups status={status} />
            <Nodes status={status} />
            <p>
              <small>
                Mortise {status.version}, since <Time at={status.started} />. KMIP at{' '}
                <code>{status.kmip}</code>.
              </small>
            </p>
          </>
        )}
      </Answered>
    </>
  )
}

function Sentence({ status }: { readonly status: Status }) {
  const { text, tone } = sentenceOf(status)
  return (
    <p class={`sentence ${tone}`} role="status">
      {text}
    </p>
  )
}

/** The first steps of somebody who has just started the server. */
function FirstStep({ status: { instances } }: { readonly status: Status }) {
  const mayConnect = useMay('operator')
  if (!mayConnect || instances.some(({ clients }) => clients > 0)) return null
  return (
    <p class="acts">
      No vCenter is connected yet.
      <a href="/connect" role="button">
        Connect vCenter
      </a>
    </p>
  )
}

/** The numbers that people look at first. */
function Tiles({ status: { traffic, instances, backups } }: { readonly status: Status }) {
  const sum = (of: (instance: Status['instances'][number]) => number) =>
    numberText(instances.reduce((before, instance) => before + of(instance), 0))
  return (
    <dl class="tiles">
      {traffic && (
        <>
          <Tile label="keys served a minute, by this node" value={perMinuteText(traffic)} />
          <Tile label="connections of clients, now" value={numberText(traffic.connections)} />
        </>
      )}
      <Tile label="active keys" value={sum(({ objects }) => objects['Active'] ?? 0)} />
      <Tile label="clients that are trusted" value={sum(({ clients }) => clients)} />
      {backups && <Tile label="last backup" value={backups.last ? ago(backups.last.created) : 'never'} />}
    </dl>
  )
}

function Tile({ label, value }: { readonly label: string; readonly value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function Instances({ status: { instances } }: { readonly status: Status }) {
  return (
    <section aria-labelledby="instances">
      <h2 id="instances">Instances</h2>
      <Some of={instances} search="Name" wordsOf={({ name }) => name}>
        {(some) => (
          <Table heads={['Name', 'Root key', 'Keys', 'Clients']}>
            {some.map(({ id, name, rootKey, rootKeyReason, clients, objects, limits }) => (
              <tr key={id}>
                <th scope="row">
                  <a href={addressOf('/keys', { instance: id })}>
                    <Say text={name} />
                  </a>
                </th>
                <td>
                  <RootKeyState rootKey={rootKey} rootKeyReason={rootKeyReason} />
                </td>
                <td>
                  {numberText(objects['Active'] ?? 0)} active, {numberText(limits.objects.used)} in all, at
                  most {numberText(limits.objects.max)}
                </td>
                <td>
                  <a href={addressOf('/clients', { instance: id })}>{clients}</a>
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Some>
    </section>
  )
}

const yearDays = 366

function Expiries({ status: { expiries } }: { readonly status: Status }) {
  return (
    <section aria-labelledby="expiries">
      <h2 id="expiries">Certificates that expire next</h2>
      {expiries.length === 0 && <p>None.</p>}
      <ol class="time-line">
        {expiries.map(({ kind, name, instance, sha256, notAfter, daysLeft }) => (
          <li key={`${kind} ${sha256}`} class={daysLeft < 0 ? 'bad' : daysLeft < 30 ? 'look' : 'good'}>
            <meter
              min={0}
              max={yearDays}
              low={30}
              value={Math.max(0, Math.min(daysLeft, yearDays))}
              aria-label={`${counted(daysLeft, 'day')} left`}
            />
            <span>
              {instance ? (
                <a href={pathTo('clients', instance.id, name)}>
                  <Say text={name} />
                </a>
              ) : (
                <Say text={name} />
              )}
              : {daysLeft < 0 ? 'expired' : 'ends'} <Time at={notAfter} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}

function Backups({ status: { backups } }: { readonly status: Status }) {
  if (!backups) return null
  const { last, failure, keysAtRisk, verified } = backups
  return (
    <section aria-labelledby="backup">
      <h2 id="backup">Backup</h2>
      <p>
        The last one: <Time at={last?.created ?? null} />
        {last && `, ${counted(last.objects, 'object')}`}. Last verified: <Time at={verified} />.{' '}
        {keysAtRisk === 0 ? noneAtRisk(backups) : `${counted(keysAtRisk, 'key')} in no backup.`}
      </p>
      {failure && (
        <p class="bad">
          The last attempt failed <Time at={failure.at} />: <Say text={failure.message} />
        </p>
      )}
    </section>
  )
}

function Nodes({ status: { nodes } }: { readonly status: Status }) {
  if (!nodes || nodes.length === 0) return null
  return (
    <section aria-labelledby="nodes">
      <h2 id="nodes">Nodes</h2>
      <Table heads={['Name', 'Serves', 'KMIP at', 'Version', 'Its work']}>
        {nodes.map(({ name, serves, isThis, kmip, version, work, secondsAgo }) => (
          <tr key={name}>
            <th scope="row">
              <Say text={name} />
              {isThis && ' (this one)'}
            </th>
            <td>
              <span class={`state ${serves ? 'good' : 'bad'}`}>
                {serves ? 'yes' : `no sign for ${secondsAgo} s`}
              </span>
            </td>
            <td>
              <code>{kmip}</code>
            </td>
            <td>{version}</td>
            <td>{work.join(', ')}</td>
          </tr>
        ))}
      </Table>
    </section>
  )
}
