// Answers questions about certificates of unknown peers for core/trust/: did this CA sign this leaf, when is it valid, does its
// subject match a filter, can two filters match the same subject. core/trust/access.ts decides about trust.

import { readNames } from './certificate.ts'
import { PkiError } from './error.ts'
import { attributeTypes, isPrintable, type Subject } from './subject.ts'
import { hasKnownTwins } from './twin.ts'
import { allowsUse, brokenSignature, readDates, readX509, type Validity } from './x509.ts'

/** The most characters of a subject filter under a client's CA. */
const subjectPatternCharactersMax = 256

/**
 * Whether this CA itself signed this leaf: CA:TRUE above, CA:FALSE below, matching names and key identifiers, and a valid
 * signature. False for bytes that are not a certificate. Ignores dates. Takes about 0.1 ms.
 */
export function signedBy(leafDer: Uint8Array, caDer: Uint8Array): boolean {
  try {
    const [leaf, ca] = [readX509(leafDer), readX509(caDer)]
    if (!ca.ca || leaf.ca || brokenSignature(leaf) !== undefined) return false
    return leaf.checkIssued(ca) && leaf.verify(ca.publicKey)
  } catch {
    return false
  }
}

/**
 * Whether this CA signed this leaf for a client. A server certificate of the CA does not count, even if its name matches. A leaf
 * whose twin is unknown (twin.ts) does not count either, since it could not be blocked.
 */
export function signedForClient(leafDer: Uint8Array, caDer: Uint8Array): boolean {
  return signedBy(leafDer, caDer) && allowsUse(readX509(leafDer), 'clientAuth') && hasKnownTwins(caDer)
}

/** Whether two certificates belong to one CA, that is, have the same key. Names do not count, because they can be copied. */
export function sameAuthority(aDer: Uint8Array, bDer: Uint8Array): boolean {
  try {
    return readX509(aDer).publicKey.equals(readX509(bDer).publicKey)
  } catch {
    return false
  }
}

/**
 * A certificate's dates. For bytes that are not a certificate, or that have invalid dates: never valid. Takes about 0.02 ms,
 * which matters because every message asks.
 */
export function validity(der: Uint8Array): Validity {
  try {
    return readDates(readX509(der)) ?? never
  } catch {
    return never
  }
}

const never: Validity = { notBeforeMs: Infinity, notAfterMs: -Infinity }

/**
 * Whether the subject of a leaf matches a pattern. `pattern`: a pattern of the common name (`kmipClient*`), or of several
 * attributes (`CN=kmipClient*,O=Example`), all of which must match, in any order. Case-sensitive. The subject must have exactly
 * one attribute of each type, except for OU and DC: otherwise a second common name could match while the first one is shown.
 * False for bytes that are not a certificate. Throws PkiError for a bad pattern. This reads only names. `signedBy` checks the
 * rest of the certificate.
 */
export function matchesSubject(leafDer: Uint8Array, pattern: string): boolean {
  const filter = parseFilter(pattern)
  const attributes = attributesOf(leafDer)
  return filter.every(({ type, glob }) => {
    const values = attributes.filter((attribute) => attribute.type === type).map(({ value }) => value)
    if (values.length !== 1 && !manyValued.has(type)) return false
    return values.some((value) => isPrintable(value) && globMatches(glob, value))
  })
}

function attributesOf(der: Uint8Array): Subject[number] {
  try {
    return readNames(Buffer.from(der.buffer, der.byteOffset, der.byteLength)).subject.flat()
  } catch {
    return []
  }
}

/** Whether some subject can match both patterns. A type that only one pattern names cannot exclude a match. */
export function filtersOverlap(a: string, b: string): boolean {
  const others = parseFilter(b)
  return parseFilter(a).every(({ type, glob }) => {
    const other = others.find((part) => part.type === type)
    return !other || manyValued.has(type) || globsOverlap(glob, other.glob)
  })
}

/** Returns the pattern, trimmed. Throws PkiError with words for its author. */
export function checkSubjectPattern(pattern: string): string {
  parseFilter(pattern)
  return pattern.trim()
}

