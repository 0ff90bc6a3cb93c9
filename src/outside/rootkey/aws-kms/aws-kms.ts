// AWS KMS: one CloudSession for each region, with the credentials that AWS's own chain finds on this machine.

import { RootKeyError, type CorrelationIds } from '../../../core/ports/root-key.ts'
import { CloudError } from '../clouds/error.ts'
import { CloudHttp } from '../clouds/http.ts'
import { CloudRootKey, notUnderstood, type CloudKey } from '../clouds/root-key.ts'
import { CloudSession, type CloudPlace, type CloudSurroundings } from '../clouds/session.ts'
import { bodyWithSecret, type ParsedAnswer } from '../https/secret-json.ts'
import type { WrappedForm } from '../wrapped-form.ts'
import { AwsKmsApi, loadAwsSdk, type AwsSdk, readCiphertext, readMetadata, type KeyMetadata } from './api.ts'

export interface AwsKmsOptions {
  /** Instead of AWS's public endpoints. https://HOST[:PORT] */
  readonly endpoint: string | undefined
  /** PEM; only these CAs are trusted. undefined: those of Node.js. */
  readonly ca: string | undefined
  /** A file with credentials in AWS's format, and the name of a section of it. undefined: AWS's chain looks for them. */
  readonly credentialsFile: string | undefined
  readonly profile: string | undefined
}

export class AwsKms {
  readonly #options: AwsKmsOptions
  readonly #with: CloudSurroundings
  #sdk: Promise<AwsSdk> | undefined
  readonly #places = new Map<string, CloudPlace & { readonly http: CloudHttp }>()

  constructor(options: AwsKmsOptions, shared: CloudSurroundings) {
    this.#options = options
    this.#with = shared
  }

  /** Throws RootKeyError. Asks AWS for the key of an alias, which must exist; makes no call for the ARN of a key. */
  async open(uri: string): Promise<CloudRootKey> {
    const target = parseAwsKmsUri(uri)
    const place = await this.#place(target)
    const arn = target.isAlias ? (await describeKey(target.arn, place)).Arn : target.arn
    return new CloudRootKey(new AwsKmsKey(arn, place))
  }

  close(): void {
    for (const { http } of this.#places.values()) http.close()
    this.#places.clear()
  }

  async #place({ arn, region, host }: AwsKmsUri): Promise<CloudPlace> {
    const { endpoint = host && `https://${host}`, ca, credentialsFile, profile } = this.#options
    if (endpoint === undefined)
      throw new RootKeyError(
        'root-key',
        `the endpoint for ${arn} is not known: name it with MORTISE_AWS_KMS_ENDPOINT`,
      )
    const { clock, onCall } = this.#with
    const chainOptions = {
      ...(credentialsFile !== undefined && { filepath: credentialsFile, profile: profile ?? 'default' }),
      ...(profile !== undefined && { profile }),
    }
    this.#sdk ??= loadAwsSdk(chainOptions, clock)
    const sdk = await this.#sdk.catch((error: unknown) => {
      this.#sdk = undefined
      throw error
    })
    const name = `${region} ${endpoint}`
    const known = this.#places.get(name)
    if (known) return known
    const title = `AWS KMS in ${region}`
    const http = new CloudHttp({ title, ca, caVariable: 'MORTISE_AWS_CA_FILE', clock })
    const api = new AwsKmsApi({ title, region, sdk, clock })
    const session = new CloudSession({ http, api, clock, onCall })
    const place = { session, endpoint: new URL(endpoint), title, http }
    this.#places.set(name, place)
    return place
  }
}

// ---------------------------------------------------------------- The key

// A symmetric key of AWS KMS as a root key: Encrypt, Decrypt and DescribeKey. What it seals is bound to its place by the
// encryption context. AWS keeps all versions of a key that it rotates, and does not say which version made a ciphertext.

class AwsKmsKey implements CloudKey {
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

  /**
   * Returns the error to throw for a call that failed with `cause`. AWS has one code for a key that is withdrawn and for every fault of a
   * key store that the customer runs: the state of the key and the words of the refusal tell them apart.
   */
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
async function describeKey(arn: string, place: CloudPlace): Promise<KeyMetadata> {
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

/** The encryption context is not secret: CloudTrail shows it. */
function contextOf(place: Buffer): Readonly<Record<string, string>> {
  return { mortise: place.toString('base64') }
}

// ---------------------------------------------------------------- Its URI

// The URI of a root key in AWS KMS: aws-kms: and the ARN of a key or an alias.
//
//     aws-kms:arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
//     aws-kms:arn:aws:kms:eu-central-1:111122223333:alias/mortise

interface AwsKmsUri {
  readonly arn: string
  readonly region: string
  /** Names the key through an alias, which may point to another key later. */
  readonly isAlias: boolean
  /** The endpoint's host in the region's partition; undefined where only the configuration can name it. */
  readonly host: string | undefined
}

/** Throws RootKeyError('root-key') with what to write instead. */
export function parseAwsKmsUri(uri: string): AwsKmsUri {
  const [, arn, partition, region, kind] = form.exec(uri) ?? []
  if (arn === undefined || region === undefined)
    throw new RootKeyError(
      'root-key',
      `${uri} is not the URI of a root key in AWS KMS. Write aws-kms: and the ARN of the key or of an alias, such as ` +
        'aws-kms:arn:aws:kms:eu-central-1:111122223333:alias/mortise; aws kms describe-key shows the ARN',
    )
  const suffix = suffixes[partition ?? '']
  return { arn, region, isAlias: kind === 'alias', host: suffix && `kms.${region}.${suffix}` }
}

/** The region becomes part of a host's name: the pattern allows no character in it that could end that name. */
const form =
  /^aws-kms:(arn:(aws[a-z-]*):kms:([a-z]{2,4}(?:-[a-z]+)+-\d{1,2}):\d{12}:(key|alias)\/[\w/-]{1,250})$/i

const suffixes: Readonly<Record<string, string>> = {
  aws: 'amazonaws.com',
  'aws-us-gov': 'amazonaws.com',
  'aws-cn': 'amazonaws.com.cn',
}
