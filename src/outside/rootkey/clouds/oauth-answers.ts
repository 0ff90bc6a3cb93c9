// The answers of authorization servers (RFC 6749 §5), and of the metadata services that answer alike, as schemas.

import { z } from 'zod'

const token = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/),
  // Azure's metadata service writes it as text.
  expires_in: z.coerce.number().positive(),
})

/** undefined: there is no token in it. */
export function readOAuthToken(
  json: unknown,
): { readonly token: string; readonly seconds: number } | undefined {
  const read = token.safeParse(json).data
  return read && { token: read.access_token, seconds: read.expires_in }
}

const refusal = z.object({
  error: z.string(),
  error_description: z
    .string()
    .transform((text) => text.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 300))
    .catch(''),
})

export interface OAuthRefusal {
  readonly code: string
  readonly words: string
}

/** undefined: no authorization server wrote it. */
export function readOAuthRefusal(json: unknown): OAuthRefusal | undefined {
  const read = refusal.safeParse(json).data
  return read && { code: read.error, words: read.error_description }
}
