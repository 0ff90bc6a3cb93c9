// The questions that trust asks of certificates, which are a stranger's bytes: did this CA sign this leaf, when is it
// valid, does its subject fit a filter, could two filters fit the same subject. Who is trusted is decided in
// trust/access.

import { limits } from '../limits.ts'
import { readNames } from './certificate.ts'
import { PkiError } from './error.ts'
import { globMatches, globsOverlap, parseGlob, type Glob } from './glob.ts'
import { attributeTypes, isPrintable, type Subject } from './subject.ts'
import { allowsUse, brokenHash, readDates, readX509, type Validity } from './x509.ts'

/**
 * Whether that CA signed that leaf itself: CA:TRUE above, CA:FALSE below, the names and key identifiers belong
 * together, and the signature is good. False for anything that is no certificate. Dates are not looked at.
 * About 0.1 ms.
 */
export function signedBy(leafDer: Uint8Array, caDer: Uint8Array): boolean {
  try {
    const [leaf, ca] = [readX509(leafDer), readX509(caDer)]
    if (!ca.ca || leaf.ca || brokenHash.test(leaf.signatureAlgorithm ?? '')) return false
    return leaf.checkIssued(ca) && leaf.verify(ca.publicKey)
  } catch {
    return false
  }
}

/** The same, of a leaf that is for a client: a CA's servers are not its clients because their names fit. */
export function signedForClient(leafDer: Uint8Array, caDer: Uint8Array): boolean {
  return signedBy(leafDer, caDer) && allowsUse(readX509(leafDer), 'clientAuth')
}

/**
 * Whether two certificates are of one CA: the same key, since the key is what vouches. Names are no part of it: whoever
 * wants to make a lookalike writes them as they like.
 */
export function sameAuthority(aDer: Uint8Array, bDer: Uint8Array): boolean {
  try {
    return readX509(aDer).publicKey.equals(readX509(bDer).publicKey)
  } catch {
    return false
  }
}

/**
 * The dates of a certificate; of what is no certificate, or has dates that are none: never valid. About 0.02 ms, for
 * every message.
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
 * `pattern` is a pattern of the common name (`kmipClient*`) or of several attributes (`CN=kmipClient*,O=Example`),
 * all of which must fit, in any order. Case counts. Of a type other than OU and DC the subject must have exactly
 * one: a second common name must not smuggle in what the first does not show. False for what is no certificate;
 * throws PkiError for a bad pattern. Only names are read: `signedBy` says whether the rest is a certificate.
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

/** Whether one subject could fit both. Where only one of them says something about a type, it could. */
export function filtersOverlap(a: string, b: string): boolean {
  const others = parseFilter(b)
  return parseFilter(a).every(({ type, glob }) => {
    const other = others.find((part) => part.type === type)
    return !other || manyValued.has(type) || globsOverlap(glob, other.glob)
  })
}

/** The pattern as given, trimmed. Throws PkiError, in words for the person who wrote it. */
export function checkSubjectPattern(pattern: string): string {
  parseFilter(pattern)
  return pattern.trim()
}

interface FilterPart {
  readonly type: string
  readonly glob: Glob
}

/** Types of which a subject commonly has several. */
const manyValued: ReadonlySet<string> = new Set(['OU', 'DC'])

function parseFilter(pattern: string): readonly FilterPart[] {
  const text = pattern.trim()
  if (text === '') throw new PkiError('The subject pattern is empty. For every subject write: *')
  if (text.length > limits.subjectPatternCharactersMax)
    throw new PkiError(`The subject pattern is longer than ${limits.subjectPatternCharactersMax} characters.`)
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

/** At commas without a backslash before them; the backslashes stay. */
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