/** Whether the pattern only requires that the attribute exists: `*`, `CN=**`. Throws PkiError. */
export function fitsEverySubject(pattern: string): boolean {
  return parseFilter(pattern).every(({ glob }) => glob.every((part) => part === null))
}

interface FilterPart {
  readonly type: string
  readonly glob: Glob
}

/** The types that one subject often has several times. */
const manyValued: ReadonlySet<string> = new Set(['OU', 'DC'])

function parseFilter(pattern: string): readonly FilterPart[] {
  const text = pattern.trim()
  if (text === '') throw new PkiError('The subject pattern is empty. For every subject write: *')
  if (text.length > subjectPatternCharactersMax)
    throw new PkiError(`The subject pattern is longer than ${subjectPatternCharactersMax} characters.`)
  if (!isPrintable(text)) throw new PkiError('The subject pattern holds characters that cannot be shown.')
  const parts = splitParts(text)
  if (parts.length === 1 && !/(?<!\\)=/.test(text)) return [{ type: 'CN', glob: parseGlob(text) }]
  const filter: FilterPart[] = []
  for (const part of parts) {
    const [, name, value] = /^([A-Za-z0-9.]+)\s*=\s*(\S.*)$/.exec(part) ?? []
    const type = name === undefined ? undefined : attributeType(name)
    if (type === undefined || value === undefined) throw new PkiError(badPart(part))
    if (filter.some((other) => other.type === type) && !manyValued.has(type))
      throw new PkiError(`The subject pattern names ${type} twice.`)
    filter.push({ type, glob: parseGlob(value) })
  }
  return filter
}

/** Splits at commas without a backslash before them. Keeps the backslashes. */
function splitParts(text: string): readonly string[] {
  const parts = ['']
  let escaped = false
  for (const character of text) {
    if (character === ',' && !escaped) parts.push('')
    else parts.push((parts.pop() ?? '') + character)
    escaped = character === '\\' && !escaped
  }
  return parts.map((part) => part.trim())
}

function attributeType(name: string): string | undefined {
  const known = Object.entries(attributeTypes).find(
    ([short, identifier]) => short.toLowerCase() === name.toLowerCase() || identifier === name,
  )
  if (known) return known[0]
  return /^\d+(\.\d+)+$/.test(name) ? name : undefined
}

function badPart(part: string): string {
  return (
    `"${part}" in the subject pattern is not understood. Write a pattern of the common name (kmipClient*), or ` +
    `parts such as CN=kmipClient*,O=Example with these types: ${Object.keys(attributeTypes).join(', ')}. ` +
    'A comma or an equals sign that belongs to a value has a backslash before it.'
  )
}

/**
 * A pattern in which `*` (null) stands for any text, including none; any other element is one character. The functions below use no
 * regular expressions and take time proportional to the product of the lengths, whatever the pattern.
 */
export type Glob = readonly (string | null)[]

/** A `\` makes the next character literal. */
export function parseGlob(text: string): Glob {
  const glob: (string | null)[] = []
  let escaped = false
  for (const character of text) {
    if (!escaped && character === '\\') {
      escaped = true
      continue
    }
    glob.push(!escaped && character === '*' ? null : character)
    escaped = false
  }
  if (escaped) glob.push('\\')
  return glob
}

/** Whether the pattern matches the whole text. Case-sensitive. */
export function globMatches(glob: Glob, text: string): boolean {
  return globsOverlap(glob, Array.from(text))
}

/** Whether some text matches both patterns. */
export function globsOverlap(a: Glob, b: Glob): boolean {
  // reachable[j]: some text matches both the processed part of `a` and the first j elements of `b`.
  let reachable = Array.from(b, () => false)
  reachable.unshift(true)
  for (const [j, part] of b.entries()) reachable[j + 1] = part === null && reachable[j] === true
  for (const part of a) {
    const next = [part === null && reachable[0] === true]
    for (const [j, other] of b.entries()) {
      const both = reachable[j] === true && (part === null || other === null || part === other)
      const starOfA = part === null && (reachable[j + 1] === true || next[j] === true)
      const starOfB = other === null && (reachable[j + 1] === true || next[j] === true)
      next.push(both || starOfA || starOfB)
    }
    reachable = next
  }
  return reachable[b.length] === true
}
