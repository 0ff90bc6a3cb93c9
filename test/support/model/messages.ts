// Requests and answers of the model's words as messages of any version: the two forms of attributes, and the objects that
// Register brings.

import { findKey, wireName, type AttributeInstance } from '../../../src/wire/kmip/attributes.ts'
import { fromWire2, referenceOf, toWire2 } from '../../../src/wire/kmip/attributes2.ts'
import { decodeResponse } from '../../../src/wire/kmip/client-message.ts'
import type { Attributes } from '../../../src/wire/kmip/objects.ts'
import type { OperationName } from '../../../src/wire/kmip/operations.ts'
import { decodeResponsePayload } from '../../../src/wire/kmip/payload.ts'
import { since, type ObjectType, type Version } from '../../model/rules.ts'
import type { Asked, Given, Instance } from '../../model/words.ts'

export type Actual =
  | { readonly status: 'Success'; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly status: string; readonly reason?: string | undefined; readonly message?: string | undefined }

export function operationOf({ op }: Asked): OperationName {
  return op
}

export function takesObject({ op }: Asked): boolean {
  return op !== 'Create' && op !== 'Register' && op !== 'Locate' && op !== 'Query'
}

// ---------------------------------------------------------------- To Mortise's words

export function requestOf(asked: Asked, version: Version): object {
  const op: string = asked.op
  const is2x = since(version, '2.0')
  const {
    type = 'SymmetricKey',
    given = [],
    keys = [],
    wanted = [],
    key = '',
    value,
    index,
    current,
    by = 0,
  } = asked
  switch (op) {
    case 'Create':
    case 'Register': {
      const body = asked.op === 'Register' ? bodies[type] : {}
      return { ObjectType: type, ...template(given, version), ...body }
    }
    case 'ReKey':
      return { Offset: asked.offset, ...template(given, version) }
    case 'GetAttributes':
      return {
        AttributeName: is2x ? [] : keys.map(wireName),
        AttributeReference: is2x ? keys.map(referenceOf) : [],
      }
    case 'AddAttribute':
    case 'SetAttribute':
    case 'ModifyAttribute':
      if (!is2x)
        return { Attribute: { AttributeName: wireName(key), AttributeIndex: index, AttributeValue: value } }
      return {
        NewAttribute: tagged([{ key, value }], version),
        ...(current !== undefined && { CurrentAttribute: tagged([{ key, value: current }], version) }),
      }
    case 'DeleteAttribute': {
      if (!is2x) return { AttributeName: wireName(key), AttributeIndex: index }
      if (current !== undefined) return { CurrentAttribute: tagged([{ key, value: current }], version) }
      return { AttributeReference: referenceOf(key) }
    }
    case 'AdjustAttribute': {
      if (by === 'negate') return { AttributeReference: referenceOf(key), AdjustmentType: 'Negate' }
      return {
        AttributeReference: referenceOf(key),
        AdjustmentType: by < 0 ? 'Decrement' : 'Increment',
        ...(Math.abs(by) !== 1 && { AdjustmentValue: { type: 'Integer', value: Math.abs(by) } }),
      }
    }
    case 'Revoke':
      return { RevocationReason: { RevocationReasonCode: asked.code } }
    case 'Check':
      return { UsageLimitsCount: asked.count, CryptographicUsageMask: asked.mask, LeaseTime: asked.lease }
    case 'GetUsageAllocation':
      return { UsageLimitsCount: asked.count }
    case 'Locate':
      return {
        MaximumItems: asked.most,
        OffsetItems: asked.skip,
        StorageStatusMask: asked.storage,
        ...(asked.fresh && { ObjectGroupMember: 'GroupMemberFresh' }),
        ...(is2x ? { Attributes: searched(wanted) } : { Attribute: wanted.map(named) }),
      }
    case 'Query':
      return { QueryFunction: ['QueryOperations'] }
    default:
      return {}
  }
}

const block = { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: Buffer.alloc(16, 7) } }
const bodies: Readonly<Record<ObjectType, object>> = {
  SymmetricKey: {
    SymmetricKey: { KeyBlock: { ...block, CryptographicAlgorithm: 'AES', CryptographicLength: 128 } },
  },
  SecretData: { SecretData: { SecretDataType: 'Password', KeyBlock: block } },
  OpaqueObject: { OpaqueObject: { OpaqueDataType: 0x80000001, OpaqueDataValue: Buffer.from('opaque') } },
}

function named({ key, value }: Given) {
  return { AttributeName: wireName(key), AttributeValue: value }
}

function tagged(given: readonly Given[], version: Version): Attributes {
  const set = Map.groupBy(given, ({ key }) => key)
  return toWire2(
    new Map([...set].map(([key, all]) => [key, all.map(({ value }) => ({ index: 0, value }))])),
    version,
  )
}

