// Names the old server that an instance asks for identifiers that are unknown here, for the time of a change-over.

import { useState } from 'preact/hooks'
import { call } from '../../api.ts'
import { Field } from '../../parts/field.tsx'
import { Form } from '../../parts/form.tsx'
import { namesIn } from '../../parts/names-in.ts'
import { readFingerprint } from '../../parts/sha256.ts'

export function NameUpstream({ instance, again }: { readonly instance: string; readonly again: () => void }) {
  const [servers, setServers] = useState('')
  const [known, setKnown] = useState('')
  const [certificate, setCertificate] = useState('')
  const [privateKey, setPrivateKey] = useState('')
  const name = async (): Promise<void> => {
    const trust = trustIn(known)
    await call('setUpstream', {
      instance,
      body: { servers: namesIn(servers), certificate, privateKey, trust },
    })
    setPrivateKey('')
    again()
  }
  return (
    <section aria-labelledby="name-upstream">
      <h2 id="name-upstream">Adoption on demand</h2>
      <p>
        Until every vCenter has switched, this instance can ask the old server for a key that is unknown here,
        adopt it and hand it out. The old server is only read.
      </p>
      <details>
        <summary>Name the old server</summary>
        <Form action="Try it and name it" onSubmit={name}>
          <Field
            label="Its addresses"
            value={servers}
            onChange={setServers}
            required
            placeholder="old-kms.example.com:5696"
            help="HOST or HOST:PORT, with commas between them. All of them serve the same keys."
          />
          <Field
            label="How to recognize it"
            value={known}
            onChange={setKnown}
            required
            rows={3}
            help="The SHA-256 fingerprint of its certificate, or the certificate of the CA that signed it, PEM."
          />
          <Field
            label="A client certificate that it trusts, PEM"
            value={certificate}
            onChange={setCertificate}
            required
            rows={4}
          />
          <Field
            label="The private key of that certificate, PEM"
            value={privateKey}
            onChange={setPrivateKey}
            required
            rows={4}
            help="Mortise stores it sealed and never shows it. It goes when the upstream is removed."
          />
        </Form>
      </details>
    </section>
  )
}

function trustIn(text: string): { readonly authority: string } | { readonly fingerprint: string } {
  if (text.includes('-----BEGIN')) return { authority: text }
  const fingerprint = readFingerprint(text)
  if (fingerprint !== undefined) return { fingerprint }
  throw new Error(
    'The old server is recognized by 64 hexadecimal digits, or by the certificate of a CA (PEM).',
  )
}
