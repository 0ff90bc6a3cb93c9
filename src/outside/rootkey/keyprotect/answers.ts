// The answers of Key Protect, HPCS and IAM, as schemas: no other file reads the fields of their JSON. A field that is missing or is not
// what it should be counts as absent where Mortise can do without it. The schemas have only the fields that Mortise uses.

import { z } from 'zod'

const absent = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined)
const filled = z.string().min(1)
/** Visible ASCII, since Mortise puts it into headers, logs and the wrapped form. */
const visible = z.string().regex(/^[\x21-\x7e]+$/)
const orNull = filled.nullable().catch(null)

// ---------------------------------------------------------------- keys

/** Key Protect has no state 4. */
const states = {
  0: 'pre-activation',
  1: 'active',
  2: 'suspended',
  3: 'deactivated',
  5: 'destroyed',
} as const

export type KeyState = (typeof states)[keyof typeof states] | 'unknown'

/** A key as the service lists it. Only the answer to a get has `payload`, the content of a standard key. */
const keyResource = z
  .object({
    id: filled.toLowerCase(),
    name: filled.catch(''),
    description: z.string().catch(''),
    aliases: z.array(z.string()).catch([]),
    state: z.number().catch(-1),
    deleted: z.boolean().catch(false),
    extractable: z.boolean().catch(true),
    keyRingID: filled.catch('default'),
    creationDate: orNull,
    lastRotateDate: orNull,
    expirationDate: orNull,
    keyVersion: absent(z.object({ id: z.string() })),
    payload: absent(filled),
  })
  .transform((key) => ({
    id: key.id,
    name: key.name,
    description: key.description,
    aliases: key.aliases,
    state: nameOf(key.state),
    isDestroyed: key.deleted || nameOf(key.state) === 'destroyed',
    extractable: key.extractable,
    keyRing: key.keyRingID,
    createdAt: key.creationDate,
    lastRotatedAt: key.lastRotateDate,
    expiresAt: key.expirationDate,
    keyVersion: key.keyVersion?.id ?? null,
    payload: key.payload,
  }))

/**
 * `extractable` is false for a root key. Times are RFC 3339, as the service wrote them, and `keyVersion` is the id of the
 * newest version; null where the service does not say.
 */
export type KeyResource = Readonly<z.output<typeof keyResource>>

function nameOf(state: number): KeyState {
  return isState(state) ? states[state] : 'unknown'
}

function isState(state: number): state is keyof typeof states {
  return Object.hasOwn(states, state)
}

/** A collection; an empty one has no `resources` at all. */
const collection = z
  .object({ metadata: z.unknown().optional(), resources: z.array(z.unknown()).optional() })
  .refine(({ metadata, resources }) => metadata !== undefined || resources !== undefined)

/** The resources of a collection, whose fields are not checked yet. undefined: `json` is not a collection. */
export function readResources(json: unknown): readonly unknown[] | undefined {
  const parsed = collection.safeParse(json)
  return parsed.success ? (parsed.data.resources ?? []) : undefined
}

/** undefined: the resource is not a key. */
export function readKey(resource: unknown): KeyResource | undefined {
  return keyResource.safeParse(resource).data
}

const withId = z.object({ id: z.string() })

/** undefined: the resource has no id. */
export function resourceId(resource: unknown): string | undefined {
  return withId.safeParse(resource).data?.id
}

/** The one key that the answer is about. undefined: the answer has no key. */
export function readOneKey(json: unknown): KeyResource | undefined {
  return readKey(readResources(json)?.[0])
}

// ---------------------------------------------------------------- wrap, unwrap, rewrap

const version = absent(z.object({ id: visible.max(255) }))

const wrapped = z
  .object({ ciphertext: absent(visible), keyVersion: version, rewrappedKeyVersion: version })
  .transform(({ ciphertext, keyVersion, rewrappedKeyVersion }) => ({
    ciphertext,
    keyVersion: keyVersion?.id ?? '',
    rewrappedKeyVersion: rewrappedKeyVersion?.id ?? '',
  }))

