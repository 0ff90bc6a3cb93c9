// The ways to the next certificate of the server: Mortise's own CA makes it, or yours does from a request.

import { useState } from 'preact/hooks'
import { call } from '../../api.ts'
import { Copy } from '../../parts/copy.tsx'
import { savePem } from '../../parts/save.ts'
import { Field } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { Time } from '../../parts/time.tsx'
import { namesIn } from '../../parts/names-in.ts'
import type { Shown } from './server-certificate.tsx'

interface Part {
  readonly shown: Shown
  readonly again: () => void
}

const namesHelp = 'All DNS names and IP addresses, as you give them to vCenter, with commas between them.'

export function StageCertificate({ shown, again }: Part) {
  return (
    <section aria-labelledby="stage">
      <h2 id="stage">Make the next one</h2>
      <p>
        vCenter must trust the next certificate first, so it is staged: the server goes on with the present
        one until you switch.
      </p>
      <Renew shown={shown} again={again} />
      <Request shown={shown} again={again} />
    </section>
  )
}

function Renew({ shown, again }: Part) {
  const [names, setNames] = useState(shown.names.join(', '))
  const [days, setDays] = useState('')
  return (
    <details>
      <summary>By Mortise's own CA</summary>
      <Form
        action="Make it and stage it"
        onSubmit={async () => {
          const body = { names: namesIn(names), ...(days !== '' && { days: Number(days) }) }
          await call('renewServerCertificate', { body })
          again()
        }}
      >
        <Field label="Names" value={names} onChange={setNames} required help={namesHelp} />
        <Field
          label="Valid for, in days"
          type="number"
          min={1}
          value={days}
          onChange={setDays}
          help="Empty: as long as Mortise makes them by itself."
        />
      </Form>
    </details>
  )
}

function Request({ shown: { names: present, request }, again }: Part) {
  const [names, setNames] = useState(present.join(', '))
  const [certificate, setCertificate] = useState('')
  return (
    <details open={request !== null}>
      <summary>By your CA</summary>
      {request ? (
        <>
          <p>
            A request for {request.names.join(', ')} waits since <Time at={request.created} />. Have your CA
            sign it. Its private key does not leave the server.
          </p>
          <button type="button" class="outline small" onClick={() => savePem('mortise.csr', request.request)}>
            Save the request
          </button>{' '}
          <Copy text={request.request} what="the request" />
          <Form
            title="The certificate that your CA made"
            action="Stage it"
            onSubmit={async () => {
              await call('importServerCertificate', { body: { certificate } })
              setCertificate('')
              again()
            }}
          >
            <Field
              label="Certificate, PEM"
              value={certificate}
              onChange={setCertificate}
              rows={6}
              required
              help="With the certificates of the CAs in between behind it, if there are any."
            />
          </Form>
        </>
      ) : (
        <p>First make a request, which your CA signs.</p>
      )}
      <Form
        title={request ? 'Another request in its place' : 'A request'}
        action={request ? 'Replace the request' : 'Make the request'}
        onSubmit={async () => {
          await call('requestServerCertificate', {
            body: { names: namesIn(names), replace: request !== null },
          })
          again()
        }}
      >
        <Field label="Names" value={names} onChange={setNames} required help={namesHelp} />
      </Form>
    </details>
  )
}
