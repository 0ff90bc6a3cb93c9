// One client: its certificates, what it may ask for, and how to stop it.

import { useLocation, useRoute } from 'preact-iso'
import { useState } from 'preact/hooks'
import { call, type Answer } from '../api.ts'
import { useAsk } from '../ask.ts'
import { Answered } from '../parts/answer.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Choice, Field } from '../parts/field.tsx'
import { Fingerprint } from '../parts/fingerprint.tsx'
import { Form } from '../parts/form.tsx'
import { namesIn } from '../parts/names-in.ts'
import { Say } from '../parts/say.tsx'
import { Time } from '../parts/time.tsx'
import { Warnings } from '../parts/warnings.tsx'
import { addressOf } from '../place.ts'
import { useMay } from '../session.tsx'

type Shown = Answer<'showClient'>

export function Client() {
  const { params } = useRoute()
  const { instance = '', client = '' } = params
  const asked = useAsk('showClient', { instance, client })
  return (
    <>
      <p class="back">
        <a href={addressOf('/clients', { instance })}>Clients</a>
      </p>
      <h1>{asked.data ? <Say text={asked.data.name} /> : 'Client'}</h1>
      <Answered asked={asked}>
        {(shown) => (
          <>
            <dl class="facts">
              <dt>Instance</dt>
              <dd>
                <Say text={shown.instance.name} />
              </dd>
              <dt>Last seen</dt>
              <dd>
                <Time at={shown.lastSeen?.at} />
                {shown.lastSeen && (
                  <>
                    {' from '}
                    <Say text={shown.lastSeen.address} />
                  </>
                )}
              </dd>
              <dt>Password</dt>
              <dd>
                {shown.credential ? `${shown.credential.mode}, user ${shown.credential.userName}` : 'none'}
              </dd>
              <dt>What it did</dt>
              <dd>
                <a href={addressOf('/audit', { instance, client: shown.id })}>in the audit log</a>
              </dd>
            </dl>
            <Allowed key={shown.allow.join()} shown={shown} instance={instance} again={asked.again} />
            <Certificates shown={shown} instance={instance} again={asked.again} />
            <Remove shown={shown} instance={instance} />
          </>
        )}
      </Answered>
    </>
  )
}

interface Part {
  readonly shown: Shown
  readonly instance: string
  readonly again: () => void
}

const allowSets: readonly (readonly [string, string])[] = [
  ['vsphere', 'vsphere: what vCenter and hosts need'],
  ['read', 'read: find and fetch keys, and change nothing'],
  ['crypto', 'crypto: use keys on the server, and never fetch them'],
  ['all', 'all: everything but rules for the new objects of other clients'],
]

function Allowed({ shown, instance, again }: Part) {
  const mayOperate = useMay('operator', { instance })
  const before = shown.allow.join(', ')
  const [text, setText] = useState(before)
  const [isList, setList] = useState(!allowSets.some(([name]) => name === before))
  const save = async (): Promise<void> => {
    await call('setClient', { instance, client: shown.id, body: { allow: namesIn(text) } })
    again()
  }
  const fields = (
    <>
      <Choice
        label="It may"
        value={isList ? undefined : text}
        none="a list of operations and sets"
        options={allowSets}
        disabled={!mayOperate}
        onChoose={(value) => {
          setList(value === undefined)
          if (value !== undefined) setText(value)
        }}
      />
      {isList && (
        <Field
          label="Operations and sets"
          value={text}
          onChange={setText}
          required
          readOnly={!mayOperate}
          help="By their KMIP names, with commas between them: read, Activate. Query and Discover Versions are always allowed."
        />
      )}
    </>
  )
  return (
    <section aria-labelledby="allowed">
      <h2 id="allowed">What it may ask for</h2>
      {mayOperate ? (
        <Form action="Save" disabled={text === before} onSubmit={save}>
          {fields}
        </Form>
      ) : (
        <div class="narrow-form">{fields}</div>
      )}
    </section>
  )
}