/** In a search each attribute may stand several times. */
function searched(wanted: readonly Given[]): object {
  const standard = wanted.filter(({ key }) => !key.includes('-') && !key.includes(':'))
  const set = Map.groupBy(standard, ({ key }) => key)
  const vendors = wanted.filter((one) => !standard.includes(one))
  return {
    ...Object.fromEntries([...set].map(([key, all]) => [key, all.map(({ value }) => value)])),
    Attribute: vendors.flatMap((one) => tagged([one], '2.1').Attribute),
  }
}

function template(given: readonly Given[], version: Version): object {
  if (since(version, '2.0')) return { Attributes: tagged(given, version) }
  return { TemplateAttribute: { Name: [], Attribute: given.map(named) } }
}

// ---------------------------------------------------------------- From Mortise's words

export function decode(bytes: Buffer, asked: readonly Asked[]): readonly Actual[] {
  const response = decodeResponse(bytes)
  return response.items.map(({ status, reason, message, payload }, index): Actual => {
    const one = asked[index]
    if (status !== 'Success' || !payload || !one) return { status, reason, message }
    return {
      status,
      payload: said(
        one,
        decodeResponsePayload(operationOf(one), payload, response),
        response.version as Version,
      ),
    }
  })
}

interface Words {
  readonly UniqueIdentifier?: string | readonly string[]
  readonly ObjectType?: string
  readonly Attribute?: unknown
  readonly Attributes?: Attributes
  readonly AttributeName?: readonly string[]
  readonly AttributeReference?: readonly unknown[]
  readonly LocatedItems?: number
  readonly LeaseTime?: number
  readonly LastChangeDate?: bigint
  readonly UsageLimitsCount?: bigint
  readonly CryptographicUsageMask?: number
}

/** An answer in the model's words. */
function said(asked: Asked, answer: object, version: Version): Readonly<Record<string, unknown>> {
  const words = answer as Words
  const { UniqueIdentifier: id } = words
  const op: string = asked.op
  switch (op) {
    case 'Query':
      return {}
    case 'Locate':
      return { ids: id, ...(words.LocatedItems !== undefined && { total: words.LocatedItems }) }
    case 'Get':
      return { id, type: words.ObjectType, material: materialIn(answer) }
    case 'GetAttributes': {
      const set: Record<string, Instance[]> = {}
      for (const { key, index, value } of attributesIn(words, version))
        (set[key] ??= []).push({ index, value })
      return { id, attributes: set }
    }
    case 'GetAttributeList': {
      const references = (words.AttributeReference ?? []).map((one) => referred(one))
      const names = (words.AttributeName ?? []).map((name) => findKey(name) ?? name)
      return { id, keys: [...references, ...names].toSorted() }
    }
    case 'ObtainLease':
      return { id, lease: words.LeaseTime, changed: words.LastChangeDate }
    case 'Check': {
      const fails = {
        ...(words.CryptographicUsageMask !== undefined && { mask: words.CryptographicUsageMask }),
        ...(words.UsageLimitsCount !== undefined && { count: words.UsageLimitsCount }),
        ...(words.LeaseTime !== undefined && { lease: words.LeaseTime }),
      }
      return { id, ...(Object.keys(fails).length > 0 && { fails }) }
    }
    case 'AddAttribute':
    case 'ModifyAttribute':
    case 'DeleteAttribute': {
      const [attribute] = attributesIn(words, version)
      return { id, ...(attribute && { attribute }) }
    }
    default:
      return { id }
  }
}

function attributesIn(
  { Attribute, Attributes }: Words,
  version: Version,
): readonly ({ readonly key: string } & AttributeInstance)[] {
  if (Attributes) return fromWire2(Attributes, version).map(({ key, value }) => ({ key, index: 0, value }))
  const list = [Attribute ?? []].flat() as unknown as readonly {
    readonly AttributeName: string
    readonly AttributeIndex?: number
    readonly AttributeValue: unknown
  }[]
  return list.map(({ AttributeName, AttributeIndex, AttributeValue }) => ({
    key: findKey(AttributeName) ?? AttributeName,
    index: AttributeIndex ?? 0,
    value: AttributeValue,
  }))
}

function referred(reference: unknown): string {
  if (typeof reference === 'string') return reference
  const { VendorIdentification: vendor, AttributeName: name } = reference as Readonly<Record<string, string>>
  return vendor === 'x' ? `x-${name}` : `v:${vendor}:${name}`
}

function materialIn(answer: object): string {
  const bytes: string[] = []
  const look = (value: unknown): void => {
    if (value instanceof Uint8Array) bytes.push(Buffer.from(value).toString('hex'))
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(look)
  }
  look(answer)
  return bytes.join()
}
