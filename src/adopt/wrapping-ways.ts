// The ways in which another service may have stored a key that a root key wrapped: how the payload of a standard key holds
// the ciphertext, and which associated data belongs to it. IBM documents neither for KMIP for VMware, so each documented
// use of wrap and unwrap is tried. Pure functions.

import { createHash, timingSafeEqual } from 'node:crypto'

/** `text`: the payload is the ciphertext. `base64`: its base64 is. `json`: a field of the JSON in the payload is. */
type Form = 'text' | 'base64' | 'json'
/** The associated data. `json`: a field `aad` beside the ciphertext. */
type Associated = 'none' | 'identifier' | 'name' | 'instance' | 'json'

/** For people and JSON: `text, aad none`. */
export type Way = `${Form}, aad ${Associated}`

export interface Attempt {
  readonly way: Way
  readonly ciphertext: string
  readonly aad: readonly string[]
}

export interface StoredKey {
  readonly name: string
  readonly payload: Uint8Array
  /** The GUID of the service instance. */
  readonly serviceInstance: string
}

/** The prefix of the standard keys' names. */
export const namePrefix = 'vmware_kmip'

/** The identifiers by which the client may know the key, most likely first: the name without its prefix; the whole name. */
export function identifiersOf(name: string): readonly string[] {
  const bare = name.slice(namePrefix.length).replace(/^[-_.:]+/, '')
  return bare === '' ? [name] : [bare, name]
}

/** The attempts to make, in order, each once. `first`: the ways that opened other keys. */
export function attemptsFor(key: StoredKey, first: ReadonlySet<Way>): readonly Attempt[] {
  const attempts = new Map<string, Attempt>()
  for (const { form, ciphertext, aad } of ciphertextsOf(key.payload))
    for (const [associated, strings] of associatedData(key, aad)) {
      const attempt: Attempt = { way: `${form}, aad ${associated}`, ciphertext, aad: strings }
      const same = JSON.stringify([ciphertext, strings])
      if (!attempts.has(same)) attempts.set(same, attempt)
    }
  const all = [...attempts.values()]
  return [...all.filter(({ way }) => first.has(way)), ...all.filter(({ way }) => !first.has(way))]
}

interface Ciphertext {
  readonly form: Form
  readonly ciphertext: string
  /** Found beside it. */
  readonly aad?: readonly string[]
}

function ciphertextsOf(payload: Uint8Array): readonly Ciphertext[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  const text = bytes.toString('latin1').trim()
  const found: Ciphertext[] = []
  if (isBase64(text)) found.push({ form: 'text', ciphertext: text })
  found.push({ form: 'base64', ciphertext: bytes.toString('base64') })
  const json = jsonOf(text) ?? (isBase64(text) ? jsonOf(Buffer.from(text, 'base64').toString()) : undefined)
  if (json !== undefined) found.push(...fieldsOf(json, 0))
  return found
}

function associatedData(
  { name, serviceInstance }: StoredKey,
  beside: readonly string[] | undefined,
): readonly (readonly [Associated, readonly string[]])[] {
  const [identifier = name] = identifiersOf(name)
  return [
    ...(beside ? ([['json', beside]] as const) : []),
    ['none', []],
    ['identifier', [identifier]],
    ['name', [name]],
    ['instance', [serviceInstance]],
  ]
}

const depthMax = 4

/** The fields named ciphertext, at any depth up to a bound. */
function fieldsOf(json: unknown, depth: number): readonly Ciphertext[] {
  if (typeof json !== 'object' || json === null || depth > depthMax) return []
  const entries = Object.entries(json as Record<string, unknown>)
  const beside = entries.find(([key]) => /^aad$/i.test(key))?.[1]
  const aad = Array.isArray(beside) ? beside.filter((one) => typeof one === 'string') : undefined
  return entries.flatMap(([key, value]): readonly Ciphertext[] => {
    if (typeof value !== 'string') return fieldsOf(value, depth + 1)
    if (!/^cipher_?text$/i.test(key) || !isBase64(value)) return []
    return [{ form: 'json', ciphertext: value, ...(aad && { aad }) }]
  })
}

function jsonOf(text: string): unknown {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isBase64(text: string): boolean {
  return text.length >= 4 && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text)
}

/** Whether what opened holds these key bytes: as they are, or written in base64 or hex. Wipes its copies. */
export function holds(opened: Buffer, digest: Buffer): boolean {
  const text = opened.toString('latin1')
  const written = [
    isBase64(text) ? Buffer.from(text, 'base64') : undefined,
    /^([0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, 'hex') : undefined,
  ]
  const equal = [opened, ...written].some((bytes) => bytes !== undefined && digestEquals(bytes, digest))
  for (const bytes of written) bytes?.fill(0)
  return equal
}

function digestEquals(bytes: Buffer, digest: Buffer): boolean {
  return timingSafeEqual(createHash('sha256').update(bytes).digest(), digest)
}
