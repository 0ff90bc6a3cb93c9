// The act of Import (KMIP 1.4 §4.41): stores an object under the client's identifier and with the client's attributes, including
// those that a server otherwise sets itself. An existing object of that identifier may get other attributes, but stays the same
// object: an identifier never stands for other bytes, and only the operations for it change a state.

import { timingSafeEqual } from 'node:crypto'
import { canonical, first, type AttributeInstance, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import type { Material } from '../../sealing/envelope.ts'
import { createdAt } from '../object/adopted-object.ts'
import { refusedIdentifier } from './adopt.ts'
import { withUnwrapped, type BroughtObject } from '../forms/brought-object.ts'
import { describedBy, otherLength } from '../forms/described-object.ts'
import { digestOf, storedDigest } from '../object/digest.ts'
import { initialAttributes } from '../object/initial-attributes.ts'
import { isDestroyed, type State } from '../object/lifecycle.ts'
import {
  currentState,
  hasState,
  withReachedDates,
  type ManagedObject,
  type ObjectType,
} from '../object/managed-object.ts'
import { stageNewObject, storedAttributes } from '../transaction/new-object.ts'
import { nonceCountKey } from '../object/nonce-count.ts'
import { factsOf } from '../object/object-facts.ts'
import { requireLength } from '../object/other-length.ts'
import { requireNoLooser } from '../object/restrictions.ts'
import { deactivationDetail } from '../object/revocation.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'
import { unwrapped } from '../use/wrapping.ts'

export interface ImportRequest {
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  /** The client's attributes, without Unique Identifier, Object Type and State. */
  readonly attributes: AttributeSet
  readonly state: State | undefined
  readonly brought: BroughtObject
  /** Whether an existing object of this identifier gets these attributes. */
  readonly replace: boolean
  /** Whether a key that came wrapped is stored unwrapped. */
  readonly unwrap: boolean
}

type Stored = Pick<ManagedObject, 'uniqueIdentifier' | 'objectType' | 'state' | 'attributes' | 'createdMs'>

/** Overwrites the material's bytes. Throws Faults. */
export async function importObject(objects: TransactionObjects, request: ImportRequest): Promise<void> {
  const { uniqueIdentifier, replace } = request
  const { staged } = objects
  staged.begin('key.import', uniqueIdentifier)
  const brought = await plainOrWrapped(objects, request)
  const { material } = brought
  try {
    const refused = refusedIdentifier(uniqueIdentifier)
    if (refused) throw refused
    const object = storedForm(await described(objects, { ...request, brought }), staged.nowMs)
    const here = await known(objects, uniqueIdentifier)
    const { objectType, state } = object
    if (!here) {
      await stageNewObject(objects, object, material)
      staged.done({ detail: { objectType, state } })
      return
    }
    if (!replace) throw new Fault('ObjectAlreadyExists', 'there is an object with this Unique Identifier')
    const after = await replaceAttributes(objects, here, { request, object, material })
    const detail = { state: currentState(after, staged.nowMs), ...deactivationDetail(after.attributes) }
    staged.done({ detail: { objectType, replaces: true, ...detail } })
  } finally {
    material.bytes.fill(0)
  }
}

async function plainOrWrapped(
  objects: TransactionObjects,
  { uniqueIdentifier, objectType, brought, unwrap }: ImportRequest,
): Promise<BroughtObject> {
  if (!unwrap || !brought.material.head.wrapping) return brought
  const material = await unwrapped(objects, uniqueIdentifier, brought.material)
  brought.material.bytes.fill(0)
  return withUnwrapped(objectType, brought, material)
}

interface Described {
  readonly request: ImportRequest
  /** The attributes in the object itself and those from the client. */
  readonly attributes: AttributeSet
}

async function described(objects: TransactionObjects, request: ImportRequest): Promise<Described> {
  const { objectType, attributes: stated, brought } = request
  const attributes = describedBy(stated, objectType, brought)
  const other = otherLength({ objectType, attributes }, brought)
  if (other) requireLength(other, await objects.instance())
  requireWhole(stated)
  requireDigest(stated, brought.material)
  return { request, attributes }
}

/** The stored form: the client's description, completed as for a new object. */
function storedForm({ request, attributes: requestAttributes }: Described, nowMs: number): Stored {
  const { uniqueIdentifier, objectType, brought } = request
  const digest = storedDigest(objectType, brought.material)
  const wantedNow = new Map(requestAttributes)
  wantedNow.delete('Digest')
  const initial = initialAttributes(
    { objectType, attributes: wantedNow },
    { nowMs, generated: false, digest },
  )
  const attributes = new Map([...initial, ...requestAttributes])
  // Computes the Digest from the stored bytes, if the server may store it. A missing count of Usage Limits becomes the total.
  const isCounted = first(requestAttributes, 'UsageLimits')?.UsageLimitsCount !== undefined
  for (const key of isCounted ? (['Digest'] as const) : (['Digest', 'UsageLimits'] as const)) {
    const own = initial.get(key)
    if (own) attributes.set(key, own)
    else attributes.delete(key)
  }
  const state = (hasState(objectType) ? request.state : undefined) ?? 'PreActive'
  return { uniqueIdentifier, objectType, state, attributes, createdMs: createdAt(attributes, nowMs) }
}

/** Throws Fault InvalidField if the attributes contradict each other, or belong to a destroyed object. */
function requireWhole(attributes: AttributeSet): void {
  if (attributes.has('DestroyDate'))
    throw new Fault('InvalidField', 'an object that was destroyed cannot be imported')
  if (first(attributes, 'AlwaysSensitive') === true && first(attributes, 'Sensitive') !== true)
    throw new Fault('InvalidField', 'an object that was always sensitive is sensitive')
  if (first(attributes, 'NeverExtractable') === true && first(attributes, 'Extractable') !== false)
    throw new Fault('InvalidField', 'an object that was never extractable is not extractable')
}

/**
 * Mortise computes the SHA-256 of what it stores, and ignores what clients state. But a stated SHA-256 of the same format must
 * match: otherwise the object was changed on its way.
 */
function requireDigest(attributes: AttributeSet, material: Material): void {
  const { isElsewhere, wrapping } = material.head
  const stated = attributes.get('Digest')
  if (!stated || isElsewhere || wrapping) return
  const own = digestOf(material)
  const digests = (stated as readonly AttributeInstance<typeof own>[]).map(({ value }) => value)
  const comparable = digests.filter(
    ({ HashingAlgorithm, KeyFormatType = own.KeyFormatType }) =>
      HashingAlgorithm === own.HashingAlgorithm && KeyFormatType === own.KeyFormatType,
  )
  if (
    comparable.some(
      ({ DigestValue }) => DigestValue && Buffer.compare(own.DigestValue ?? Buffer.of(), DigestValue) !== 0,
    )
  )
    throw new Fault('InvalidField', 'the Digest is not that of the object in the request')
}

/** The object of this identifier, staged or stored; undefined: there is none. */
async function known(
  objects: TransactionObjects,
  uniqueIdentifier: string,
): Promise<ManagedObject | undefined> {
  try {
    return await objects.load(uniqueIdentifier)
  } catch (error) {
    if (error instanceof Fault && error.reason === 'ObjectNotFound') return undefined
    throw error
  }
}

interface Replacement {
  readonly request: ImportRequest
  readonly object: Stored
  readonly material: Material
}

async function replaceAttributes(
  objects: TransactionObjects,
  here: ManagedObject,
  { request, object, material }: Replacement,
): Promise<ManagedObject> {
  const { staged } = objects
  if (isDestroyed(here.state))
    throw new Fault(
      'PermissionDenied',
      'the object with this Unique Identifier was destroyed, and it stands for no other one: import it under a new one',
    )
  await objects.live(here.uniqueIdentifier)
  if (here.objectType !== object.objectType || !(await isSame(objects, here, material)))
    throw new Fault(
      'PermissionDenied',
      'another object has this Unique Identifier, which never stands for other bytes: import it under a new one',
    )
  const state = currentState(here, staged.nowMs)
  if (request.state !== undefined && hasState(here.objectType) && request.state !== state)
    throw new Fault(
      'WrongKeyLifecycleState',
      `the object is ${state}: Import does not change the state of one that is here`,
    )
  const attributes = new Map(await storedAttributes(objects, object, material.head))
  for (const [key, instances] of historyOf(here, staged.nowMs))
    if (!request.attributes.has(key)) attributes.set(key, instances)
  // The stored state stays: the clock that derives `state` may be wrong, and each read derives it again.
  const after = { ...here, attributes: withReachedDates(attributes, here, staged.nowMs) }
  const instance = await objects.instance()
  requireNoLooser(instance, here.attributes, after.attributes)
  const changing = { before: here, was: factsOf(here), facts: factsOf(after) }
  staged.stage(after, objects.custodies.following(instance, changing))
  return after
}

/** The attributes that record the object's history. The object keeps them if an Import leaves them out. */
function historyOf({ attributes }: ManagedObject, nowMs: number): AttributeSet {
  const isReached = (key: 'ActivationDate' | 'DeactivationDate') =>
    Number(first(attributes, key) ?? Infinity) * 1000 <= nowMs
  const keys: ReadonlySet<string> = new Set([
    'InitialDate',
    'OriginalCreationDate',
    'RandomNumberGenerator',
    'CompromiseOccurrenceDate',
    'CompromiseDate',
    'RevocationReason',
    'DeactivationReason',
    'RotateDate',
    'RotateGeneration',
    'RotateLatest',
    nonceCountKey,
    ...(isReached('ActivationDate') ? ['ActivationDate'] : []),
    ...(isReached('DeactivationDate') ? ['DeactivationDate'] : []),
    ...(first(attributes, 'AlwaysSensitive') === false ? ['AlwaysSensitive'] : []),
    ...(first(attributes, 'NeverExtractable') === false ? ['NeverExtractable'] : []),
  ])
  return new Map([...attributes].filter(([key]) => keys.has(key)))
}

/** Whether the client's object equals the stored one, to the last bit. */
async function isSame(
  objects: TransactionObjects,
  here: ManagedObject,
  { bytes, head }: Material,
): Promise<boolean> {
  if (here.sealed === null) return false
  const own = await objects.open(here)
  objects.staged.opened(own.bytes)
  const isSameHead = canonical(own.head) === canonical(head)
  return isSameHead && own.bytes.length === bytes.length && timingSafeEqual(own.bytes, bytes)
}
