// The guided way to connect a vCenter: what to click there, in its own words; then its certificate appears here, is compared and
// trusted, and the first healthy connection arrives.

import { useId, useState } from 'preact/hooks'
import { call, type Answer } from '../api.ts'
import { useAct, useAsk } from '../ask.ts'
import { Answered, Problem } from '../parts/answer.tsx'
import { counted, numberText } from '../parts/counted.ts'
import { Copy } from '../parts/copy.tsx'
import { Choice, Field } from '../parts/field.tsx'
import { CompareFingerprint, Fingerprint } from '../parts/fingerprint.tsx'
import { InstanceChoice, useInstance } from '../parts/instance-choice.tsx'
import { Say } from '../parts/say.tsx'
import { Time } from '../parts/time.tsx'
import { Warnings } from '../parts/warnings.tsx'
import { pathTo, useFilters } from '../place.ts'
import { serverNowMs } from '../server-time.ts'
import { useMay } from '../session.tsx'
import { OtherWays } from './connect-otherwise.tsx'
import { byReach, isOnlyHere } from './reachable.ts'

type Pending = Answer<'listPending'>[number]
const lookEveryMs = 1_000

/** Where the versions of vCenter differ in their words; docs/vcenter.md has all of it. */
const versions = {
  '9': 'Its vSAN pages still show the older words: Add KMS, Cluster name, Server alias, Server address, Server port.',
  '8': 'Since 8.0 Update 1 each cluster can have a default provider of its own, too.',
  '7': 'Up to 6.7 these things were called Key Management Servers, Add, and KMS cluster.',
} as const
type Version = keyof typeof versions
const addProvider = 'Configure → Security → Key Providers → Add → Add Standard Key Provider'

export function Connect() {
  const { filters, set } = useFilters()
  const chosen = useInstance()
  const { instance } = chosen
  const mayLook = useMay('viewer', { server: true })
  const mayTrust = useMay('operator', instance === undefined ? {} : { instance })
  const mayServer = useMay('manager', { server: true })
  const isOfOneInstance = !useMay('operator', { server: true }) && mayTrust
  const version: Version = filters['vcenter'] === '7' || filters['vcenter'] === '9' ? filters['vcenter'] : '8'
  const [trusted, setTrusted] = useState<Trusted>()
  return (
    <>
      <h1>Connect vCenter</h1>
      {mayServer && (
        <p>
          Here you click in vCenter. The server can do all of it for you: <a href="/vcenters">vCenters</a>.
        </p>
      )}
      <div class="filters">
        <InstanceChoice {...chosen} />
        <Choice
          label="Your vCenter"
          value={version}
          options={Object.keys(versions).map((one) => [one, `version ${one}`])}
          onChoose={(one) => set({ vcenter: one })}
        />
      </div>
      <ol class="steps">
        <li>
          <AddProvider version={version} />
        </li>
        <li>
          <h2>Let vCenter trust Mortise</h2>
          <p>
            The dialog <em>Make vCenter Trust Key Provider</em> shows a certificate. If its thumbprint is one
            of the two above, press <em>Trust</em>. If not, press <em>Cancel</em>: another server answers at
            that address.
          </p>
        </li>
        <li>
          <h2>Let Mortise trust vCenter</h2>
          <p>
            In vCenter select the provider, then the server:{' '}
            {isOfOneInstance ? (
              <>
                <em>Establish Trust → Make KMS trust vCenter → New Certificate Signing Request (CSR)</em>.
                With a token for one instance you trust what Mortise signs: sign that request here.
              </>
            ) : (
              <>
                <em>Establish Trust → Make KMS trust vCenter → vCenter Certificate → Next</em>.{' '}
                {mayLook &&
                  'vCenter has connected by now, and its certificate appears here within two seconds.'}
              </>
            )}
          </p>
          {!mayTrust && <p>You may look and not trust: ask an operator.</p>}
          {mayLook && <PendingClients instance={instance} onTrusted={setTrusted} />}
          {mayTrust && instance !== undefined && <OtherWays instance={instance} onTrusted={setTrusted} />}
        </li>
        <li>
          <h2>See the first healthy connection</h2>
          {trusted ? (
            <FirstConnection trusted={trusted} />
          ) : (
            <p>Once a client is trusted, its next connection shows here.</p>
          )}
        </li>
      </ol>
    </>
  )
}

export interface Trusted {
  readonly instance: string
  readonly id: string
  readonly name: string
  readonly sha256: string
}

function AddProvider({ version }: { readonly version: Version }) {
  const asked = useAsk('showServerCertificate')
  const status = useAsk('status', {})
  return (
    <>
      <h2>Add the provider in vCenter</h2>
      <p>
        In the vSphere Client select the vCenter, then <em>{addProvider}</em>. {versions[version]}{' '}
        <code>docs/vcenter.md</code> of Mortise has every field of these dialogs, and what the lights mean.
      </p>
      <Answered asked={asked}>
        {({ names, sha1, sha256 }) => (
          <dl class="facts large">
            <dt>Address (any one)</dt>
            <dd>
              {byReach(names).map((name) => (
                <div key={name}>
                  <code>{name}</code> <Copy text={name} what={`the address ${name}`} />
                  {isOnlyHere(name) && <small> only from this machine</small>}
                </div>
              ))}
            </dd>
            <dt>Port</dt>
            <dd>
              <Answered asked={status}>{({ kmip }) => <code>{kmip.replace(/^.*:/, '')}</code>}</Answered>
            </dd>
            <dt>Thumbprint (SHA-256)</dt>
            <dd>
              <Fingerprint sha256={sha256} large />
            </dd>
            <dt>Thumbprint (SHA-1, as older versions show it)</dt>
            <dd>
              <Fingerprint sha256={sha1.replaceAll(':', '')} digest="SHA-1" large />
            </dd>
          </dl>
        )}
      </Answered>
      <p>
        Leave <em>Proxy configuration</em> and <em>Password protection</em> empty. The provider's name cannot
        be changed later: encrypted machines find their provider by it.
        {version === '9' && (
          <>
            {' '}
            <em>Use a single KMS wrapping key</em> may stay off.
          </>
        )}
      </p>
    </>
  )
}

