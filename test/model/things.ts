// The objects of the model, and the pure parts of its rules: what the server chooses, and when values match.

import type { ObjectType, State } from './rules.ts'
import type { Given, Instance, Payload } from './words.ts'

/** Stands for a value that the server chooses. */
export const any = '(any)'

export type Attributes = Map<string, readonly Instance[]>

export interface Thing {
  readonly id: string
  readonly type: ObjectType
  state: State
  attributes: Attributes
}

export interface Limits {
  readonly UsageLimitsTotal: bigint
  readonly UsageLimitsCount: bigint
}

/** The longest lease that this server grants. */
export const leaseSecondsMax = 3_600

/** Encrypt, Sign, MAC Generate, Derive Key, Wrap Key, Certificate Sign (KMIP 1.4 §9.1.3.3.1). */
export const protectingMask = 0x1 | 0x4 | 0x10 | 0x80 | 0x200 | 0x1000

export const chosen = [
  'Digest',
  'LeaseTime',
  'KeyFormatType',
  'ShortUniqueIdentifier',
  'ProtectionStorageMask',
]

/** Table 173, and what the server sets anew in any new object. */
// prettier-ignore
export const notCopied: ReadonlySet<string> = new Set(['DestroyDate', 'CompromiseOccurrenceDate', 'CompromiseDate', 'RevocationReason',
  'Link', 'Fresh', 'OriginalCreationDate', 'RandomNumberGenerator'])

type WithAttributes = Pick<Thing, 'attributes'>

export const isGone = ({ state }: Thing) => state === 'Destroyed' || state === 'DestroyedCompromised'
export const isArchived = ({ attributes }: Thing) => attributes.has('ArchiveDate')
export const valueOf = ({ attributes }: WithAttributes, key: string) => attributes.get(key)?.[0]?.value
export const is = (thing: Thing, key: string, value: boolean) => valueOf(thing, key) === value
export const maskOf = (thing: Thing) => (valueOf(thing, 'CryptographicUsageMask') as number | undefined) ?? 0
export const numbered = (values: readonly unknown[]) => values.map((value, index) => ({ index, value }))
export const put = ({ attributes }: WithAttributes, key: string, value: unknown) =>
  attributes.set(key, numbered([value]))

interface Link {
  readonly LinkType: string
  readonly LinkedObjectIdentifier: string
}

export function links({ attributes }: WithAttributes): readonly Link[] {
  return (attributes.get('Link') ?? []).map(({ value }) => value as Link)
}

export function link(thing: Thing, LinkType: string, LinkedObjectIdentifier: string): void {
  const others = links(thing).filter((one) => one.LinkType !== LinkType)
  thing.attributes.set('Link', numbered([...others, { LinkType, LinkedObjectIdentifier }]))
}

/** KMIP 1.4 §3.21: the count begins at the total. */
export function kept(key: string, value: unknown): unknown {
  return key === 'UsageLimits'
    ? { ...(value as Limits), UsageLimitsCount: (value as Limits).UsageLimitsTotal }
    : value
}

export function matches(key: string, instances: readonly Instance[], asked: readonly Given[]): boolean {
  if (key.endsWith('Date') && asked.length === 2) {
    const [from = 0n, to = 0n] = asked
      .map(({ value }) => value as bigint)
      .toSorted((a, b) => (a < b ? -1 : 1))
    return instances.some(({ value }) => (value as bigint) >= from && (value as bigint) <= to)
  }
  return asked.every((one) => instances.some(({ value }) => fits(key, value, one.value)))
}

function fits(key: string, value: unknown, asked: unknown): boolean {
  if (key === 'CryptographicUsageMask') return ((value as number) & (asked as number)) === asked
  if (key === 'UsageLimits') return (value as Limits).UsageLimitsTotal >= (asked as Limits).UsageLimitsTotal
  if (typeof asked !== 'object' || asked === null) return value === asked
  return Object.entries(asked).every(([field, part]) => (value as Payload)[field] === part)
}

export function same(one: unknown, other: unknown): boolean {
  const [fields, others] = [one, other] as [Payload, Payload]
  return typeof one === 'object'
    ? Object.keys(fields).every((key) => fields[key] === others[key])
    : one === other
}
