// Schemas that several parts of the route table use.

import { z } from '@hono/zod-openapi'
import { limits } from '../limits.ts'

export const time = z.iso.datetime().openapi({ example: '2026-03-01T12:00:00.000Z' })

export const shownSha256 = z
  .string()
  .openapi({ example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' })

export const pem = z.string().max(limits.certificateBytesMax)

/** Shown on terminals and used in paths. */
export const name = z
  .string()
  .trim()
  .min(1)
  .max(limits.clientNameCharactersMax)
  .regex(/^(?!\.{1,2}$)[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u, 'has characters that cannot be shown')

export const ibmApiKey = z
  .string()
  .regex(/^[\x21-\x7e]{1,1000}$/, 'must be an API key, on one line and nothing else')
  .openapi({
    description:
      'The API key of the service ID that speaks to Key Protect or HPCS for this instance; left out: the one that there is, or that of the server. Tried at once, kept sealed, never shown.',
  })
