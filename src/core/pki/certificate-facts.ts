// The facts in a stored X.509 certificate that become KMIP attributes: names, serial number, key and signature. It walks the DER
// (RFC 5280 §4.1) and checks no signature. Throws PkiError.

import { attributeInstancesMax } from '../../base/bounds.ts'
import { DerError, dottedIdentifier, elementAt, elementsOf, soleElement } from './der.ts'
import { PkiError } from './error.ts'
import { nameText, readName, type Subject } from './subject.ts'

export interface DistinguishedName {
  /** The DER of the Name. */
  readonly der: Buffer
  /** As RFC 4514 writes names. */
  readonly text: string
  readonly parts: Subject
  /** The DER of each GeneralName of the alternative names. */
  readonly alternatives: readonly Buffer[]
}

export interface CertificateFacts {
  readonly subject: DistinguishedName
  readonly issuer: DistinguishedName
  /** The DER of the INTEGER. */
  readonly serialNumber: Buffer
  /** Upper-case hex of the number itself. */
  readonly serialText: string
  /** The object identifier of the algorithm that signed it. */
  readonly signatureAlgorithm: string
  /** The DER of the SubjectPublicKeyInfo. */
  readonly publicKey: Buffer
}

const tags = {
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  identifier: 0x06,
  boolean: 0x01,
  sequence: 0x30,
} as const
const [versionTag, issuerIdTag, subjectIdTag, extensionsTag] = [0xa0, 0x81, 0x82, 0xa3]

export function readCertificateFacts(der: Uint8Array): CertificateFacts {
  try {
    return readFacts(Buffer.from(der.buffer, der.byteOffset, der.byteLength))
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause
    throw new PkiError(`this is not an X.509 certificate: ${cause.message}`, { cause })
  }
}

function readFacts(der: Buffer): CertificateFacts {
  const outer = soleElement(der, tags.sequence).content
  const signed = elementAt(outer, 0, tags.sequence)
  const algorithm = elementAt(outer, signed.endAt, tags.sequence)
  const signature = elementAt(outer, algorithm.endAt, tags.bits)
  if (signature.endAt !== outer.length) throw new DerError('there is something behind the signature')
  const walk = new Walk(signed.content)
  walk.optional(versionTag)
  const serialNumber = walk.next(tags.integer)
  walk.next(tags.sequence)
  const issuer = walk.next(tags.sequence)
  walk.next(tags.sequence)
  const subject = walk.next(tags.sequence)
  const publicKey = walk.next(tags.sequence)
  walk.optional(issuerIdTag)
  walk.optional(subjectIdTag)
  const extensions = alternativeNames(walk.optional(extensionsTag))
  return {
    subject: distinguishedName(subject, extensions.subject),
    issuer: distinguishedName(issuer, extensions.issuer),
    serialNumber,
    serialText: serialText(elementAt(serialNumber, 0, tags.integer).content),
    signatureAlgorithm: dottedIdentifier(elementAt(algorithm.content, 0, tags.identifier).content),
    publicKey,
  }
}

function distinguishedName(der: Buffer, alternatives: readonly Buffer[]): DistinguishedName {
  const parts = readName(der)
  return { der, text: nameText(parts), parts, alternatives }
}

/** Reads the elements of a SEQUENCE one after the other, each as a whole. */
class Walk {
  readonly #content: Buffer
  #at = 0

  constructor(content: Buffer) {
    this.#content = content
  }

  next(tag: number): Buffer {
    const from = this.#at
    this.#at = elementAt(this.#content, from, tag).endAt
    return this.#content.subarray(from, this.#at)
  }

  optional(tag: number): Buffer | undefined {
    return this.#content[this.#at] === tag ? this.next(tag) : undefined
  }
}

function serialText(content: Buffer): string {
  const significant = content[0] === 0 && content.length > 1 ? content.subarray(1) : content
  return significant.toString('hex').toUpperCase()
}

const alternativeNamesOf = { subject: '2.5.29.17', issuer: '2.5.29.18' } as const

function alternativeNames(extensions: Buffer | undefined): {
  readonly subject: readonly Buffer[]
  readonly issuer: readonly Buffer[]
} {
  const values = new Map<string, readonly Buffer[]>()
  const list =
    extensions && soleElement(soleElement(extensions, extensionsTag).content, tags.sequence).content
  for (const extension of elementsOf(list ?? Buffer.of(), tags.sequence)) {
    const id = elementAt(extension, 0, tags.identifier)
    const name = dottedIdentifier(id.content)
    if (name !== alternativeNamesOf.subject && name !== alternativeNamesOf.issuer) continue
    const isCritical = extension[id.endAt] === tags.boolean
    const at = isCritical ? elementAt(extension, id.endAt, tags.boolean).endAt : id.endAt
    values.set(name, generalNames(soleElement(extension.subarray(at), tags.octets).content))
  }
  return {
    subject: values.get(alternativeNamesOf.subject) ?? [],
    issuer: values.get(alternativeNamesOf.issuer) ?? [],
  }
}

function generalNames(der: Buffer): readonly Buffer[] {
  const names: Buffer[] = []
  const { content } = soleElement(der, tags.sequence)
  for (let at = 0; at < content.length;) {
    const { endAt } = elementAt(content, at, content[at] ?? -1)
    names.push(content.subarray(at, endAt))
    if (names.length > attributeInstancesMax) throw new DerError('it has too many alternative names')
    at = endAt
  }
  return names
}
