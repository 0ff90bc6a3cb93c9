// Adds a vCenter: its certificate is looked at and compared before anything is sent to it.

import { useLocation } from 'preact-iso'
import { useState } from 'preact/hooks'
import { call, type Answer, type Input } from '../../api.ts'
import { Field } from '../../parts/field.tsx'
import { CompareFingerprint, Fingerprint } from '../../parts/fingerprint.tsx'
import { Form } from '../../parts/form.tsx'
import { Say } from '../../parts/say.tsx'
import { Time } from '../../parts/time.tsx'
import { pathTo } from '../../place.ts'

type Look = Answer<'lookAtVcenter'>

interface Adding {
  readonly instance: string
  readonly host: string
}

export function AddVcenter({ instance }: Pick<Adding, 'instance'>) {
  const [host, setHost] = useState('')
  const [seen, setSeen] = useState<{ readonly host: string; readonly look: Look } | undefined>(undefined)
  const look = async (): Promise<void> => {
    setSeen(undefined)
    setSeen({ host, look: await call('lookAtVcenter', { instance, body: { host } }) })
  }
  return (
    <section aria-labelledby="add-vcenter">
      <h2 id="add-vcenter">Add a vCenter</h2>
      <Form action="Look at its certificate" onSubmit={look}>
        <Field
          label="Its address"
          value={host}
          onChange={setHost}
          required
          placeholder="vc.example.com"
          help="HOST or HOST:PORT. Nothing but a look at its certificate is done now."
        />
      </Form>
      {seen && <Compared key={seen.look.certificate.sha256} instance={instance} {...seen} />}
      <ByAuthority instance={instance} host={host} />
    </section>
  )
}

function Compared({ instance, host, look }: Adding & { readonly look: Look }) {
  const [isSame, setSame] = useState(false)
  const { subject, issuer, notAfter, sha256, sha1 } = look.certificate
  return (
    <article>
      <dl class="facts">
        <dt>Says that it is</dt>
        <dd>
          <Say text={subject} />
        </dd>
        <dt>Signed by</dt>
        <dd>
          <Say text={issuer} />
        </dd>
        <dt>Ends</dt>
        <dd>
          <Time at={notAfter} />
        </dd>
        <dt>SHA-256</dt>
        <dd>
          <Fingerprint sha256={sha256} large />
        </dd>
        <dt>SHA-1, as older pages of vCenter show it</dt>
        <dd>
          <Fingerprint sha256={sha1.replaceAll(':', '')} digest="SHA-1" />
        </dd>
      </dl>
      <CompareFingerprint
        sha256={sha256}
        label="The fingerprint (SHA-256) of vCenter's certificate, or the certificate"
        help="From another place than this page: Administration, Certificates, Certificate Management, Machine SSL Certificate; or the lock in the browser at which you use vCenter."
        other="Different. Another server answers at this address: do not add it."
        onSame={setSame}
      />
      <Named
        action="Add it"
        disabled={!isSame}
        instance={instance}
        host={host}
        trust={{ fingerprint: sha256 }}
      />
    </article>
  )
}

function ByAuthority({ instance, host }: Adding) {
  const [authority, setAuthority] = useState('')
  return (
    <details>
      <summary>Recognize it by the CA that signed its certificate instead</summary>
      <Field
        label="The certificate of the CA, PEM"
        value={authority}
        onChange={setAuthority}
        rows={5}
        help="A new certificate of vCenter by the same CA is recognized too."
      />
      <Named
        action="Add it by its CA"
        disabled={host === '' || authority === ''}
        instance={instance}
        host={host}
        trust={{ authority }}
      />
    </details>
  )
}

function Named({
  instance,
  host,
  trust,
  action,
  disabled,
}: Adding & {
  readonly trust: Input<'addVcenter'>['body']['trust']
  readonly action: string
  readonly disabled: boolean
}) {
  const { route } = useLocation()
  const [name, setName] = useState('')
  const add = async (): Promise<void> => {
    const body = { host, trust, ...(name !== '' && { name }) }
    const { id } = await call('addVcenter', { instance, body })
    route(pathTo('vcenters', instance, id))
  }
  return (
    <Form action={action} disabled={disabled} onSubmit={add}>
      <Field
        label="Name it"
        value={name}
        onChange={setName}
        placeholder={host}
        help="Left empty: its address."
      />
    </Form>
  )
}
