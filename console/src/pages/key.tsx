// One key: which machines it is for, its history as a time line, who fetched it, all its attributes, and what can be done.

import { useRoute } from 'preact-iso'
import { useState } from 'preact/hooks'
import { call, type Answer } from '../api.ts'
import { useAct, useAsk } from '../ask.ts'
import { Answered, Problem } from '../parts/answer.tsx'
import { counted, numberText } from '../parts/counted.ts'
import { Concerned, Machines } from '../parts/concerned.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Say } from '../parts/say.tsx'
import { SecondPerson } from '../parts/second-person.tsx'
import { Table } from '../parts/table.tsx'
import { Time } from '../parts/time.tsx'
import { addressOf } from '../place.ts'
import { useMay } from '../session.tsx'
import { knownAs } from './keys.tsx'
import { sentenceOfEntry, type AuditEntry } from './audit-entry.tsx'

type Details = Answer<'showKey'>

export function Key() {
  const { params } = useRoute()
  const { instance = '', key = '' } = params
  const asked = useAsk('showKey', { instance, key })
  return (
    <>
      <p class="back">
        <a href={addressOf('/keys', { instance })}>Keys</a>
      </p>
      <h1>{asked.data ? <Say text={knownAs(asked.data)} none="Key" /> : 'Key'}</h1>
      <Answered asked={asked}>
        {(details) => (
          <>
            <dl class="facts">
              <dt>Identifier</dt>
              <dd>
                <code>{details.id}</code>
              </dd>
              <dt>State</dt>
              <dd>
                <span class={`state ${details.state === 'Active' ? 'good' : ''}`}>{details.state}</span>
                {details.recoverableUntil !== null && (
                  <>
                    {' '}
                    can be brought back until <Time at={details.recoverableUntil} />
                  </>
                )}
              </dd>
              <dt>Type</dt>
              <dd>
                {details.objectType} {details.algorithm} {details.length}
              </dd>
              <dt>Created</dt>
              <dd>
                <Time at={details.created} />
              </dd>
              <dt>Last fetched</dt>
              <dd>
                <Time at={details.lastFetched} />
              </dd>
            </dl>
            <UsedBy details={details} />
            <Acts details={details} instance={instance} again={asked.again} />
            {/* Each act has an entry there, and changes one of these. */}
            <History
              key={`${details.state} ${details.recoverableUntil ?? ''}`}
              instance={instance}
              object={details.id}
            />
            <Fetches details={details} instance={instance} />
            <Attributes details={details} />
          </>
        )}
      </Answered>
    </>
  )
}

function UsedBy({ details: { usedBy, vsphere } }: { readonly details: Details }) {
  const noted = [vsphere.name, vsphere.component, vsphere.identifier].filter((text) => text !== null)
  return (
    <section aria-labelledby="machines">
      <h2 id="machines">Which machine is it for</h2>
      {usedBy && (
        <p>
          {counted(usedBy.machines, 'machine')}, as of <Time at={usedBy.asOf} />
          {usedBy.old && ' (an old inventory: import a new one)'}
          {usedBy.machines > 0 && ': '}
          <Machines {...usedBy} />
        </p>
      )}
      {!usedBy && (
        <p>
          No inventory was imported, so only vCenter knows: <code>mortise inventory import</code> brings its
          list here.
        </p>
      )}
      {noted.length > 0 && (
        <p>
          vCenter noted on it:{' '}
          {noted.map((text, index) => (
            <>
              {index > 0 && ', '}
              <Say text={text} />
            </>
          ))}
        </p>
      )}
    </section>
  )
}

type Act = 'revoke' | 'destroy' | 'undestroy'

