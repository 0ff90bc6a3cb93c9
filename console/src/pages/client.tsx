// One client: its certificates, what it may ask for, and how to stop it.

import { useLocation, useRoute } from 'preact-iso'
import { useId, useState } from 'preact/hooks'
import { call, type Answer } from '../api.ts'
import { useAct, useAsk } from '../ask.ts'
import { Answered, Problem } from '../parts/answer.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Fingerprint } from '../parts/fingerprint.tsx'
import { namesIn } from '../parts/names-in.ts'
import { Say } from '../parts/say.tsx'
import { Time } from '../parts/time.tsx'
import { addressOf } from '../place.ts'
import { useMay } from '../session.tsx'

type Shown = Answer<'showClient'>

export function Client() {
  const { params } = useRoute()
  const { instance = '', client = '' } = params
  const asked = useAsk('showClient', { instance, client })
  return (
    <Answered asked={asked}>
      {(shown) => (
        <>
          <h1>
            <Say text={shown.name} />
          </h1>
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
          <Allowed shown={shown} instance={instance} again={asked.again} />
          <Certificates shown={shown} instance={instance} again={asked.again} />
          <Remove shown={shown} instance={instance} />
        </>
      )}
    </Answered>
  )
}

interface Part {
  readonly shown: Shown
  readonly instance: string
  readonly again: () => void
}

function Allowed({ shown, instance, again }: Part) {
  const mayOperate = useMay('operator')
  const [text, setText] = useState(shown.allow.join(', '))
  const { isRunning, error, run } = useAct()
  const id = useId()
  const save = async (): Promise<void> => {
    await call('setClient', { instance, client: shown.id, body: { allow: namesIn(text) } })
    again()
  }
  return (
    <section aria-labelledby="allowed">
      <h2 id="allowed">What it may ask for</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void run(save)
        }}
      >
        <label for={id}>Operations and sets</label>
        <input
          id={id}
          value={text}
          readOnly={!mayOperate}
          aria-describedby={`${id}-help`}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
        <small id={`${id}-help`}>
          <code>vsphere</code> is what vCenter and hosts need, <code>read</code> fetches and finds,{' '}
          <code>crypto</code> uses keys without fetching them, <code>all</code> is everything. Single
          operations stand beside them by their KMIP names.
        </small>
        {error && <Problem error={error} />}
        {mayOperate && (
          <button
            type="submit"
            class="secondary"
            disabled={text === shown.allow.join(', ')}
            aria-busy={isRunning}
          >
            Save
          </button>
        )}
      </form>
    </section>
  )
}

function Certificates({ shown, instance, again }: Part) {
  const mayOperate = useMay('operator')
  const mayBlock = useMay('operator', { server: true })
  const [asks, setAsks] = useState<{
    readonly act: 'withdraw' | 'block'
    readonly sha256: string
    readonly name: string
  }>()
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
            {warnings.map((warning) => (
              <p key={warning} class="look">
                <Say text={warning} />
              </p>
            ))}
            <p class="acts">
              {mayOperate && (
                <button
                  type="button"
                  class="secondary small"
                  onClick={() => setAsks({ act: 'withdraw', sha256: key, name: shown.name })}
                >
                  Withdraw trust…
                </button>
              )}
              {mayBlock && !isAuthority && (
                <button
                  type="button"
                  class="danger small"
                  onClick={() => setAsks({ act: 'block', sha256, name: shown.name })}
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
          typed={asks.name}
          onClose={() => setAsks(undefined)}
          onConfirm={async () => {
            if (asks.act === 'block')
              await call('blockCertificate', {
                body: { sha256: asks.sha256, reason: 'blocked in the console' },
              })
            else await call('removeCertificate', { instance, client: shown.id, certificate: asks.sha256 })
            again()
          }}
        >
          <p>
            From its next message on, whoever shows it gets no key. Machines that run go on; those that start,
            or move to a host that has not their keys yet, do not.
            {asks.act === 'block' && ' A block holds even where a CA vouches for the certificate.'}
          </p>
        </Confirm>
      )}
    </section>
  )
}

function Remove({ shown, instance }: Omit<Part, 'again'>) {
  const mayOperate = useMay('operator')
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
            All its {shown.certificates.length + shown.authorities.length} certificates and CAs lose trust
            with its next message. The keys that it made stay, for the other clients of the instance.
          </p>
        </Confirm>
      )}
    </p>
  )
}
