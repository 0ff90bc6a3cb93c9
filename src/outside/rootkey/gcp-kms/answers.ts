// The answers of Google Cloud KMS, as schemas: their JSON is parsed here and nowhere else.

import { z } from 'zod'
import { parseJson } from '../https/secret-json.ts'

/** JSON has 64-bit numbers as text. */
const checksum = z.string().regex(/^\d{1,10}$/)

const encrypted = z.object({
  name: z.string().regex(/\/cryptoKeyVersions\/\d{1,10}$/),
  ciphertext: z.string().regex(/^[\w+/]+={0,2}$/),
  ciphertextCrc32c: checksum,
  verifiedPlaintextCrc32c: z.literal(true),
  verifiedAdditionalAuthenticatedDataCrc32c: z.literal(true),
})

export interface GcpEncrypted {
  /** The number of the version that sealed. */
  readonly version: string
  readonly ciphertext: string
  readonly checksum: number
}

/** undefined: there is no ciphertext in it, or Google did not check what it got. */
export function readEncrypted(json: unknown): GcpEncrypted | undefined {
  const read = encrypted.safeParse(json).data
  if (!read) return undefined
  const version = read.name.slice(read.name.lastIndexOf('/') + 1)
  return { version, ciphertext: read.ciphertext, checksum: Number(read.ciphertextCrc32c) }
}

const decrypted = z.object({ plaintextCrc32c: checksum })

/** The checksum of the plaintext, which was cut out of the answer. undefined: there is none. */
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

export interface GcpRefusal {
  /** google.rpc.Code */
  readonly code: string
  readonly message: string
  /** The types of its violations (google.rpc.PreconditionFailure). */
  readonly violations: readonly string[]
}

/** undefined: Google did not write it. */
export function readGcpRefusal(body: Buffer): GcpRefusal | undefined {
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

export interface ServiceAccount {
  readonly email: string
  readonly privateKeyPem: string
  readonly privateKeyId: string
  readonly tokenUri: URL
}

/** A key file of a service account. undefined: it is none. */
export function readServiceAccount(text: string): ServiceAccount | undefined {
  const read = serviceAccount.safeParse(parseJson(Buffer.from(text))).data
  if (!read) return undefined
  const { client_email: email, private_key: privateKeyPem, private_key_id: privateKeyId } = read
  return { email, privateKeyPem, privateKeyId, tokenUri: new URL(read.token_uri) }
}
