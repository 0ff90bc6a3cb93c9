// The answers of Key Protect, HPCS and IAM, as schemas: their JSON is parsed here and nowhere else. A field that is missing
// or is not what it should be counts as absent where Mortise can do without it; nothing is read that is not used.

import { z } from 'zod'

const absent = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined)
const filled = z.string().min(1)
/** Goes into paths, logs and the wrapped form. */
const visible = z.string().regex(/^[\x21-\x7e]+$/)
const orNull = filled.nullable().catch(null)

// ---------------------------------------------------------------- keys

/** There is no 4. */
const states = {
  0: 'pre-activation',
  1: 'active',
  2: 'suspended',
  3: 'deactivated',
  5: 'destroyed',
} as const

export type KeyState = (typeof states)[keyof typeof states] | 'unknown'

/** A key as the service lists it; `payload` of a standard key is in the answer to a get alone. */
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

/** The resources of a collection, read or not. undefined: it is not a collection. */
export function readResources(json: unknown): readonly unknown[] | undefined {
  const parsed = collection.safeParse(json)
  return parsed.success ? (parsed.data.resources ?? []) : undefined
}

/** undefined: it is not a key. */
export function readKey(resource: unknown): KeyResource | undefined {
  return keyResource.safeParse(resource).data
}

const withId = z.object({ id: z.string() })

/** undefined: it has none. */
export function idOf(resource: unknown): string | undefined {
  return withId.safeParse(resource).data?.id
}

/** The one key that the answer is about; undefined where there is none. */
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
 * `ciphertext` is undefined where there is none, as in an unwrap under the newest version, or nothing that could be one.
 * `keyVersion` wrapped what was sent, `rewrappedKeyVersion` the ciphertext; each is '' where the service does not say.
 */
export type WrappedAnswer = Readonly<z.output<typeof wrapped>>

/** The answer of a wrap, unwrap or rewrap, its secret left out. */
export function readWrapped(json: unknown): WrappedAnswer {
  return wrapped.safeParse(json).data ?? { ciphertext: undefined, keyVersion: '', rewrappedKeyVersion: '' }
}

// ---------------------------------------------------------------- refusals

/** One line, and not a long one: it goes into logs and to terminals. */
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

/** IAM may refuse access in the service's place, in a form of its own. */
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
 * The body of a refusal by Key Protect or HPCS, which has a resource. undefined: it has none, so that they did not write it, but a
 * gateway in between. `isAccess`: access is refused, for which any JSON object will do.
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

/** undefined: there is no token in it. */
export function readToken(json: unknown): Readonly<z.output<typeof tokenAnswer>> | undefined {
  return tokenAnswer.safeParse(json).data
}

const subject = absent(z.string().regex(/^[\w@.-]{1,100}$/))
const claims = z.object({ sub: subject, iam_id: subject })

/** Whose token it is, as the middle of a JWT says; '' where it does not. It is the service's to check, not ours. */
export function subjectOf(bearer: string): string {
  const parsed = claims.safeParse(parseJson(Buffer.from(bearer.split('.')[1] ?? '', 'base64url')))
  return parsed.data?.sub ?? parsed.data?.iam_id ?? ''
}

/** undefined: it is not JSON. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
