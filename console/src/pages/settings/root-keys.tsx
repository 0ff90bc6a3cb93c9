// The root keys of the instances: place, state and version, and how to bring all keys under another version or another root key.

import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { useAsk } from '../../ask.ts'
import { Answered } from '../../parts/answer.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Form } from '../../parts/form.tsx'
import { InstanceWork } from '../../parts/instance-work.tsx'
import { RootKeyState } from '../../parts/root-key-state.tsx'
import { Say } from '../../parts/say.tsx'
import { Some } from '../../parts/some.tsx'
import { SecondPerson } from '../../parts/second-person.tsx'
import { Warnings } from '../../parts/warnings.tsx'
import { pathTo, useFilters } from '../../place.ts'
import { useMay } from '../../session.tsx'
import { RootKeyFields } from './root-key-fields.tsx'
import { noRootKey, rootKeyBody, type RootKeyWanted } from './root-key-wanted.ts'
import { BackToSettings } from './settings.tsx'

type Shown = Answer<'showInstance'>
type OfStatus = Answer<'status'>['instances'][number]
const lookEveryMs = 2_000
/** Each has a request of its own. */
const askedAtOnce = 20

export function RootKeys() {
  const asked = useAsk('status', {}, { everyMs: 10_000 })
  const { instance } = useFilters().filters
  return (
    <>
      <BackToSettings />
      <h1>Root keys</h1>
      <p>
        A root key seals all keys of its instance. A thief who has it and the database has the keys; without
        it they are lost. {instance !== undefined && <a href="/settings/root-keys">Those of all instances</a>}
      </p>
      <Answered asked={asked}>
        {({ instances }) => {
          const wanted = instances.filter(
            ({ id, name }) => instance === undefined || instance === id || instance === name,
          )
          if (wanted.length === 0) return <p>There is no {instance !== undefined && 'such '}instance.</p>
          return (
            <Some
              of={wanted}
              search="Name of the instance"
              wordsOf={({ name }) => name}
              perPage={askedAtOnce}
            >
              {(some) => (
                <ul class="cards">
                  {some.map((one) => (
                    <li key={one.id}>
                      <RootKeyOf status={one} />
                    </li>
                  ))}
                </ul>
              )}
            </Some>
          )
        }}
      </Answered>
    </>
  )
}

function RootKeyOf({ status }: { readonly status: OfStatus }) {
  const asked = useAsk('showInstance', { instance: status.id }, { everyMs: lookEveryMs })
  const mayManage = useMay('manager', { instance: status.id })
  const isServerWide = useMay('manager', { server: true })
  // They stay while the keys move.
  const [warnings, setWarnings] = useState<readonly string[]>([])
  return (
    <article>
      <h2>
        <a href={pathTo('settings', 'instances', status.id)}>
          <Say text={status.name} />
        </a>
      </h2>
      <Answered asked={asked}>
        {(shown) => (
          <>
            <Facts shown={shown} status={status} />
            {shown.work && <InstanceWork work={shown.work} />}
            {mayManage && !shown.work && shown.keyVersions.length > 0 && (
              <Rewrap shown={shown} again={asked.again} />
            )}
            {isServerWide && /^file:/i.test(shown.rootKey) && <RecordCopy rootKey={shown.rootKey} />}
            {isServerWide && !shown.work && (
              <Move shown={shown} onWarnings={setWarnings} again={asked.again} />
            )}
            <Warnings warnings={warnings} />
          </>
        )}
      </Answered>
    </article>
  )
}

