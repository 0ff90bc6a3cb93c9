// Puts our token on every call of Google Cloud KMS, and reads its refusals.

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import type { BearerLogin, BearerGrant } from '../clouds/bearer-login.ts'
import type { CloudRefusal } from '../clouds/error.ts'
import type { CloudHttp } from '../clouds/http.ts'
import { signedJwt } from '../clouds/jwt.ts'
import type { CloudApi, CloudCall } from '../clouds/session.ts'
import type { HttpAnswer } from '../https/exchange.ts'
import { parseJson } from '../https/secret-json.ts'

interface GcpApiOptions {
  readonly title: string
  readonly login: BearerLogin
}

export class GcpApi implements CloudApi {
  readonly #options: GcpApiOptions

  constructor(options: GcpApiOptions) {
    this.#options = options
  }

  authorize(call: CloudCall, leftMs: number): Promise<Readonly<Record<string, string>>> {
    return this.#options.login.authorize(call, leftMs)
  }

  renewAccess(shown: Readonly<Record<string, string>>): boolean {
    return this.#options.login.refuse(shown)
  }

  readRefusal(call: CloudCall, { status, body }: HttpAnswer): CloudRefusal | undefined {
    const read = status < 400 ? undefined : readGcpRefusal(body)
    if (!read) return undefined
    const { code } = read
    const said = `${this.#options.title} refuses to ${call.name} (${code}${read.message && `: ${read.message}`})`
    // Words about a checksum: what Mortise sent was damaged on its way.
    const isPassing = passing.has(code) || read.violations.some((type) => passingOutside.has(type))
    if (status === 429 || status >= 500 || isPassing || /crc32c|checksum/i.test(read.message))
      return {
        reach: 'unreachable',
        code,
        message: `${said}: it cannot answer at the moment`,
        transient: true,
      }
    if (status === 401 || status === 403)
      return { reach: 'root-key', code, message: `${said}. See docs/root-key-gcp.md`, access: true }
    if (code === 'FAILED_PRECONDITION') {
      const cure = 'Enable or restore the version (gcloud kms keys versions), or make another one primary'
      return { reach: 'root-key', code, message: `${said}. ${cure}` }
    }
    if (code === 'NOT_FOUND') return { reach: 'root-key', code, message: said }
    const altered = call.name === 'decrypt' && code === 'INVALID_ARGUMENT'
    return { reach: 'wrapped-form', code, message: said, altered }
  }

  /** Google's answers name no request id. */
  requestIdOf(): undefined {
    return undefined
  }
}

const passing = new Set([
  'RESOURCE_EXHAUSTED',
  'UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'INTERNAL',
  'CANCELLED',
])

/** With FAILED_PRECONDITION, for an external key manager that does not answer as it should (Google's "Cloud EKM error reference"). */
const passingOutside = new Set([
  'DNS',
  'EXTERNAL_RESOURCE_EXHAUSTED',
  'UNREACHABLE_NETWORK',
  'OVERLOADED_EKM',
  'TIMEOUT',
  'REQUEST_CANCELLED',
  'TLS_CERT',
  'UNEXPECTED_RESPONSE',
  'EXTERNAL_SERVER_ERROR',
  'UNEXPECTED_ERROR',
])

// ---------------------------------------------------------------- Login

// How Mortise gets a token of Google: as a service account, by a key file of it (RFC 7523), or from the metadata server of the machine.

export type GcpAccess =
  /** The text of the key file, read for each token. Rejects with RootKeyError. */
  | { readonly method: 'service-account'; readonly readKeyFile: () => Promise<string> }
  | { readonly method: 'metadata-server' }

const scope = 'https://www.googleapis.com/auth/cloudkms'

/** `http`: to Google's authorization server, or to the metadata server at `metadataAddress`. */
export function gcpGrant(access: GcpAccess, http: CloudHttp, metadataAddress: string): BearerGrant {
  if (access.method === 'metadata-server') {
    const url = new URL('/computeMetadata/v1/instance/service-accounts/default/token', metadataAddress)
    return {
      http,
      cure: 'Give this machine a service account with the scope cloud-platform. See docs/root-key-gcp.md',
      // The metadata server takes no credential: it knows the machine by its network address.
      readCredential: async () => 'metadata server',
      question: () => ({ url, headers: { 'Metadata-Flavor': 'Google' } }),
    }
  }
  return {
    http,
    cure: 'Make another key for the service account and put it into the file that gcp.credentialsFile names. See docs/root-key-gcp.md',
    readCredential: access.readKeyFile,
    question: (text, nowMs) => {
      const { email, privateKey, privateKeyId, tokenUri } = readKeyFile(text)
      const now = Math.floor(nowMs / 1000)
      // Google accepts assertions that live up to an hour.
      const claims = { iss: email, scope, aud: tokenUri.href, iat: now, exp: now + 3600 }
      const assertion = signedJwt({ alg: 'RS256', kid: privateKeyId }, claims, privateKey)
      return { url: tokenUri, form: { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion } }
    },
  }
}

