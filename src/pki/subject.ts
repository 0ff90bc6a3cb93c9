// Distinguished names: from DER to attributes, from attributes to text. The text is RFC 4514's, with what may not be
// printed (control and direction characters, of which a stranger's certificate may be full) escaped too.

import { AsnConvert } from '@peculiar/asn1-schema'
import { AttributeTypeAndValue, AttributeValue, Name, RelativeDistinguishedName } from '@peculiar/asn1-x509'

interface SubjectAttribute {
  /** Short name from the table, or the dotted object identifier. */
  readonly type: string
  /** As it stands in the certificate, unescaped; `#` and hex where it is no string. */
  readonly value: string
}

/** Relative distinguished names in the order of the certificate; nearly always of one attribute each. */
export type Subject = readonly (readonly SubjectAttribute[])[]

export const attributeTypes: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  title: '2.5.4.12',
  GN: '2.5.4.42',
  UID: '0.9.2342.19200300.100.1.1',
  DC: '0.9.2342.19200300.100.1.25',
  emailAddress: '1.2.840.113549.1.9.1',
}

const typeNames: ReadonlyMap<string, string> = new Map(
  Object.entries(attributeTypes).map(([name, identifier]) => [identifier, name]),
)

/** Of a DER `Name`. Throws whatever the ASN.1 library throws. */
export function readName(der: Uint8Array): Subject {
  return AsnConvert.parse(der, Name).map((part) =>
    part.map(({ type, value }) => ({
      type: typeNames.get(type) ?? type,
      value: value.anyValue ? `#${Buffer.from(value.anyValue).toString('hex')}` : value.toString(),
    })),
  )
}

/** RFC 4514: the last part of the name first, `,` between parts and `+` within one. '' for an empty name. */
export function nameText(subject: Subject): string {
  return subject
    .toReversed()
    .map((part) => part.map(({ type, value }) => `${type}=${escapeValue(value)}`).join('+'))
    .join(',')
}

/** A name of a common name alone. */
export function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName })
  const type = attributeTypes['CN'] ?? ''
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value })])])
}

/** Whether every character can be shown: no control, direction, unassigned or line-breaking ones. */
export function isPrintable(text: string): boolean {
  return !unprintable.test(text)
}

const unprintable = /[\p{C}\p{Zl}\p{Zp}]/u

function escapeValue(value: string): string {
  return value
    .replace(/[\\,+"<>;=]/g, (character) => `\\${character}`)
    .replace(/^[# ]| $/g, (character) => `\\${character}`)
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join(''),
    )
}
