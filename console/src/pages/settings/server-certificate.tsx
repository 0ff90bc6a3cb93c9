// The certificate that every vCenter trusts, and its successor: staged here, trusted in vCenter, and only then switched to.

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { call, type Answer } from '../../api.ts'
import { useAsk } from '../../ask.ts'
import { Answered } from '../../parts/answer.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Copy } from '../../parts/copy.tsx'
import { savePem } from '../../parts/save.ts'
import { Fingerprint } from '../../parts/fingerprint.tsx'
import { Say } from '../../parts/say.tsx'
import { Time } from '../../parts/time.tsx'
import { Warnings } from '../../parts/warnings.tsx'
import { useMay } from '../../session.tsx'
import { StageCertificate } from './stage-certificate.tsx'
import { BackToSettings } from './settings.tsx'

export type Shown = Answer<'showServerCertificate'>
type One = Omit<Shown, 'authority' | 'staged' | 'previous' | 'request'>

export function ServerCertificate() {
  const asked = useAsk('showServerCertificate')
  const mayManage = useMay('manager', { server: true })
  return (
    <>
      <BackToSettings />
      <h1>Server certificate</h1>
      <Answered asked={asked}>
        {(shown) => (
          <>
            <section aria-labelledby="current">
              <h2 id="current">The one in use</h2>
              <Facts certificate={shown} name="mortise.pem">
                <button
                  type="button"
                  class="outline small"
                  onClick={() => savePem('mortise-ca.pem', shown.authority)}
                >
                  Save Mortise's own CA
                </button>
              </Facts>
            </section>
            <Staged shown={shown} mayManage={mayManage} again={asked.again} />
            {mayManage && <StageCertificate shown={shown} again={asked.again} />}
            <Previous shown={shown} mayManage={mayManage} again={asked.again} />
          </>
        )}
      </Answered>
    </>
  )
}

function Facts({
  certificate,
  name,
  children,
}: {
  readonly certificate: One
  readonly name: string
  /** More buttons. */
  readonly children?: ComponentChildren
}) {
  const { subject, issuer, names, key, notBefore, notAfter, sha256, sha1 } = certificate
  return (
    <>
      <dl class="facts">
        <dt>Names</dt>
        <dd>
          <Say text={names.join(', ')} />
        </dd>
        <dt>Subject</dt>
        <dd>
          <Say text={subject} />
        </dd>
        <dt>Signed by</dt>
        <dd>
          <Say text={issuer} />
        </dd>
        <dt>Key</dt>
        <dd>{key}</dd>
        <dt>Valid</dt>
        <dd>
          from <Time at={notBefore} /> to <Time at={notAfter} />
        </dd>
        <dt>Fingerprint (SHA-256)</dt>
        <dd>
          <Fingerprint sha256={sha256} />
        </dd>
        <dt>Thumbprint (SHA-1)</dt>
        <dd>
          <Fingerprint sha256={sha1.replaceAll(':', '')} digest="SHA-1" />
        </dd>
      </dl>
      <div class="acts">
        <button type="button" class="outline small" onClick={() => savePem(name, certificate.certificate)}>
          Save the certificate
        </button>
        <Copy text={certificate.certificate} what="the certificate" />
        {children}
      </div>
    </>
  )
}

interface Part {
  readonly shown: Shown
  readonly mayManage: boolean
  readonly again: () => void
}

function Staged({ shown: { staged }, mayManage, again }: Part) {
  const [asks, setAsks] = useState<'activate' | 'discard'>()
  if (!staged) return null
  const named = staged.names[0] ?? staged.sha256
  return (
    <section aria-labelledby="staged">
      <h2 id="staged">The next one</h2>
      <p class="sentence look">
        First make every vCenter trust it: save it, then in vCenter{' '}
        <em>Establish Trust → Make vCenter Trust KMS → Upload KMS certificate</em>. Then switch to it here.
      </p>
      <p>
        {staged.origin === 'renewed' ? 'Made by Mortise’s own CA' : 'Made by your CA'}{' '}
        <Time at={staged.created} />.{' '}
        {staged.at === null ? (
          'The server goes on with the present one until an administrator switches.'
        ) : (
          <>
            The server switches to it <Time at={staged.at} />.
          </>
        )}
      </p>
      <Warnings warnings={staged.warnings} />
      <Facts certificate={staged} name="mortise-next.pem" />
      {mayManage && (
        <p class="acts">
          <button type="button" onClick={() => setAsks('activate')}>
            Switch to it…
          </button>
          <button type="button" class="danger" onClick={() => setAsks('discard')}>
            Discard it…
          </button>
        </p>
      )}
      {asks === 'activate' && (
        <Confirm
          title="Switch to the next certificate"
          action="Switch now"
          typed={named}
          onClose={() => setAsks(undefined)}
          onConfirm={async () => {
            await call('activateServerCertificate', {
              body: { which: 'staged', sha256: staged.sha256 },
            })
            again()
          }}
        >
          <Clients />
          <p>Connections that are open stay open. The present certificate is kept, to go back to.</p>
        </Confirm>
      )}
      {asks === 'discard' && (
        <Confirm
          title="Discard the next certificate"
          action="Discard it"
          typed={named}
          onClose={() => setAsks(undefined)}
          onConfirm={async () => {
            await call('discardServerCertificate', { query: { sha256: staged.sha256 } })
            again()
          }}
        >
          <p>
            It and its private key go. No machine notices it; a vCenter that trusts it already goes on
            trusting it.
          </p>
        </Confirm>
      )}
    </section>
  )
}

function Previous({ shown: { previous }, mayManage, again }: Part) {
  const [asks, setAsks] = useState(false)
  if (!previous) return null
  return (
    <details>
      <summary>The one before</summary>
      <Facts certificate={previous} name="mortise-previous.pem" />
      {mayManage && (
        <p class="acts">
          <button type="button" class="secondary" onClick={() => setAsks(true)}>
            Go back to it…
          </button>
        </p>
      )}
      {asks && (
        <Confirm
          title="Go back to the certificate before"
          action="Go back"
          typed={previous.names[0] ?? previous.sha256}
          onClose={() => setAsks(false)}
          onConfirm={async () => {
            await call('activateServerCertificate', {
              body: { which: 'previous', sha256: previous.sha256 },
            })
            again()
          }}
        >
          <Clients />
        </Confirm>
      )}
    </details>
  )
}

/** Says how many clients a switch concerns. */
function Clients() {
  const asked = useAsk('status', {})
  return (
    <Answered asked={asked}>
      {({ instances }) => (
        <p>
          <strong>
            {instances.reduce((sum, { clients }) => sum + clients, 0)} clients of{' '}
            {instances.map(({ name }) => name).join(', ')}
          </strong>{' '}
          see another certificate from their next connection on. A vCenter that does not trust it loses this
          server: its running machines go on, and none that needs a key starts.
        </p>
      )}
    </Answered>
  )
}