function Certificates({ shown, instance, again }: Part) {
  const mayOperate = useMay('operator', { instance })
  const mayBlock = useMay('operator', { server: true })
  const [asks, setAsks] = useState<{ readonly act: 'withdraw' | 'block'; readonly certificate: string }>()
  const [reason, setReason] = useState('')
  const { certificates, authorities } = shown
  const lines = [
    ...certificates.map(({ sha256, subject, notAfter, lastSeen, warnings }) => ({
      key: sha256,
      sha256,
      what: subject,
      notAfter,
      lastSeen,
      warnings,
      isAuthority: false,
    })),
    ...authorities.map(({ id, sha256, authority, subject, notAfter, warnings }) => ({
      key: id,
      sha256,
      what: `${authority ?? ''}, for subjects ${subject}`,
      notAfter,
      lastSeen: null,
      warnings,
      isAuthority: true,
    })),
  ]
  return (
    <section aria-labelledby="certificates">
      <h2 id="certificates">Its certificates</h2>
      <ul class="cards">
        {lines.map(({ key, sha256, what, notAfter, lastSeen, warnings, isAuthority }) => (
          <li key={key}>
            <p>
              {isAuthority && 'Any certificate of the CA '}
              <Say text={what} none="it cannot be read" />
            </p>
            <Fingerprint sha256={sha256} />
            <p>
              Ends <Time at={notAfter} none="not known" />
              {!isAuthority && (
                <>
                  , last seen <Time at={lastSeen} />
                </>
              )}
            </p>
            <Warnings warnings={warnings} />
            <p class="acts">
              {mayOperate && (
                <button
                  type="button"
                  class="secondary small"
                  onClick={() => setAsks({ act: 'withdraw', certificate: key })}
                >
                  Withdraw trust…
                </button>
              )}
              {mayBlock && !isAuthority && (
                <button
                  type="button"
                  class="danger small"
                  onClick={() => setAsks({ act: 'block', certificate: sha256 })}
                >
                  Block for good…
                </button>
              )}
            </p>
          </li>
        ))}
      </ul>
      {asks && (
        <Confirm
          title={asks.act === 'block' ? 'Block this certificate' : 'Withdraw trust from this certificate'}
          action={asks.act === 'block' ? 'Block it' : 'Withdraw trust'}
          typed={shown.name}
          onClose={() => {
            setAsks(undefined)
            setReason('')
          }}
          onConfirm={async () => {
            const { act, certificate } = asks
            if (act === 'block')
              await call('blockCertificate', { body: { sha256: certificate, reason: reason.trim() } })
            else await call('removeCertificate', { instance, client: shown.id, certificate })
            again()
          }}
        >
          <p>
            From its next message on, a client that shows it gets no key. Machines that run go on; those that
            start, or move to a host that has not their keys yet, do not.
            {asks.act === 'block' && ' A block holds even where a CA vouches for the certificate.'}
          </p>
          {asks.act === 'block' && (
            <Field
              label="Why"
              value={reason}
              onChange={setReason}
              help="Each person who sees the block reads it, and the audit log keeps it."
            />
          )}
        </Confirm>
      )}
    </section>
  )
}

function Remove({ shown, instance }: Omit<Part, 'again'>) {
  const mayOperate = useMay('operator', { instance })
  const { route } = useLocation()
  const [asks, setAsks] = useState(false)
  if (!mayOperate) return null
  return (
    <p class="acts">
      <button type="button" class="danger" onClick={() => setAsks(true)}>
        Remove this client…
      </button>
      {asks && (
        <Confirm
          title="Remove this client"
          action="Remove it"
          typed={shown.name}
          onClose={() => setAsks(false)}
          onConfirm={async () => {
            await call('removeClient', { instance, client: shown.id })
            route(addressOf('/clients', { instance }))
          }}
        >
          <p>
            All its certificates and CAs ({shown.certificates.length + shown.authorities.length}) lose trust
            with its next message. The keys that it made stay, for the other clients of the instance.
          </p>
        </Confirm>
      )}
    </p>
  )
}
