// Attributes in the form of KMIP 3.0, a draft: a Name is text, each kind of link is an attribute of its own, and an Object Group is
// a link to a group by its name. Objects are stored in the older form, so that every version reads what another wrote.

import type { AnyValue } from '../ttlv/schema.ts'
import type { AttributeInstance, AttributeSet, AttributeValue } from './attributes.ts'
import type { EnumName } from './enums.ts'
import { Fault } from './fault.ts'
import type { TagName } from './tags.ts'

interface KeyedValue extends Stored {
  readonly value: unknown
}

interface Stored {
  readonly key: string
  /** Selects only the instances with these values, since each kind of link is an attribute of its own. Absent: all. */
  readonly only?: (value: unknown) => boolean
}

/** The attributes of 3.0 that are a Link in older versions. */
const linkTypes = {
  CertificateLink: 'CertificateLink',
  ChildLink: 'ChildLink',
  DerivationObjectLink: 'DerivationBaseObjectLink',
  DerivedObjectLink: 'DerivedKeyLink',
  NextLink: 'NextLink',
  PKCS_12CertificateLink: 'PKCS_12CertificateLink',
  PKCS_12PasswordLink: 'PKCS_12PasswordLink',
  ParentLink: 'ParentLink',
  PreviousLink: 'PreviousLink',
  PrivateKeyLink: 'PrivateKeyLink',
  PublicKeyLink: 'PublicKeyLink',
  ReplacedObjectLink: 'ReplacedObjectLink',
  ReplacementObjectLink: 'ReplacementObjectLink',
  WrappingKeyLink: 'WrappingKeyLink',
} as const satisfies { readonly [K in TagName]?: EnumName<'LinkType'> }

const keyOfType: ReadonlyMap<string, string> = new Map(
  Object.entries(linkTypes).map(([key, type]) => [type, key]),
)

/** The set in the form of 3.0. Attributes that already have that form stay as they are. */
export function toForm3(set: AttributeSet): AttributeSet {
  const seen = new Map<string, AttributeInstance[]>()
  for (const [stored, instances] of set)
    for (const instance of instances) {
      const { key, value } = inForm3(stored, instance.value)
      const others = seen.get(key)
      if (others) others.push({ index: others.length, value })
      else seen.set(key, [{ index: 0, value }])
    }
  return seen
}

function inForm3(key: string, value: unknown): KeyedValue {
  if (key === 'ObjectGroup') return { key: 'GroupLink', value: { type: 'NameReference', value } }
  if (typeof value !== 'object') return { key, value }
  if (key === 'Name') return { key, value: (value as AttributeValue<'Name'>).NameValue }
  if (key === 'RotateName') return { key, value: (value as AttributeValue<'RotateName'>).RotateNameValue }
  if (key !== 'Link') return { key, value }
  const { LinkType, LinkedObjectIdentifier } = value as AttributeValue<'Link'>
  return { key: keyOfType.get(LinkType) ?? key, value: LinkedObjectIdentifier }
}

/** The stored instances to which a reference of 3.0 refers. */
export function storedAs(reference: string): Stored {
  if (reference === 'GroupLink') return { key: 'ObjectGroup' }
  if (!isLink(reference)) return { key: reference }
  const type = linkTypes[reference]
  return { key: 'Link', only: (value) => (value as AttributeValue<'Link'>).LinkType === type }
}

/** The stored form of an attribute from a 3.0 message. Fault InvalidAttribute for an invalid reference. */
export function fromForm3({ key, value }: KeyedValue): KeyedValue {
  if (key === 'Name') return { key, value: { NameValue: value, NameType: 'UninterpretedTextString' } }
  if (key === 'RotateName')
    return { key, value: { RotateNameValue: value, RotateNameType: 'UninterpretedTextString' } }
  if (key === 'GroupLink') {
    const { type, value: name } = typeof value === 'string' ? noName : (value as AnyValue)
    if (type === 'NameReference') return { key: 'ObjectGroup', value: name }
    throw new Fault('InvalidAttribute', 'this server knows groups by their names alone: use a Name Reference')
  }
  if (!isLink(key)) return { key, value }
  if (typeof value !== 'string')
    throw new Fault('InvalidAttribute', `${key} must name its object by the identifier, as a Reference`)
  return { ...storedAs(key), value: { LinkType: linkTypes[key], LinkedObjectIdentifier: value } }
}

interface Groups {
  readonly ObjectGroup?: readonly string[] | undefined
  readonly GroupLink?: readonly (string | AnyValue)[] | undefined
}

/** The names of the groups in an Object Groups structure of any version. Fault InvalidAttribute for an invalid reference. */
export function groupNames({ ObjectGroup = [], GroupLink = [] }: Groups): readonly string[] {
  return [...ObjectGroup, ...GroupLink.map((value) => String(fromForm3({ key: 'GroupLink', value }).value))]
}

/** The structure for any version: an answer leaves out the field that its version lacks. */
export function groupsNamed(names: readonly string[]): Groups {
  return { ObjectGroup: names, GroupLink: names.map((value) => ({ type: 'NameReference', value })) }
}

const noName = { type: 'Reference', value: undefined } as const

function isLink(key: string): key is keyof typeof linkTypes {
  return Object.hasOwn(linkTypes, key)
}
