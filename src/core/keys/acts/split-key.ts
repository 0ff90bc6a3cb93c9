// Create Split Key and Join Split Key (KMIP 1.4 §4.38, §4.39): a key becomes parts, each an object of its own, and a threshold of
// them becomes a key again. Parts are as sensitive as their key, and a joined key is as sensitive as its parts.

import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import type { EnumName } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { splitKeyPartsMax } from '../../../base/bounds.ts'
import type { SplitMethod } from '../../crypto/split-key.ts'
import type { Material, MaterialHead, SplitKeyHead } from '../../sealing/envelope.ts'
import { bytesFor, generateKey } from '../forms/key-generation.ts'
import {
  currentState,
  withAttribute,
  withDate,
  type ManagedObject,
  type ObjectType,
} from '../object/managed-object.ts'
import { requireNoWrappingKey } from '../object/restrictions.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

export interface SplitRequest {
  /** The key to split; left out: a new key. */
  readonly uniqueIdentifier: string | undefined
  readonly parts: number
  readonly threshold: number
  readonly method: EnumName<'SplitKeyMethod'>
  readonly primeFieldSize: bigint | undefined
  /** The attributes of every part. */
  readonly attributes: AttributeSet
}

/** Returns the identifiers of the parts, the first part first. Throws Faults. */
export async function createSplitKey(
  objects: TransactionObjects,
  request: SplitRequest,
): Promise<readonly string[]> {
  const { uniqueIdentifier, parts, threshold, method, primeFieldSize } = request
  const { staged } = objects
  staged.begin('key.split', uniqueIdentifier ?? null)
  const whole =
    uniqueIdentifier === undefined ? newKey(request.attributes) : await keyToSplit(objects, uniqueIdentifier)
  staged.opened(whole.bytes)
  const made = await objects.compute('split-key', {
    secret: whole.bytes,
    method: methodOf(method, primeFieldSize),
    parts,
    threshold,
  })
  const field = primeFieldSize === undefined ? {} : { primeFieldSize: String(primeFieldSize) }
  const ids: string[] = []
  try {
    for (const [index, bytes] of made.entries()) {
      const splitKey: SplitKeyHead = { parts, part: index + 1, threshold, method, ...field }
      const material: Material = { bytes: Buffer.from(bytes), head: { keyFormatType: 'Raw', splitKey } }
      const attributes = new Map([...request.attributes, ...whole.attributes])
      ids.push(await objects.keep({ objectType: 'SplitKey', attributes }, material, true))
    }
  } finally {
    for (const bytes of made) bytes.fill(0)
  }
  staged.done({ detail: { parts: ids.join(' '), threshold } })
  return ids
}

interface Whole {
  readonly bytes: Buffer
  /** The key's own attributes override those of the request. */
  readonly attributes: AttributeSet
}

function newKey(attributes: AttributeSet): Whole {
  const algorithm = first(attributes, 'CryptographicAlgorithm')
  const length = first(attributes, 'CryptographicLength')
  if (algorithm === undefined || length === undefined)
    throw new Fault(
      'InvalidField',
      'a new split key needs the attributes Cryptographic Algorithm and Cryptographic Length',
    )
  return { bytes: generateKey(algorithm, length), attributes: new Map() }
}

const inherited = [
  'CryptographicAlgorithm',
  'CryptographicLength',
  'CryptographicUsageMask',
  'Sensitive',
  'Extractable',
  'ProcessStartDate',
  'ProtectStopDate',
] as const

async function keyToSplit(objects: TransactionObjects, uniqueIdentifier: string): Promise<Whole> {
  const object = await objects.live(uniqueIdentifier)
  if (!joinable.includes(object.objectType))
    throw new Fault('InvalidObjectType', `an object of type ${object.objectType} is not split`)
  requireToSplit(object, objects.staged.nowMs)
  requireNoWrappingKey(await objects.instance(), uniqueIdentifier)
  const { bytes, head } = await objects.open(object)
  if (head.wrapping || head.isElsewhere)
    throw new Fault('KeyValueNotPresent', 'the server does not have this key itself')
  const own = inherited.flatMap((key) => {
    const instances = object.attributes.get(key)
    return instances ? [[key, instances] as const] : []
  })
  return { bytes, attributes: new Map(own) }
}

/** The parts form a new key, which would lose the end and the limits of the old key's use. */
function requireToSplit(object: ManagedObject, nowMs: number): void {
  requireOpen(object, nowMs, 'the key', 'it is not split')
  if (first(object.attributes, 'UsageLimits'))
    throw new Fault(
      'PermissionDenied',
      'a key with Usage Limits is not split: what its parts form would have none',
    )
}

function requireOpen(object: ManagedObject, nowMs: number, what: string, therefore: string): void {
  const state = currentState(object, nowMs)
  if (state !== 'PreActive' && state !== 'Active')
    throw new Fault('WrongKeyLifecycleState', `${what} is ${state}, so ${therefore}`)
}

const joinable: readonly ObjectType[] = ['SymmetricKey', 'SecretData']

function methodOf(method: EnumName<'SplitKeyMethod'>, prime: bigint | undefined): SplitMethod {
  switch (method) {
    case 'XOR':
      return { name: 'xor' }
    case 'PolynomialSharingGF28':
      return { name: 'gf2to8' }
    case 'PolynomialSharingGF216':
      return { name: 'gf2to16' }
    case 'PolynomialSharingPrimeField':
      if (prime !== undefined) return { name: 'prime', prime }
      throw new Fault('InvalidField', 'a split over a prime field needs the Prime Field Size')
    default:
      return method satisfies never
  }
}

// ---------------------------------------------------------------- Joining

