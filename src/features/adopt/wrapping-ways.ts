// The ways in which another service may have stored a key that a root key wrapped: how the payload of a standard key holds
// the ciphertext, and which associated data belongs to it. IBM documents neither for KMIP for VMware, so each documented
// use of wrap and unwrap is tried. Pure functions; the bytes of keys never become strings.

import { hash, timingSafeEqual } from 'node:crypto'
import { decodeBase64 } from '../../base/base64.ts'

/** `text`: the payload is the ciphertext. `base64`: its base64 is. `json`: a field of the JSON in the payload is. */
const forms = ['text', 'base64', 'json'] as const
type Form = (typeof forms)[number]
/** The associated data. `json`: a field `aad` beside the ciphertext. */
const associations = ['none', 'identifier', 'name', 'instance', 'json'] as const
type Associated = (typeof associations)[number]

/** For people and JSON: `text, aad none`. */
export type Way = `${Form}, aad ${Associated}`

export const ways: readonly Way[] = forms.flatMap((form) =>
  associations.map((associated): Way => `${form}, aad ${associated}`),
)

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

/**
 * The attempts to make, in order, each once. `first`: the ways that opened other keys. `only`: no others than these ways;
 * left out: all.
 */
export function attemptsFor(
  key: StoredKey,
  { first = new Set(), only }: { readonly first?: ReadonlySet<Way>; readonly only?: ReadonlySet<Way> },
): readonly Attempt[] {
  const attempts = new Map<string, Attempt>()
  for (const { form, ciphertext, aad } of ciphertextsOf(key.payload))
    for (const [associated, strings] of associatedData(key, aad)) {
      const attempt: Attempt = { way: `${form}, aad ${associated}`, ciphertext, aad: strings }
      const same = JSON.stringify([ciphertext, strings])
      if ((only?.has(attempt.way) ?? true) && !attempts.has(same)) attempts.set(same, attempt)
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
  const ciphertexts: Ciphertext[] = []
  if (isBase64(text)) ciphertexts.push({ form: 'text', ciphertext: text })
  ciphertexts.push({ form: 'base64', ciphertext: bytes.toString('base64') })
  const json = jsonOf(text) ?? (isBase64(text) ? jsonOf(Buffer.from(text, 'base64').toString()) : undefined)
  if (json !== undefined) ciphertexts.push(...fieldsOf(json, 0))
  return ciphertexts
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

/** How what opened holds the key: as it is, or written in base64 or in hex. */
export const contents = ['bytes', 'base64', 'hex'] as const
export type Content = (typeof contents)[number]

/** The key in what opened, a copy that the caller wipes; undefined if it is not written so. */
export function keyFromContent(opened: Uint8Array, content: Content): Buffer | undefined {
  if (content === 'bytes') return Buffer.from(opened)
  return content === 'base64' ? decodeBase64(opened) : decodeHex(opened)
}

/** How what opened holds the key with this SHA-256; undefined if it does not. Wipes its copies. */
export function contentWithDigest(opened: Uint8Array, digest: Uint8Array): Content | undefined {
  return contents.find((content) => {
    const key = keyFromContent(opened, content)
    const equal = key !== undefined && timingSafeEqual(hash('sha256', key, 'buffer'), digest)
    key?.fill(0)
    return equal
  })
}

function decodeHex(text: Uint8Array): Buffer | undefined {
  if (text.length === 0 || text.length % 2 !== 0) return undefined
  const bytes = Buffer.alloc(text.length / 2)
  for (const [at, character] of text.entries()) {
    const digit = hexDigits.indexOf(character >= 0x41 ? character | 0x20 : character)
    if (digit < 0) {
      bytes.fill(0)
      return undefined
    }
    const half = Math.floor(at / 2)
    bytes[half] = ((bytes[half] ?? 0) << 4) | digit
  }
  return bytes
}

const hexDigits = Buffer.from('0123456789abcdef')
