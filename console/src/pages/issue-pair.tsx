// Issues a key pair to a client: this browser makes the key, the server signs the request, and one file has both. The private key
// goes nowhere else.

import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import { savePem } from '../parts/save.ts'
import { Field } from '../parts/field.tsx'
import { Form } from '../parts/form.tsx'
import { certificateRequest, pem } from '../parts/pkcs10.ts'
import type { Trusted } from './connect.tsx'

const algorithm = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  // Every known vCenter takes it.
  modulusLength: 2048,
  publicExponent: Uint8Array.of(1, 0, 1),
} as const

export function IssuePair({
  instance,
  onTrusted,
}: {
  readonly instance: string
  readonly onTrusted: (trusted: Trusted) => void
}) {
  const [name, setName] = useState('')
  const [issued, setIssued] = useState<string>()
  const issue = async (): Promise<void> => {
    const { request, privateKey } = await makePair(name)
    const body = { name, request }
    const { id, sha256, certificate } = await call('signClient', { instance, body })
    savePem(`${name}.pem`, `${certificate.trim()}\n${privateKey}`)
    setIssued(name)
    setName('')
    onTrusted({ instance, id, name, sha256 })
  }
  return (
    <Form title="Issue a pair" action="Issue it" onSubmit={issue}>
      <Field
        label="Name it"
        value={name}
        onChange={setName}
        required
        placeholder="vcenter-1"
        help="This browser makes the private key, which never leaves it but for the file that you save. In vCenter: KMS certificate and private key; the first part of the file goes into the upper box, the second into the lower one. Then delete the file."
      />
      {issued !== undefined && (
        <p role="status">The file {issued}.pem has the certificate and its private key.</p>
      )}
    </Form>
  )
}

async function makePair(name: string): Promise<{ readonly request: string; readonly privateKey: string }> {
  const { subtle } = crypto
  const pair = await subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const publicKey = new Uint8Array(await subtle.exportKey('spki', pair.publicKey))
  const request = await certificateRequest(name, publicKey, (bytes) =>
    subtle.sign(algorithm.name, pair.privateKey, bytes),
  )
  const privateKey = new Uint8Array(await subtle.exportKey('pkcs8', pair.privateKey))
  return { request: pem('CERTIFICATE REQUEST', request), privateKey: pem('PRIVATE KEY', privateKey) }
}
