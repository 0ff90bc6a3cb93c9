// The other ways to trust a client: paste its certificate, sign its request, or issue a pair to it.

import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import { Field } from '../parts/field.tsx'
import { Form } from '../parts/form.tsx'
import { savePem } from '../parts/save.ts'
import { useMay } from '../session.tsx'
import type { Trusted } from './connect.tsx'
import { IssuePair } from './issue-pair.tsx'

const ways = {
  certificate: {
    title: 'Paste its certificate',
    label: 'The certificate, PEM',
    help: 'As the dialog shows it: it begins with -----BEGIN CERTIFICATE-----.',
    action: 'Trust it',
  },
  request: {
    title: 'Sign its request',
    label: 'The certificate signing request, PEM',
    help: 'In vCenter: New Certificate Signing Request (CSR). The signed certificate comes as a file, to be uploaded there.',
    action: 'Sign it',
  },
} as const

/** Somebody whose token is for one instance has no other way than these, and trusts there only what Mortise signs. */
export function OtherWays({
  instance,
  onTrusted,
}: {
  readonly instance: string
  readonly onTrusted: (trusted: Trusted) => void
}) {
  const mayPaste = useMay('operator', { server: true })
  return (
    <details open={!mayPaste}>
      <summary>
        {mayPaste
          ? 'Other ways: paste a certificate, sign a request, or issue a pair'
          : 'Sign a request, or issue a pair'}
      </summary>
      {mayPaste && <Pasted way="certificate" instance={instance} onTrusted={onTrusted} />}
      <Pasted way="request" instance={instance} onTrusted={onTrusted} />
      <IssuePair instance={instance} onTrusted={onTrusted} />
    </details>
  )
}

function Pasted({
  way,
  instance,
  onTrusted,
}: {
  readonly way: keyof typeof ways
  readonly instance: string
  readonly onTrusted: (trusted: Trusted) => void
}) {
  const [text, setText] = useState('')
  const [name, setName] = useState('')
  const { title, label, help, action } = ways[way]
  const trust = async (): Promise<void> => {
    if (way === 'certificate') {
      const body = { by: 'certificate' as const, name, certificate: text }
      const { id, sha256 } = await call('trustClient', { instance, body })
      onTrusted({ instance, id, name, sha256 })
    } else {
      const body = { name, request: text }
      const { id, sha256, certificate } = await call('signClient', { instance, body })
      savePem(`${name}.pem`, certificate)
      onTrusted({ instance, id, name, sha256 })
    }
    setText('')
  }
  return (
    <Form title={title} action={action} onSubmit={trust}>
      <Field label="Name it" value={name} onChange={setName} required placeholder="vcenter-1" />
      <Field label={label} value={text} onChange={setText} rows={6} required help={help} />
    </Form>
  )
}