/**
 * `ciphertext` is undefined where the answer has none, as when an unwrap opens what the newest version wrapped, or where it is not
 * visible ASCII. `keyVersion`: the version that wrapped what Mortise sent. `rewrappedKeyVersion`: in the answer of an unwrap or rewrap,
 * the version that made `ciphertext`. Each is '' where the service does not say.
 */
export type WrappedAnswer = Readonly<z.output<typeof wrapped>>

/** Reads the answer of a wrap, unwrap or rewrap, but not the secret in it. */
export function readWrapped(json: unknown): WrappedAnswer {
  return wrapped.safeParse(json).data ?? { ciphertext: undefined, keyVersion: '', rewrappedKeyVersion: '' }
}

// ---------------------------------------------------------------- refusals

/** Text of the service as one line of at most 300 characters, since Mortise writes it into logs and to terminals. */
const words = z
  .string()
  .transform((text) => text.replace(/\p{Cc}+/gu, ' ').slice(0, 300))
  .catch('')

const serviceRefusal = z.object({
  resources: z
    .array(
      z.object({
        errorMsg: words,
        reasons: absent(z.array(z.object({ code: words, message: words }))),
      }),
    )
    .min(1),
})

/** Any JSON object: IAM may refuse access in the service's place, in a form of its own. */
const accessRefusal = z.object({})

const iamRefusal = z.object({
  errorCode: words,
  errorMessage: words,
  context: absent(z.object({ requestId: z.string().regex(/^[\w.:-]{1,100}$/) })),
})

export interface RefusalBody {
  /** `reasons[0].code`, or IAM's `errorCode`; empty where there is none. */
  readonly code: string
  readonly message: string
}

/**
 * Reads the body of a refusal by Key Protect or HPCS, which has a resource. undefined: the body has none, so that not the service wrote
 * it but a gateway in between. `isAccess`: the refusal is a 401 or 403, whose body may be any JSON object.
 */
export function readServiceRefusal(body: Buffer, isAccess = false): RefusalBody | undefined {
  const json = parseJson(body)
  const parsed = serviceRefusal.safeParse(json)
  if (!parsed.success)
    return isAccess && accessRefusal.safeParse(json).success ? { code: '', message: '' } : undefined
  const [resource] = parsed.data.resources
  const [reason] = resource?.reasons ?? []
  return { code: reason?.code ?? '', message: (reason?.message ?? '') || (resource?.errorMsg ?? '') }
}

/** Reads the error body of IAM, with the request id by which IAM finds its refusal. */
export function readIamRefusal(
  body: Buffer,
): (RefusalBody & { readonly requestId: string | undefined }) | undefined {
  const parsed = iamRefusal.safeParse(parseJson(body))
  if (!parsed.success) return undefined
  const { errorCode, errorMessage, context } = parsed.data
  return { code: errorCode, message: errorMessage, requestId: context?.requestId }
}

// ---------------------------------------------------------------- tokens

const tokenAnswer = z.object({
  access_token: visible,
  /** Seconds. */
  expires_in: z.coerce.number().positive().catch(600),
})

/** undefined: the answer has no token. */
export function readToken(json: unknown): Readonly<z.output<typeof tokenAnswer>> | undefined {
  return tokenAnswer.safeParse(json).data
}

const subject = absent(z.string().regex(/^[\w@.-]{1,100}$/))
const claims = z.object({ sub: subject, iam_id: subject })

/** The owner of a token, as the claims of the JWT name it; '' where they do not. Mortise does not check the token: the service does. */
export function subjectOf(bearer: string): string {
  const parsed = claims.safeParse(parseJson(Buffer.from(bearer.split('.')[1] ?? '', 'base64url')))
  return parsed.data?.sub ?? parsed.data?.iam_id ?? ''
}

/** undefined: the bytes are not JSON. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
