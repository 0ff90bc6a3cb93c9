// A symmetric key of Google Cloud KMS as a root key: encrypt and decrypt. What it seals is bound to its place by additional
// authenticated data, and both sides check what was damaged on the way. No other right is needed than to use the key.

import { randomBytes } from 'node:crypto'
import type { CorrelationIds } from '../../../core/ports/root-key.ts'
import { notUnderstood, type CloudKey } from '../clouds/root-key.ts'
import type { CloudPlace } from '../clouds/session.ts'
import { bodyWithSecret, type ParsedAnswer } from '../https/secret-json.ts'
import type { WrappedForm } from '../wrapped-form.ts'
import { readEncrypted, readPlaintextChecksum } from './answers.ts'
import { crc32c } from './crc32c.ts'

export class GcpKey implements CloudKey {
  readonly kind = 'gcp-kms'
  readonly uri: string
  readonly id: string
  readonly title: string
  readonly #place: CloudPlace

  /** `name`: the resource name of the key. */
  constructor(name: string, place: CloudPlace) {
    this.uri = `gcp-kms:${name}`
    this.id = name
    this.title = place.title
    this.#place = place
  }

  async encrypt(plaintext: Uint8Array, place: Buffer, ids?: CorrelationIds): Promise<WrappedForm> {
    const sums = { plaintextCrc32c: `${crc32c(plaintext)}`, ...boundTo(place) }
    const body = bodyWithSecret('plaintext', plaintext, sums)
    try {
      const { json } = await this.#call('encrypt', body, isWholeCiphertext, ids)
      const encrypted = readEncrypted(json)
      if (!encrypted) throw notUnderstood(this.title, 'encrypt')
      return { ciphertext: encrypted.ciphertext, keyVersion: encrypted.version }
    } finally {
      body.fill(0)
    }
  }

  async decrypt(
    { ciphertext }: WrappedForm,
    place: Buffer,
    ids?: CorrelationIds,
  ): Promise<Buffer | undefined> {
    const sum = `${crc32c(Buffer.from(ciphertext, 'base64'))}`
    const body = Buffer.from(JSON.stringify({ ciphertext, ciphertextCrc32c: sum, ...boundTo(place) }))
    return (await this.#call('decrypt', body, isWholePlaintext, ids)).secret
  }

  /** The version that seals now. To describe the key would need a right more. */
  async newestVersion(): Promise<string> {
    return (await this.encrypt(randomBytes(16), Buffer.from('which version seals'))).keyVersion
  }

  /** The trial of every root key shows whether it can serve: it seals, opens, and does not open for another place. */
  async examine(): Promise<readonly string[]> {
    return []
  }

  #call(
    name: 'encrypt' | 'decrypt',
    body: Buffer,
    isWhole: (answer: ParsedAnswer) => boolean,
    ids: CorrelationIds | undefined,
  ): Promise<ParsedAnswer> {
    const url = new URL(`/v1/${this.id}:${name}`, this.#place.endpoint)
    const headers = { 'Content-Type': 'application/json' }
    const opening = name === 'decrypt' && ({ secret: 'plaintext', serves: true } as const)
    return this.#place.session.call({ name, method: 'POST', url, headers, body, isWhole, ...opening }, ids)
  }
}

function boundTo(place: Buffer) {
  return {
    additionalAuthenticatedData: place.toString('base64'),
    additionalAuthenticatedDataCrc32c: `${crc32c(place)}`,
  }
}

function isWholeCiphertext({ json }: ParsedAnswer): boolean {
  const encrypted = readEncrypted(json)
  return encrypted !== undefined && crc32c(Buffer.from(encrypted.ciphertext, 'base64')) === encrypted.checksum
}

function isWholePlaintext({ json, secret }: ParsedAnswer): boolean {
  return secret !== undefined && crc32c(secret) === readPlaintextChecksum(json)
}