function PendingClients({
  instance,
  onTrusted,
}: {
  readonly instance: string | undefined
  readonly onTrusted: (trusted: Trusted) => void
}) {
  // Others would trust in their instance what asked for the keys of another one.
  const mayTrust = useMay('operator', { server: true })
  const asked = useAsk('listPending', undefined, { everyMs: lookEveryMs })
  return (
    <section aria-labelledby="pending">
      <h3 id="pending">Who waits</h3>
      {/* A reader of the screen hears of each that comes, and not of every look: how long ago it came is new each second. */}
      <p role="status" class="unseen">
        {asked.data && `${counted(asked.data.length, 'unknown client')} here`}
      </p>
      <Answered asked={asked}>
        {(waiting) =>
          waiting.length === 0 ? (
            <p aria-busy="true">No unknown client has connected yet. This list looks every second.</p>
          ) : (
            <ul class="cards">
              {waiting.map((one) => (
                <li key={one.sha256}>
                  <PendingClient
                    pending={one}
                    instance={instance}
                    mayTrust={mayTrust}
                    onTrusted={(trusted) => {
                      onTrusted(trusted)
                      asked.again()
                    }}
                  />
                </li>
              ))}
            </ul>
          )
        }
      </Answered>
    </section>
  )
}

function PendingClient({
  pending,
  instance,
  mayTrust,
  onTrusted,
}: {
  readonly pending: Pending
  readonly instance: string | undefined
  readonly mayTrust: boolean
  readonly onTrusted: (trusted: Trusted) => void
}) {
  const { sha256, subject, issuer, address, first, attempts, notAfter } = pending
  const hasExpired = notAfter !== null && Date.parse(notAfter) < serverNowMs()
  const [isSame, setSame] = useState(false)
  const [name, setName] = useState('')
  const { isRunning, error, run } = useAct()
  const id = useId()
  const trust = async (): Promise<void> => {
    if (instance === undefined) return
    const body = { by: 'pending' as const, name, sha256 }
    const { id: client } = await call('trustClient', { instance, body })
    onTrusted({ instance, id: client, name, sha256 })
  }
  return (
    <article>
      <dl class="facts">
        <dt>Says that it is</dt>
        <dd>
          <Say text={subject} none="its certificate cannot be read" />
        </dd>
        <dt>Signed by</dt>
        <dd>
          <Say text={issuer} />
        </dd>
        <dt>Connected from</dt>
        <dd>
          <Say text={address} />, {attempts === 1 ? 'once, at' : `${numberText(attempts)} times since`}{' '}
          <Time at={first} />
        </dd>
        <dt>Certificate {hasExpired ? 'expired' : 'ends'}</dt>
        <dd>
          <Time at={notAfter} none="not known" />
          {hasExpired && (
            <p class="look">
              Have vCenter make a new one: <em>Generate new certificate</em>.
            </p>
          )}
        </dd>
        <dt>Fingerprint (SHA-256)</dt>
        <dd>
          <Fingerprint sha256={sha256} large />
        </dd>
      </dl>
      {subject !== null && mayTrust && (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            void run(trust)
          }}
        >
          <CompareFingerprint
            sha256={sha256}
            onSame={setSame}
            label="The fingerprint (SHA-256) of vCenter's certificate, or the certificate"
            help={
              <>
                vCenter's dialog shows the certificate: copy it from there, whole, and paste it here. This
                browser compares it with the one that connected.
              </>
            }
          />
          <Field label="Name it" value={name} onChange={setName} required placeholder="vcenter-1" />
          {error && <Problem error={error} />}
          <button
            type="submit"
            class="auto"
            disabled={!isSame || isRunning || instance === undefined}
            aria-busy={isRunning}
            aria-describedby={`${id}-why`}
          >
            Trust it
          </button>
          <small id={`${id}-why`} class="why">
            {isSame
              ? 'It may then do what vSphere needs, and no more.'
              : 'Compare first: any machine can connect and say that it is your vCenter.'}
          </small>
        </form>
      )}
    </article>
  )
}

function FirstConnection({ trusted }: { readonly trusted: Trusted }) {
  const { instance, id, name, sha256 } = trusted
  const asked = useAsk('showClient', { instance, client: id }, { everyMs: lookEveryMs })
  return (
    <Answered asked={asked}>
      {({ lastSeen, certificates }) => {
        const shown = certificates.find((one) => one.sha256 === sha256)
        return (
          <>
            <Warnings warnings={shown?.warnings ?? []} />
            {shown && shown.lastSeen !== null ? (
              <p class="sentence good">
                <span role="status">
                  <Say text={name} /> connected from <Say text={lastSeen?.address} />. Its light in vCenter is
                  green.
                </span>{' '}
                Last <Time at={lastSeen?.at} />. <a href={pathTo('clients', instance, id)}>Look at it</a>
              </p>
            ) : (
              <p aria-busy="true">
                <Say text={name} /> is trusted. vCenter connects again within some minutes, or at once when
                you select the provider there.
              </p>
            )}
          </>
        )
      }}
    </Answered>
  )
}
