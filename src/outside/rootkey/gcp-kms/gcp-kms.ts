// Google Cloud KMS: one CloudSession for all root keys in it, as the service account that the configuration names, or that of the
// machine.

import { randomBytes } from 'node:crypto'
import { type CorrelationIds, RootKeyError } from '../../../core/ports/root-key.ts'
import { BearerLogin } from '../clouds/bearer-login.ts'
import { CloudHttp } from '../clouds/http.ts'
import { CloudRootKey, notUnderstood, type CloudKey } from '../clouds/root-key.ts'
import { CloudSession, type CloudSurroundings, type CloudPlace } from '../clouds/session.ts'
import { bodyWithSecret, type ParsedAnswer } from '../https/secret-json.ts'
import type { WrappedForm } from '../wrapped-form.ts'
import { GcpApi, gcpGrant, type GcpAccess, readEncrypted, readPlaintextChecksum } from './api.ts'

export interface GcpKmsOptions {
  readonly access: GcpAccess
  /** https://HOST[:PORT] */
  readonly endpoint: string
  /** PEM; only these CAs are trusted, for Google's authorization server too. undefined: those of Node.js. */
  readonly ca: string | undefined
  /** The address of the metadata server; left out: the one that every machine in Google Cloud has. */
  readonly metadataAddress?: string
}

export class GcpKms {
  readonly #https: readonly CloudHttp[]
  readonly #session: CloudSession
  readonly #endpoint: URL
  readonly #title: string

  constructor(options: GcpKmsOptions, { clock, onCall }: CloudSurroundings) {
    const { access, endpoint, ca, metadataAddress = 'http://metadata.google.internal' } = options
    const shared = { ca, caVariable: 'MORTISE_GCP_CA_FILE', clock }
    this.#endpoint = new URL(endpoint)
    this.#title = `Google Cloud KMS at ${this.#endpoint.host}`
    const plain = access.method === 'metadata-server'
    const issuer = plain ? 'the metadata server of this machine' : "Google's authorization server"
    const [http, loginHttp] = [
      new CloudHttp({ ...shared, title: this.#title }),
      new CloudHttp({ ...shared, title: issuer, plain }),
    ]
    this.#https = [http, loginHttp]
    const login = new BearerLogin(gcpGrant(access, loginHttp, metadataAddress), clock)
    this.#session = new CloudSession({ http, api: new GcpApi({ title: this.#title, login }), clock, onCall })
  }

  /** Throws RootKeyError for an invalid URI. Calls no service. */
  open(uri: string): CloudRootKey {
    const place = { session: this.#session, endpoint: this.#endpoint, title: this.#title }
    return new CloudRootKey(new GcpKey(parseGcpUri(uri), place))
  }

  close(): void {
    for (const http of this.#https) http.close()
  }
}

// ---------------------------------------------------------------- The key

// A symmetric key of Google Cloud KMS as a root key: encrypt and decrypt. What it seals is bound to its place by additional
// authenticated data, and by checksums both sides find what was damaged on its way. Mortise needs only the right to use the key.

class GcpKey implements CloudKey {
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

  /** The version that seals now, which Google's answer to a trial names. To read the key's description Mortise would need another right. */
  async newestVersion(): Promise<string> {
    return (await this.encrypt(randomBytes(16), Buffer.from('which version seals'))).keyVersion
  }

  /** Does nothing: the trial of CloudRootKey shows whether the key seals and opens, and does not open for another place. */
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

// ---------------------------------------------------------------- Its checksum

// CRC-32C (Castagnoli, RFC 3720 appendix B.4), by which Cloud KMS finds what was damaged on its way. Node.js has only CRC-32.

const polynomial = 0x82f63b78
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
  return value
})

export function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes) sum = (table[(sum ^ byte) & 0xff] ?? 0) ^ (sum >>> 8)
  return (sum ^ 0xffffffff) >>> 0
}

// ---------------------------------------------------------------- Its URI

// The URI of a root key in Google Cloud KMS: gcp-kms: and the resource name of the key, without a version.
//
//     gcp-kms:projects/contoso/locations/europe-west3/keyRings/mortise/cryptoKeys/production

/** The resource name. Throws RootKeyError('root-key') with what to write instead. */
export function parseGcpUri(uri: string): string {
  const [, name] = form.exec(uri) ?? []
  if (name !== undefined) return name
  throw new RootKeyError(
    'root-key',
    `${uri} is not the URI of a root key in Google Cloud KMS. Write gcp-kms: and the resource name of the key, without a version, such as ` +
      'gcp-kms:projects/contoso/locations/europe-west3/keyRings/mortise/cryptoKeys/production',
  )
}

/**
 * The name becomes part of a URL's path: the pattern allows no character in it that could leave that path. A project may belong to a
 * domain: example.com:contoso.
 */
const form =
  /^gcp-kms:(projects\/(?:[a-z0-9][a-z0-9.-]*:)?[a-z0-9][a-z0-9-]*\/locations\/[a-z0-9-]+\/keyRings\/[\w-]{1,63}\/cryptoKeys\/[\w-]{1,63})$/
