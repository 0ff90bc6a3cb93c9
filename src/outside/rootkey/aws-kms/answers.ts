// The answers of AWS KMS, as schemas: their JSON is parsed here and nowhere else.

import { z } from 'zod'
import { parseJson } from '../https/secret-json.ts'

const encrypted = z.object({ CiphertextBlob: z.string().regex(/^[\w+/=]+$/) })

/** undefined: there is no ciphertext in it. */
export function readCiphertext(json: unknown): string | undefined {
  return encrypted.safeParse(json).data?.CiphertextBlob
}

const described = z.object({
  KeyMetadata: z.object({
    Arn: z.string().startsWith('arn:'),
    KeyState: z.string(),
    KeyUsage: z.string(),
    KeySpec: z.string(),
  }),
})

export type KeyMetadata = Readonly<z.output<typeof described>['KeyMetadata']>

/** undefined: it is no key. */
export function readMetadata(json: unknown): KeyMetadata | undefined {
  return described.safeParse(json).data?.KeyMetadata
}

const words = z
  .string()
  .transform((text) => text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 300))
  .catch('')

const refusal = z.object({ __type: z.string(), message: words, Message: words })

/** The code of a refusal without its namespace, and the words. undefined: AWS did not write it. */
export function readAwsRefusal(
  body: Buffer,
): { readonly code: string; readonly message: string } | undefined {
  const parsed = refusal.safeParse(parseJson(body))
  if (!parsed.success) return undefined
  const { __type: type, message, Message } = parsed.data
  return { code: type.slice(type.lastIndexOf('#') + 1).slice(0, 100), message: message || Message }
}
