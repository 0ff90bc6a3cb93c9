// The objects of the model, and the pure parts of its rules: what the server chooses, and when values match.

import type { Limits, ObjectType, State } from './rules.ts'
import type { Given, Instance, Payload } from './words.ts'

/** Stands for a value that the server chooses. */
export const any = '(any)'

type Link = Readonly<Record<'LinkType' | 'LinkedObjectIdentifier', string>>

export class Thing {
  readonly id: string
  readonly type: ObjectType
  readonly attributes: Map<string, readonly Instance[]>
  state: State

  constructor({ id, type, attributes, state }: Pick<Thing, 'id' | 'type' | 'attributes' | 'state'>) {
    this.id = id
    this.type = type
    this.attributes = new Map(attributes)
    this.state = state
  }

  get isGone(): boolean {
    return this.state.startsWith('Destroyed')
  }

  all(key: string): readonly Instance[] {
    return this.attributes.get(key) ?? []
  }

  values(key: string): readonly unknown[] {
    return this.all(key).map(({ value }) => value)
  }

  value(key: string): unknown {
    return this.values(key)[0]
  }

  number(key: string): number {
    return (this.value(key) as number | undefined) ?? 0
  }

  get limits(): Limits | undefined {
    return this.value('UsageLimits') as Limits | undefined
  }

  set(key: string, instances: readonly Instance[]): void {
    if (instances.length === 0) this.attributes.delete(key)
    else this.attributes.set(key, instances)
  }

  setValues(key: string, values: readonly unknown[]): void {
    const instances = values.map((value, index) => ({ index, value }))
    this.set(key, instances)
  }

  put(values: Payload): void {
    for (const [key, value] of Object.entries(values)) this.setValues(key, [value])
  }

  get links(): readonly Link[] {
    return this.values('Link') as readonly Link[]
  }

  link(LinkType: string, { id: LinkedObjectIdentifier }: Thing): void {
    const others = this.links.filter((one) => one.LinkType !== LinkType)
    this.setValues('Link', [...others, { LinkType, LinkedObjectIdentifier }])
  }
}

/** KMIP 1.4 §3.21: the count begins at the total. */
export function kept(key: string, value: unknown): unknown {
  if (key !== 'UsageLimits') return value
  return { ...(value as Limits), UsageLimitsCount: (value as Limits).UsageLimitsTotal }
}

export function matches(key: string, instances: readonly Instance[], asked: readonly Given[]): boolean {
  if (!key.endsWith('Date') || asked.length !== 2)
    return asked.every((one) => instances.some(({ value }) => fits(key, value, one.value)))
  const [from = 0n, to = 0n] = asked.map(({ value }) => value as bigint).toSorted((a, b) => (a < b ? -1 : 1))
  return instances.some(({ value }) => (value as bigint) >= from && (value as bigint) <= to)
}

function fits(key: string, value: unknown, asked: unknown): boolean {
  if (key === 'CryptographicUsageMask') return ((value as number) & (asked as number)) === asked
  if (key === 'UsageLimits') return (value as Limits).UsageLimitsTotal >= (asked as Limits).UsageLimitsTotal
  return same(asked, value)
}

/** Whether the other one has the value, or each field of it. */
export function same(value: unknown, other: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === other
  return Object.entries(value).every(([field, part]) => (other as Payload)[field] === part)
}
