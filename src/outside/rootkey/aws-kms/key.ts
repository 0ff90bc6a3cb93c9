// A symmetric key of AWS KMS as a root key: Encrypt, Decrypt and DescribeKey. What it seals is bound to its place by the
// encryption context. AWS keeps all versions of a key that it rotates, and does not tell which one sealed something.

import { RootKeyError, type CorrelationIds } from '../../../core/ports/root-key.ts'
import { CloudError } from '../clouds/error.ts'
import { notUnderstood, type CloudKey } from '../clouds/root-key.ts'
import type { CloudPlace } from '../clouds/session.ts'
import type { WrappedForm } from '../wrapped-form.ts'
import { bodyWithSecret, type ParsedAnswer } from '../https/secret-json.ts'
import { readCiphertext, readMetadata, type KeyMetadata } from './answers.ts'

export class AwsKmsKey implements CloudKey {
  readonly kind = 'aws-kms'
  readonly uri: string
  readonly id: string
  readonly title: string
  readonly #place: CloudPlace

  /** `arn`: of the key, not of an alias. */
  constructor(arn: string, place: CloudPlace) {
    this.uri = `aws-kms:${arn}`
    this.id = arn
    this.title = place.title
    this.#place = place
  }

  async encrypt(plaintext: Uint8Array, place: Buffer, ids?: CorrelationIds): Promise<WrappedForm> {
    const body = bodyWithSecret('Plaintext', plaintext, {
      KeyId: this.id,
      EncryptionContext: contextOf(place),
    })
    try {
      const ciphertext = readCiphertext((await this.#act('Encrypt', body, ids)).json)
      if (ciphertext === undefined) throw notUnderstood(this.title, 'Encrypt')
      return { ciphertext, keyVersion: '' }
    } finally {
      body.fill(0)
    }
  }

  async decrypt(
    { ciphertext }: WrappedForm,
    place: Buffer,
    ids?: CorrelationIds,
  ): Promise<Buffer | undefined> {
    const question = { KeyId: this.id, CiphertextBlob: ciphertext, EncryptionContext: contextOf(place) }
    return (await this.#act('Decrypt', Buffer.from(JSON.stringify(question)), ids)).secret
  }

  async examine({ opens }: { readonly opens: boolean }): Promise<readonly string[]> {
    const { KeyUsage: usage, KeySpec: spec, KeyState: state } = await describeKey(this.id, this.#place)
    if (usage !== 'ENCRYPT_DECRYPT' || spec !== 'SYMMETRIC_DEFAULT')
      throw new RootKeyError(
        'root-key',
        `${this.uri} is a key for ${usage} (${spec}). Make a symmetric key: aws kms create-key --key-spec SYMMETRIC_DEFAULT`,
      )
    if (!opens && state !== 'Enabled')
      throw new RootKeyError(
        'root-key',
        `${this.uri} is not enabled (${state}): aws kms enable-key, or cancel-key-deletion before`,
      )
    return []
  }

  async #act(
    name: 'Encrypt' | 'Decrypt',
    body: Buffer,
    ids: CorrelationIds | undefined,
  ): Promise<ParsedAnswer> {
    try {
      return await call(name, body, this.#place, ids)
    } catch (error) {
      throw await this.#whyNot(error)
    }
  }

  /** AWS has one code for a key that is withdrawn and for all that goes wrong in a key store of the customer's. */
  async #whyNot(cause: unknown): Promise<unknown> {
    if (!(cause instanceof CloudError) || cause.code !== 'KMSInvalidStateException') return cause
    const { status, code, message } = cause
    const about = { status, code, transient: false, cause }
    if (notItsCiphertext.test(message))
      return new CloudError('wrapped-form', message, { ...about, altered: true })
    const state = await this.#state().catch(() => undefined)
    if (state === undefined || !isOutOfReach(state, message)) return cause
    return new CloudError('unreachable', `${message}. Its state is ${state ?? 'not known'}`, about)
  }

  /** null: AWS does not answer. Throws RootKeyError. */
  async #state(): Promise<string | null> {
    try {
      return (await describeKey(this.id, this.#place)).KeyState
    } catch (error) {
      if (error instanceof RootKeyError && error.reach === 'unreachable') return null
      throw error
    }
  }
}

// The words of external key stores, as AWS's page "Troubleshooting external key stores" has them.
const notItsCiphertext = /is corrupted, missing, or otherwise invalid/
const saysNo =
  /denied access|could not find the external key|external key is not enabled|does not support|could not authenticate|is pending/

/** The state of a key says nothing about an external key store: it stays enabled. Then the words decide, as where the state is not known. */
function isOutOfReach(state: string | null, words: string): boolean {
  if (state === null || state === 'Enabled') return !saysNo.test(words)
  return ['Unavailable', 'Updating', 'Creating'].includes(state)
}

/** Describes a key, or the key of an alias. Throws RootKeyError. */
export async function describeKey(arn: string, place: CloudPlace): Promise<KeyMetadata> {
  const body = Buffer.from(JSON.stringify({ KeyId: arn }))
  const key = readMetadata((await call('DescribeKey', body, place)).json)
  if (!key) throw notUnderstood(place.title, 'DescribeKey')
  return key
}

function call(
  name: 'Encrypt' | 'Decrypt' | 'DescribeKey',
  body: Buffer,
  { session, endpoint: url }: CloudPlace,
  ids?: CorrelationIds,
): Promise<ParsedAnswer> {
  const headers = {
    Accept: 'application/json',
    'Content-Type': 'application/x-amz-json-1.1',
    'X-Amz-Target': `TrentService.${name}`,
  }
  const opening = name === 'Decrypt' && ({ secret: 'Plaintext', serves: true } as const)
  return session.call({ name, method: 'POST', url, headers, body, ...opening }, ids)
}

/** It is no secret: CloudTrail shows it. */
function contextOf(place: Buffer): Readonly<Record<string, string>> {
  return { mortise: place.toString('base64') }
}