export interface JoinRequest {
  readonly objectType: ObjectType
  readonly uniqueIdentifiers: readonly string[]
  readonly secretDataType: EnumName<'SecretDataType'> | undefined
  readonly attributes: AttributeSet
}

interface OpenPart {
  readonly object: ManagedObject
  readonly bytes: Buffer
  readonly place: SplitKeyHead
}

export async function joinSplitKey(objects: TransactionObjects, request: JoinRequest): Promise<string> {
  const { objectType, uniqueIdentifiers } = request
  const { staged } = objects
  staged.begin('key.join', uniqueIdentifiers[0] ?? null)
  if (!joinable.includes(objectType))
    throw new Fault('InvalidObjectType', `parts are not joined to an object of type ${objectType}`)
  const ids = new Set(uniqueIdentifiers)
  if (ids.size > splitKeyPartsMax)
    throw new Fault('InvalidField', `a split key has ${splitKeyPartsMax} parts at most`)
  const parts: OpenPart[] = []
  for (const id of ids) parts.push(await openPart(objects, id))
  const [one] = parts
  if (!one) throw new Fault('InvalidField', 'Join Split Key needs the Unique Identifiers of the parts')
  requireEnough(one, parts)
  const attributes = withDate(
    joinedAttributes(request.attributes, parts),
    'OriginalCreationDate',
    staged.nowMs,
  )
  const { method, primeFieldSize } = one.place
  const joined = await objects.compute('join-key', {
    parts: parts.map(({ place, bytes }) => ({ number: place.part, bytes })),
    method: methodOf(method, primeFieldSize === undefined ? undefined : BigInt(primeFieldSize)),
    secretBytes: method === 'PolynomialSharingPrimeField' ? keyBytes(attributes) : one.bytes.length,
  })
  const bytes = Buffer.from(joined)
  joined.fill(0)
  const head: MaterialHead =
    objectType === 'SecretData'
      ? { keyFormatType: 'Raw', secretDataType: request.secretDataType ?? 'Password' }
      : { keyFormatType: 'Raw' }
  const id = await objects.keep({ objectType, attributes }, { bytes, head }, false)
  staged.done({ object: id, detail: { parts: uniqueIdentifiers.join(' ') } })
  return id
}

async function openPart(objects: TransactionObjects, uniqueIdentifier: string): Promise<OpenPart> {
  const object = await objects.live(uniqueIdentifier)
  if (object.objectType !== 'SplitKey')
    throw new Fault('InvalidObjectType', `an object of type ${object.objectType} is no part of a split key`)
  // The joined key would lose the end of its parts' use.
  requireOpen(object, objects.staged.nowMs, `the part ${uniqueIdentifier}`, 'no key is joined of it')
  const { bytes, head } = await objects.open(object)
  objects.staged.opened(bytes)
  if (!head.splitKey || head.wrapping || head.isElsewhere)
    throw new Fault('KeyValueNotPresent', 'the server does not have this part itself')
  return { object, bytes, place: head.splitKey }
}

function requireEnough({ place }: OpenPart, parts: readonly OpenPart[]): void {
  const same = (other: SplitKeyHead) =>
    other.method === place.method &&
    other.parts === place.parts &&
    other.threshold === place.threshold &&
    other.primeFieldSize === place.primeFieldSize
  if (!parts.every((other) => same(other.place)))
    throw new Fault('CryptographicFailure', 'these are parts of different keys')
  // XOR needs all parts; registered parts may state a lower threshold.
  const enough = place.method === 'XOR' ? place.parts : place.threshold
  if (parts.length < enough)
    throw new Fault('CryptographicFailure', `it takes ${enough} different parts to join this key`)
}

/** The parts complete the request; no attribute makes the key less sensitive than its parts. */
function joinedAttributes(attributes: AttributeSet, parts: readonly OpenPart[]): AttributeSet {
  let set: AttributeSet = new Map(attributes)
  for (const key of ['CryptographicAlgorithm', 'CryptographicLength', 'CryptographicUsageMask'] as const)
    for (const { object } of parts) {
      const value = first(object.attributes, key)
      if (!set.has(key) && value !== undefined) set = withAttribute(set, key, value)
    }
  const all = parts.map(({ object }) => object.attributes)
  const masks = all.flatMap((one) => first(one, 'CryptographicUsageMask') ?? [])
  const allowed = masks.reduce((some, mask) => some & mask, -1)
  if (((first(set, 'CryptographicUsageMask') ?? 0) & ~allowed) !== 0)
    throw new Fault(
      'PermissionDenied',
      "the Cryptographic Usage Masks of the parts do not allow all of this key's",
    )
  for (const key of ['ProcessStartDate', 'ProtectStopDate'] as const)
    for (const one of all) {
      const [there, date] = [first(set, key), first(one, key)]
      if (date === undefined) continue
      const isStricter = there === undefined || (key === 'ProtectStopDate' ? date < there : date > there)
      if (isStricter) set = withAttribute(set, key, date)
    }
  if (all.some((one) => first(one, 'Sensitive') === true)) set = withAttribute(set, 'Sensitive', true)
  if (all.some((one) => first(one, 'Extractable') === false)) set = withAttribute(set, 'Extractable', false)
  return set
}

/** The length of the joined key, in bytes: over a prime field the parts do not show it. Throws Fault InvalidField. */
function keyBytes(attributes: AttributeSet): number {
  const bits = first(attributes, 'CryptographicLength')
  if (bits === undefined)
    throw new Fault(
      'InvalidField',
      'to join parts over a prime field takes the attribute Cryptographic Length',
    )
  return bytesFor(first(attributes, 'CryptographicAlgorithm'), bits)
}
