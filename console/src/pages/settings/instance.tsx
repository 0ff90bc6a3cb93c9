// One instance: its root key and how fast that revokes, what it holds, the work on it, its settings, and its end.

import { useRoute } from 'preact-iso'
import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { useAsk } from '../../ask.ts'
import { Answered } from '../../parts/answer.tsx'
import { Choice, Field } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { numberText } from '../../parts/counted.ts'
import { InstanceWork } from '../../parts/instance-work.tsx'
import { Say } from '../../parts/say.tsx'
import { SecondPerson } from '../../parts/second-person.tsx'
import { Time } from '../../parts/time.tsx'
import { addressOf } from '../../place.ts'
import { useMay } from '../../session.tsx'
import { CloseInstance } from './close-instance.tsx'
import { DeleteInstance, Receipt, type Deleted } from './delete-instance.tsx'
import {
  bytesText,
  changedSettings,
  duration,
  settingFields,
  settingNames,
  written,
  type SettingName,
} from './setting-fields.ts'
import { BackToSettings } from './settings.tsx'

export type Shown = Answer<'showInstance'>
const lookEveryMs = 2_000

export function Instance() {
  const { params } = useRoute()
  const { instance = '' } = params
  const [deleted, setDeleted] = useState<Deleted>()
  const asked = useAsk(deleted ? null : 'showInstance', { instance }, { everyMs: lookEveryMs })
  if (deleted) return <Receipt deleted={deleted} />
  return (
    <>
      <BackToSettings />
      <h1>{asked.data ? <Say text={asked.data.name} /> : 'Instance'}</h1>
      <Answered asked={asked}>
        {(shown) => (
          <>
            {shown.work && <InstanceWork work={shown.work} />}
            <Facts shown={shown} />
            <Settings key={JSON.stringify(written(shown))} shown={shown} again={asked.again} />
            <CloseInstance shown={shown} again={asked.again} />
            <DeleteInstance shown={shown} onDeleted={setDeleted} />
          </>
        )}
      </Answered>
    </>
  )
}

function Facts({ shown }: { readonly shown: Shown }) {
  const { id, rootKey, custody, objects, limits, clients, created, recoverable, rootKeyEnds, upstream } =
    shown
  return (
    <section aria-labelledby="facts">
      <h2 id="facts">What it is and holds</h2>
      <dl class="facts">
        <dt>Identifier</dt>
        <dd>
          <code>{id}</code>, created <Time at={created} />
        </dd>
        <dt>Root key</dt>
        <dd>
          <code>{rootKey}</code>{' '}
          <a href={addressOf('/settings/root-keys', { instance: id })}>Its versions, and how to change it</a>
          {rootKeyEnds && (
            <p class={rootKeyEnds.severity === 'critical' ? 'bad' : 'look'}>
              <Say text={rootKeyEnds.message} /> <Say text={rootKeyEnds.action} />
            </p>
          )}
        </dd>
        <dt>Keys are stored in</dt>
        <dd>
          {custody === 'database' ? 'the database, sealed by the root key' : 'the service of the root key'}
        </dd>
        <dt>When the root key is revoked</dt>
        <dd>
          <Revocation shown={shown} />
        </dd>
        <dt>Keys and other objects</dt>
        <dd>
          <a href={addressOf('/keys', { instance: id })}>
            {Object.entries(objects)
              .filter(([, count]) => count > 0)
              .map(([state, count]) => `${numberText(count)} ${state}`)
              .join(', ') || 'none'}
          </a>
        </dd>
        <dt>Limit of keys</dt>
        <dd>
          <Usage label="Keys and other objects" {...limits.objects} text={numberText} />
        </dd>
        <dt>Limit of bytes</dt>
        <dd>
          <Usage label="Bytes" {...limits.bytes} text={bytesText} />
        </dd>
        <dt>Destroyed, and can be brought back</dt>
        <dd>
          {recoverable.count}
          {recoverable.firstUntil !== null && (
            <>
              , the first until <Time at={recoverable.firstUntil} />
            </>
          )}
        </dd>
        <dt>Clients</dt>
        <dd>
          <a href={addressOf('/clients', { instance: id })}>{clients}</a>
        </dd>
        {upstream && (
          <>
            <dt>Upstream</dt>
            <dd>
              <Say text={upstream.servers.join(', ')} />, {upstream.state}{' '}
              <a href={addressOf('/settings/adoption', { instance: id })}>Adoption</a>
            </dd>
          </>
        )}
      </dl>
    </section>
  )
}

function Revocation({ shown: { revocation } }: { readonly shown: Shown }) {
  const { withinSeconds, unreachableSeconds, ofSingleKeys } = revocation
  return (
    <>
      Its keys stop within {duration(withinSeconds)}. If the root key cannot be reached, they stop within{' '}
      {duration(unreachableSeconds)} after its last answer.{' '}
      {ofSingleKeys ? 'Its owner can also revoke a single key.' : 'Its owner revokes all of them at once.'}
    </>
  )
}

function Usage({
  label,
  used,
  max,
  text,
}: {
  readonly label: string
  readonly used: number
  readonly max: number
  readonly text: (value: number) => string
}) {
  return (
    <>
      <meter aria-label={label} min={0} max={max} high={max * 0.8} value={used} /> {text(used)} of {text(max)}
    </>
  )
}

function Settings({ shown, again }: { readonly shown: Shown; readonly again: () => void }) {
  const [values, setValues] = useState(written(shown))
  const mayManage = useMay('manager', { instance: shown.id })
  const isServerWide = useMay('manager', { server: true })
  const body = changedSettings(shown, values)
  const set = (name: SettingName, value: string): void =>
    setValues((before) => ({ ...before, [name]: value }))
  const save = async (): Promise<void> => {
    if (body) await call('setInstance', { instance: shown.id, body })
    again()
  }
  const fields = settingNames.map((name) => {
    const { label, help, kind, server } = settingFields[name]
    const readOnly = !mayManage || (server === true && !isServerWide)
    if (typeof kind !== 'string')
      return (
        <Choice
          key={name}
          label={label}
          help={help}
          value={values[name]}
          options={kind}
          disabled={readOnly}
          onChoose={(value) => value !== undefined && set(name, value)}
        />
      )
    return (
      <Field
        key={name}
        label={label}
        help={help}
        type={kind}
        min={0}
        required
        readOnly={readOnly}
        value={values[name]}
        onChange={(value) => set(name, value)}
      />
    )
  })
  return (
    <section aria-labelledby="settings">
      <h2 id="settings">Settings</h2>
      {mayManage ? (
        <Form action="Save the settings" disabled={!body} onSubmit={save}>
          {fields}
          {(body?.portable === true || body?.legacyWrap === true || body?.restrictions === 'as-sent') && (
            <SecondPerson acts={['key export']} />
          )}
        </Form>
      ) : (
        <div class="narrow-form">{fields}</div>
      )}
    </section>
  )
}