function Facts({ shown, status }: { readonly shown: Shown; readonly status: OfStatus }) {
  const { rootKey, custody, keyVersions, countedAs, ibmApiKeySource } = shown
  return (
    <dl class="facts">
      <dt>Place</dt>
      <dd>
        <code>{rootKey}</code>
      </dd>
      <dt>State</dt>
      <dd>
        <RootKeyState {...status} />
      </dd>
      <dt>Keys are stored in</dt>
      <dd>{custody === 'database' ? 'the database' : 'the service of the root key'}</dd>
      {ibmApiKeySource !== 'none' && (
        <>
          <dt>API key</dt>
          <dd>{ibmApiKeySource === 'server' ? 'that of the server' : 'one of its own'}</dd>
        </>
      )}
      <dt>Versions</dt>
      <dd>
        {keyVersions.length === 0 && 'It has no versions.'}
        {keyVersions.map(({ version, newest, count }) => (
          <div key={version}>
            <Say text={version} none="a version that is not known" />
            {newest === true && ' (the newest)'}: {count} {countedAs}
            {count === 1 ? '' : 's'}
          </div>
        ))}
      </dd>
    </dl>
  )
}

function Rewrap({ shown, again }: { readonly shown: Shown; readonly again: () => void }) {
  const isDone = shown.keyVersions.every(({ newest }) => newest === true)
  return (
    <Form
      action="Rewrap its keys by the newest version"
      disabled={isDone}
      onSubmit={async () => {
        await call('rewrapInstance', { instance: shown.id })
        again()
      }}
    >
      <p>
        {isDone
          ? 'The newest version wraps all its keys.'
          : 'Brings all its keys under the newest version of the root key. They are served meanwhile.'}
      </p>
    </Form>
  )
}

function RecordCopy({ rootKey }: { readonly rootKey: string }) {
  const [asks, setAsks] = useState(false)
  const [recorded, setRecorded] = useState(false)
  return (
    <p class="acts">
      <button type="button" class="secondary" onClick={() => setAsks(true)}>
        A copy is kept elsewhere…
      </button>
      {recorded && <span role="status">Recorded.</span>}
      {asks && (
        <Confirm
          title="Record that a copy of this root key is kept elsewhere"
          action="Record it"
          onClose={() => setAsks(false)}
          onConfirm={async () => {
            await call('recordRootKeyCopy', { body: { rootKey } })
            setRecorded(true)
          }}
        >
          <p>
            <code>{rootKey}</code> is a file in the data folder of the server. If that disk is lost and there
            is no copy, every key of its instances is lost, and every backup is worth nothing.
          </p>
          <p>
            Record only what you know: that a copy is in another place, where those who may read the database
            cannot read it. This page does not test the copy; <code>mortise root-key verify-copy FILE</code>{' '}
            does.
          </p>
        </Confirm>
      )}
    </p>
  )
}

function Move({
  shown,
  onWarnings,
  again,
}: {
  readonly shown: Shown
  readonly onWarnings: (warnings: readonly string[]) => void
  readonly again: () => void
}) {
  const [wanted, setWanted] = useState<RootKeyWanted>(noRootKey)
  const [asks, setAsks] = useState(false)
  const { rootKey } = rootKeyBody(wanted)
  const total = Object.values(shown.objects).reduce((sum, count) => sum + count, 0)
  return (
    <details>
      <summary>Move to another root key</summary>
      <Form action="Move…" disabled={rootKey === ''} onSubmit={async () => Promise.resolve(setAsks(true))}>
        <RootKeyFields
          wanted={wanted}
          onChange={setWanted}
          required
          help="file:NAME.key makes a file of this name in the data folder."
        />
      </Form>
      {asks && (
        <Confirm
          title="Move its keys to another root key"
          action="Move them"
          typed={shown.name}
          onClose={() => setAsks(false)}
          onConfirm={async () => {
            const body = rootKeyBody(wanted)
            onWarnings((await call('setRootKey', { instance: shown.id, body })).warnings)
            setWanted(noRootKey)
            again()
          }}
        >
          <SecondPerson acts={['set-root-key', 'key export']} />
          <p>
            New keys use <code>{rootKey}</code> at once, and the keys and other objects that it has ({total})
            follow in the background. They are served meanwhile. Keep the former root key,{' '}
            <code>{shown.rootKey}</code>, until all have moved, and as long as you keep backups from before.
          </p>
          <p>
            No machine notices it. If the new root key is lost, so are the keys: see that a copy of it exists.
          </p>
        </Confirm>
      )}
    </details>
  )
}