function readKeyFile(text: string) {
  const account = readServiceAccount(text)
  const privateKey = account && keyOf(account.privateKeyPem)
  if (account && privateKey) return { ...account, privateKey }
  throw new RootKeyError(
    'unreachable',
    'the file that gcp.credentialsFile names must be the key of a service account, as gcloud iam service-accounts keys create writes it',
  )
}

function keyOf(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem)
    return key.asymmetricKeyType === 'rsa' ? key : undefined
  } catch {
    return undefined
  }
}

// ---------------------------------------------------------------- Answers

// The answers of Google Cloud KMS, as schemas: no other file reads the fields of their JSON.

/** Google writes 64-bit numbers as text in JSON. */
const checksum = z.string().regex(/^\d{1,10}$/)

const encrypted = z.object({
  name: z.string().regex(/\/cryptoKeyVersions\/\d{1,10}$/),
  ciphertext: z.string().regex(/^[\w+/]+={0,2}$/),
  ciphertextCrc32c: checksum,
  verifiedPlaintextCrc32c: z.literal(true),
  verifiedAdditionalAuthenticatedDataCrc32c: z.literal(true),
})

interface GcpEncrypted {
  /** The number of the key version that made the ciphertext. */
  readonly version: string
  readonly ciphertext: string
  readonly checksum: number
}

/** undefined: the answer has no ciphertext, or Google did not verify the checksums of what Mortise sent. */
export function readEncrypted(json: unknown): GcpEncrypted | undefined {
  const read = encrypted.safeParse(json).data
  if (!read) return undefined
  const version = read.name.slice(read.name.lastIndexOf('/') + 1)
  return { version, ciphertext: read.ciphertext, checksum: Number(read.ciphertextCrc32c) }
}

const decrypted = z.object({ plaintextCrc32c: checksum })

/** The checksum of the plaintext, which was cut out of the answer. undefined: the answer has no checksum. */
export function readPlaintextChecksum(json: unknown): number | undefined {
  const read = decrypted.safeParse(json).data
  return read && Number(read.plaintextCrc32c)
}

const words = z
  .string()
  .transform((text) => text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 300))
  .catch('')
const detail = z
  .object({ violations: z.array(z.object({ type: z.string() })).catch([]) })
  .catch({ violations: [] })
const refusal = z.object({
  error: z.object({ status: z.string(), message: words, details: z.array(detail).catch([]) }),
})

interface GcpRefusal {
  /** google.rpc.Code */
  readonly code: string
  readonly message: string
  /** The types of its violations (google.rpc.PreconditionFailure). */
  readonly violations: readonly string[]
}

/** undefined: Google did not write this answer. */
function readGcpRefusal(body: Buffer): GcpRefusal | undefined {
  const error = refusal.safeParse(parseJson(body)).data?.error
  const violations = error?.details.flatMap((one) => one.violations.map(({ type }) => type)) ?? []
  return error && { code: error.status.slice(0, 100), message: error.message, violations }
}

const serviceAccount = z.object({
  type: z.literal('service_account'),
  client_email: z.string().min(1),
  private_key: z.string(),
  private_key_id: z.string().catch(''),
  token_uri: z.url({ protocol: /^https$/ }),
})

interface ServiceAccount {
  readonly email: string
  readonly privateKeyPem: string
  readonly privateKeyId: string
  readonly tokenUri: URL
}

/** undefined: the text is not the key file of a service account. */
function readServiceAccount(text: string): ServiceAccount | undefined {
  const read = serviceAccount.safeParse(parseJson(Buffer.from(text))).data
  if (!read) return undefined
  const { client_email: email, private_key: privateKeyPem, private_key_id: privateKeyId } = read
  return { email, privateKeyPem, privateKeyId, tokenUri: new URL(read.token_uri) }
}