/** Only what the state allows, and the reader's role. */
function Acts({
  details,
  instance,
  again,
}: {
  readonly details: Details
  readonly instance: string
  readonly again: () => void
}) {
  const [asks, setAsks] = useState<Act>()
  const { isRunning, error, run } = useAct()
  const mayOperate = useMay('operator', { instance })
  const mayManage = useMay('manager', { instance })
  const { id, state, recoverableUntil, usedBy } = details
  const named = knownAs(details) ?? id
  const machines = usedBy?.machines ?? 0
  const done = async (act: () => Promise<unknown>): Promise<void> => {
    await act()
    again()
  }
  const isGone = state === 'Destroyed' || state === 'DestroyedCompromised'
  const canDestroy = mayManage && !isGone && state !== 'Active'
  return (
    <p class="acts">
      {mayOperate && state === 'PreActive' && (
        <button
          type="button"
          aria-busy={isRunning}
          onClick={() => void run(() => done(() => call('activateKey', { instance, key: id })))}
        >
          Activate
        </button>
      )}
      {mayOperate && state === 'Active' && (
        <button type="button" class="secondary" onClick={() => setAsks('revoke')}>
          Deactivate…
        </button>
      )}
      {canDestroy && (
        <button type="button" class="danger" onClick={() => setAsks('destroy')}>
          Destroy…
        </button>
      )}
      {mayManage && recoverableUntil !== null && (
        <button type="button" onClick={() => setAsks('undestroy')}>
          Bring back…
        </button>
      )}
      {error && <Problem error={error} />}
      {asks === 'revoke' && (
        <Confirm
          title="Deactivate this key"
          action="Deactivate it"
          typed={named}
          onClose={() => setAsks(undefined)}
          onConfirm={() => done(() => call('revokeKey', { instance, key: id, body: {} }))}
        >
          <p>
            Clients can still fetch it to decrypt, and vCenter marks what it protects as in need of a rekey.
            It does not become active again.
          </p>
          <Concerned usedBy={usedBy} />
        </Confirm>
      )}
      {asks === 'destroy' && (
        <Confirm
          title="Destroy this key"
          action="Destroy it"
          typed={named}
          onClose={() => setAsks(undefined)}
          onConfirm={() =>
            done(() =>
              call('destroyKey', { instance, key: id, query: machines > 0 ? { inUse: machines } : {} }),
            )
          }
        >
          <SecondPerson acts={['key destroy']} />
          <p>
            What it encrypts cannot be read any more: no machine that needs it starts again. Its record stays.
            It can be brought back only if its instance has a destroy delay, and only for so long.
          </p>
          <Concerned usedBy={usedBy} />
        </Confirm>
      )}
      {asks === 'undestroy' && (
        <Confirm
          title="Bring this key back"
          action="Bring it back"
          onClose={() => setAsks(undefined)}
          onConfirm={() => done(() => call('undestroyKey', { instance, key: id, body: {} }))}
        >
          <p>It gets the state that it had. Clients can fetch it from their next message on.</p>
        </Confirm>
      )}
    </p>
  )
}

function History({ instance, object }: { readonly instance: string; readonly object: string }) {
  const asked = useAsk('listInstanceAudit', { instance, query: { object, limit: 50 } })
  return (
    <section aria-labelledby="history">
      <h2 id="history">History</h2>
      <Answered asked={asked}>
        {({ entries, after }) => (
          <>
            <ol class="time-line">
              {entries.map((entry: AuditEntry) => (
                <li key={entry.hash} class={entry.result === 'success' ? '' : 'look'}>
                  <Time at={entry.at} /> {sentenceOfEntry(entry)}
                </li>
              ))}
            </ol>
            {after !== null && (
              <p>
                <a href={addressOf('/audit', { instance, object })}>All entries in the audit log</a>
              </p>
            )}
          </>
        )}
      </Answered>
    </section>
  )
}

function Fetches({
  details: { id, fetches },
  instance,
}: {
  readonly details: Details
  readonly instance: string
}) {
  return (
    <section aria-labelledby="fetches">
      <h2 id="fetches">Who fetched it</h2>
      {!fetches.complete && (
        <p class="look">
          Only the last {numberText(fetches.times)} times are counted here:{' '}
          <a href={addressOf('/audit', { instance, object: id, action: 'key.get' })}>
            all of them in the audit log
          </a>
        </p>
      )}
      {fetches.by.length === 0 ? (
        <p>No client, as far as the audit log goes back.</p>
      ) : (
        <Table heads={['Client', 'From', 'Times', 'Last']}>
          {fetches.by.map(({ client, address, times, last, certificateSha256 }) => (
            <tr key={`${client} ${address ?? ''} ${certificateSha256 ?? ''}`}>
              <th scope="row">
                <Say text={client} />
              </th>
              <td>
                <Say text={address} />
              </td>
              <td>{numberText(times)}</td>
              <td>
                <Time at={last} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  )
}

function Attributes({ details }: { readonly details: Details }) {
  return (
    <details>
      <summary>All attributes</summary>
      <Table heads={['Name', 'Value']}>
        {details.attributes.map(({ name, index, value }) => (
          <tr key={`${name} ${index}`}>
            <th scope="row">
              <Say text={name} />
            </th>
            <td>
              <Say text={typeof value === 'string' ? value : JSON.stringify(value)} />
            </td>
          </tr>
        ))}
      </Table>
    </details>
  )
}
