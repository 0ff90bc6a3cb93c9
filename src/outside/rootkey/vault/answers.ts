// The answers of Vault and OpenBao, as schemas: their JSON is parsed here and nowhere else.

import { z } from 'zod'

const visible = z.string().regex(/^[\x21-\x7e]+$/)

const encrypted = z.object({ data: z.object({ ciphertext: visible.regex(/^vault:v\d+:/) }) })

/** undefined: there is no ciphertext in it. */
export function readCiphertext(json: unknown): string | undefined {
  return encrypted.safeParse(json).data?.data.ciphertext
}

const transitKey = z.object({
  data: z.object({
    type: z.string(),
    latest_version: z.number().int().positive(),
    derived: z.boolean().catch(false),
    exportable: z.boolean().catch(false),
    allow_plaintext_backup: z.boolean().catch(false),
    deletion_allowed: z.boolean().catch(false),
    soft_deleted: z.boolean().catch(false),
  }),
})

export type TransitKey = Readonly<z.output<typeof transitKey>['data']>

/** undefined: it is not a key. */
export function readTransitKey(json: unknown): TransitKey | undefined {
  return transitKey.safeParse(json).data?.data
}

const seconds = z.number().nonnegative()

const login = z.object({
  auth: z.object({ client_token: visible, lease_duration: seconds, renewable: z.boolean().catch(false) }),
})

export interface Lease {
  readonly token: string
  /** 0: it does not end. */
  readonly lifeSeconds: number
  readonly renewable: boolean
}

/** The token that a login or a renewal gave. undefined: there is none in it. */
export function readLease(json: unknown): Lease | undefined {
  const auth = login.safeParse(json).data?.auth
  return auth && { token: auth.client_token, lifeSeconds: auth.lease_duration, renewable: auth.renewable }
}

const looked = z.object({ data: z.object({ ttl: seconds, renewable: z.boolean().catch(false) }) })

/** The time that a token has left, as it learns when it looks at itself. */
export function readLookup(json: unknown): Omit<Lease, 'token'> | undefined {
  const data = looked.safeParse(json).data?.data
  return data && { lifeSeconds: data.ttl, renewable: data.renewable }
}

const refusal = z.object({ errors: z.array(z.string()) })

/** The words of a refusal, on one line; '' where there are none. undefined: Vault did not write it. */
export function readErrors(json: unknown): string | undefined {
  const errors = refusal.safeParse(json).data?.errors
  return errors
    ?.join('; ')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 300)
}

const withId = z.object({ request_id: z.uuid() })

export function requestIdIn(json: unknown): string | undefined {
  return withId.safeParse(json).data?.request_id
}
