// The answers of Azure Key Vault and Managed HSM, as schemas: their JSON is parsed here and nowhere else.

import { z } from 'zod'
import { parseJson } from '../https/secret-json.ts'

/** The identifier of a version of a key ends with the version. */
const kid = z
  .string()
  .transform((text) => /\/keys\/[^/]+\/([0-9a-f]{32})$/i.exec(text)?.[1] ?? '')
  .pipe(z.string().min(1))

const described = z.object({
  key: z.object({ kid, kty: z.string(), key_ops: z.array(z.string()).catch([]) }),
  attributes: z.object({ enabled: z.boolean(), exp: z.number().optional(), nbf: z.number().optional() }),
})

export interface AzureKeyVersion {
  readonly version: string
  readonly type: string
  readonly operations: readonly string[]
  readonly enabled: boolean
  /** Milliseconds since 1970; undefined: never. */
  readonly expiresMs: number | undefined
}

/** undefined: it is no key. */
export function readKeyVersion(json: unknown): AzureKeyVersion | undefined {
  const read = described.safeParse(json).data
  if (!read) return undefined
  const { key, attributes } = read
  const expiresMs = attributes.exp === undefined ? undefined : attributes.exp * 1000
  return { version: key.kid, type: key.kty, operations: key.key_ops, enabled: attributes.enabled, expiresMs }
}

const wrapped = z.object({ kid, value: z.string().regex(/^[\w-]+$/) })

/** undefined: there is no wrapped key in it. */
export function readWrapped(json: unknown): { readonly version: string; readonly value: string } | undefined {
  const read = wrapped.safeParse(json).data
  return read && { version: read.kid, value: read.value }
}

const words = z
  .string()
  .transform((text) => text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 300))
  .catch('')
const inner = z.object({ code: z.string() }).optional().catch(undefined)
const refusal = z.object({
  error: z.object({ code: z.string(), message: words, innererror: inner, innerError: inner }),
})

/** The innermost code of a refusal, and the words. undefined: Azure did not write it. */
export function readAzureRefusal(
  body: Buffer,
): { readonly code: string; readonly message: string } | undefined {
  const error = refusal.safeParse(parseJson(body)).data?.error
  const code = error && (error.innererror?.code ?? error.innerError?.code ?? error.code)
  return error && { code: (code ?? '').slice(0, 100), message: error.message }
}
