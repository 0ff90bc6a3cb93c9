// Converts between objects and the facts that a stored form outside the database carries (`ObjectFacts` in custody.ts):
// the facts of an object, and an object created or updated from facts. State only moves forward. Pure functions.

import type { Closing, FoundCopy, NewPlace, ObjectFacts, Restrictions } from '../../custody/custody.ts'
import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { enums } from '../../../wire/kmip/enums.ts'
import { digestOf } from './digest.ts'
import { initialAttributes } from './initial-attributes.ts'
import { isDestroyed } from './lifecycle.ts'
import {
  currentState,
  fromRecord,
  hasState,
  isCryptographic,
  single,
  withAttribute,
  withDate,
  type ManagedObject,
  type ObjectType,
} from './managed-object.ts'
import type { ObjectRecord } from '../../ports/objects.ts'
import type { Material } from '../../sealing/envelope.ts'

type Known = Pick<ManagedObject, 'state' | 'attributes'>

export function factsOf({ state, attributes }: Known): ObjectFacts {
  return {
    algorithm: first(attributes, 'CryptographicAlgorithm') ?? null,
    length: first(attributes, 'CryptographicLength') ?? null,
    mask: first(attributes, 'CryptographicUsageMask') ?? null,
    names: (attributes.get('Name') ?? []).map(({ value }) => {
      const { NameValue, NameType } = value as { readonly NameValue: string; readonly NameType: string }
      return { value: NameValue, type: NameType }
    }),
    closing: closingOf(state, attributes),
    deactivationDate: secondsOf(attributes, 'DeactivationDate'),
    restrictions: restrictionsOf(attributes),
  }
}

export function factsOfRecord(record: ObjectRecord): ObjectFacts {
  return factsOf(fromRecord({ ...record, sequence: 0, lastFetchedMs: null }))
}

/** Whether the record has a digest that does not match this material. */
export function isOtherMaterial(record: ObjectRecord, material: Material): boolean {
  const { attributes } = fromRecord({ ...record, sequence: 0, lastFetchedMs: null })
  const known = first(attributes, 'Digest')?.DigestValue
  const { DigestValue: own } = digestOf(material)
  return known !== undefined && own !== undefined && Buffer.compare(own, known) !== 0
}

function closingOf(state: ManagedObject['state'], attributes: AttributeSet): Closing | null {
  if (state !== 'Deactivated' && state !== 'Compromised') return null
  const date = state === 'Compromised' ? 'CompromiseDate' : 'DeactivationDate'
  const { RevocationReasonCode: reason = null } = first(attributes, 'RevocationReason') ?? {}
  return {
    state,
    at: secondsOf(attributes, date) ?? 0,
    occurredAt: secondsOf(attributes, 'CompromiseOccurrenceDate'),
    reason,
  }
}

function restrictionsOf(attributes: AttributeSet): Restrictions {
  const limited = first(attributes, 'UsageLimits')
  return {
    sensitive: first(attributes, 'Sensitive') ?? false,
    extractable: first(attributes, 'Extractable') ?? true,
    usageLimits: limited
      ? {
          unit: limited.UsageLimitsUnit,
          total: String(limited.UsageLimitsTotal),
          count: String(limited.UsageLimitsCount ?? limited.UsageLimitsTotal),
        }
      : null,
  }
}

function secondsOf(
  attributes: AttributeSet,
  key: 'DeactivationDate' | 'CompromiseDate' | 'CompromiseOccurrenceDate',
): number | null {
  const seconds = first(attributes, key)
  return seconds === undefined ? null : Number(seconds)
}

export function isObjectType(text: string): text is ObjectType {
  return Object.hasOwn(enums.ObjectType, text)
}

/** Makes an object that the database does not have. It counts as Active since its creation, unless the copy says otherwise. */
export function foundObject(copy: FoundCopy): ManagedObject {
  const objectType = copy.objectType as ObjectType
  const { algorithm, length, mask, names, deactivationDate, restrictions } = copy.facts
  const known = new Map<string, ReturnType<typeof single>>()
  if (algorithm !== null && Object.hasOwn(enums.CryptographicAlgorithm, algorithm))
    known.set('CryptographicAlgorithm', single(algorithm))
  if (length !== null) known.set('CryptographicLength', single(length))
  if (mask !== null) known.set('CryptographicUsageMask', single(mask))
  if (names.length > 0)
    known.set(
      'Name',
      names.map(({ value, type }, index) => ({ index, value: { NameValue: value, NameType: type } })),
    )
  known.set('Fresh', single(false))
  if (isCryptographic(objectType)) {
    known.set('ActivationDate', single(BigInt(Math.floor(copy.createdMs / 1000))))
    if (deactivationDate !== null) known.set('DeactivationDate', single(BigInt(deactivationDate)))
  }
  const creation = { nowMs: copy.createdMs, generated: false, digest: undefined }
  let attributes = initialAttributes({ objectType, attributes: known }, creation)
  if (hasState(objectType)) {
    attributes = restricted(attributes, restrictions)
    // KMIP 1.4 §3.49, §3.51: the server cannot know whether they always were so.
    for (const key of ['AlwaysSensitive', 'NeverExtractable'])
      attributes = withAttribute(attributes, key, false)
  }
  const object: ManagedObject = {
    instanceId: copy.instanceId,
    uniqueIdentifier: copy.identifier,
    objectType,
    state: isCryptographic(objectType) ? 'Active' : 'PreActive',
    version: copy.generation,
    createdMs: copy.createdMs,
    attributes,
    sealed: copy.sealed,
    dataKeyId: null,
  }
  return closed(object, copy.closing, copy.createdMs)
}

/** Updates the object from the copy that counts from now on. It never becomes less closed. */
export function broughtForward(
  object: ManagedObject,
  copy: Pick<FoundCopy, 'facts' | 'closing' | keyof NewPlace>,
  nowMs: number,
): ManagedObject {
  const { deactivationDate, restrictions } = copy.facts
  let attributes = restricted(object.attributes, restrictions)
  if (deactivationDate !== null && currentState(object, nowMs) !== 'Deactivated')
    attributes = withAttribute(attributes, 'DeactivationDate', BigInt(deactivationDate))
  const version = Math.max(object.version + 1, copy.generation)
  const { sealed, dataKeyId } = copy
  const moved = { ...object, attributes, sealed, dataKeyId, version }
  return closed(moved, copy.closing, nowMs)
}

/**
 * Closes a restored object at least as far as its record in the database. `isNewest`: the record points to the copy that counts,
 * so its Deactivation Date and its restrictions hold too: no server has recorded others since.
 */
export function asRecorded(
  object: ManagedObject,
  record: ObjectRecord,
  { isNewest }: { readonly isNewest: boolean },
): ManagedObject {
  const { closing, deactivationDate, restrictions } = factsOfRecord(record)
  let { attributes } = object
  if (isNewest) attributes = restricted(attributes, restrictions)
  if (isNewest && deactivationDate !== null && object.state === 'Active')
    attributes = withAttribute(attributes, 'DeactivationDate', BigInt(deactivationDate))
  return closed({ ...object, attributes }, closing, (closing?.at ?? 0) * 1000)
}

/** The object in another place. Its version is never below its generations. */
export function storedElsewhere(
  object: ManagedObject,
  { sealed, dataKeyId, generation }: NewPlace,
): ManagedObject {
  return { ...object, sealed, dataKeyId, version: Math.max(object.version + 1, generation) }
}

/** Closes the object at least as far as `closing` says, even a Pre-Active one: its activation was not recorded. */
function closed(object: ManagedObject, closing: Closing | null, nowMs: number): ManagedObject {
  if (closing === null || isDestroyed(object.state)) return object
  // Uses the stored state: a state that follows from a date ends with that date.
  const { state } = object
  if (state === 'Compromised' || state === closing.state) return object
  const at = BigInt(closing.at)
  const date = closing.state === 'Compromised' ? 'CompromiseDate' : 'DeactivationDate'
  let attributes = withAttribute(object.attributes, date, at)
  if (closing.occurredAt !== null)
    attributes = withAttribute(attributes, 'CompromiseOccurrenceDate', BigInt(closing.occurredAt))
  if (closing.reason !== null && Object.hasOwn(enums.RevocationReasonCode, closing.reason))
    attributes = withAttribute(attributes, 'RevocationReason', { RevocationReasonCode: closing.reason })
  attributes = withDate(attributes, 'LastChangeDate', nowMs)
  return { ...object, state: closing.state, attributes }
}

function restricted(attributes: AttributeSet, restrictions: Restrictions): AttributeSet {
  const { sensitive, extractable, usageLimits } = restrictions
  let changed = attributes
  if (sensitive !== (first(attributes, 'Sensitive') ?? false))
    changed = withAttribute(changed, 'Sensitive', sensitive)
  if (extractable !== (first(attributes, 'Extractable') ?? true))
    changed = withAttribute(changed, 'Extractable', extractable)
  if (!usageLimits) return changed
  const { unit, total, count } = usageLimits
  const value = { UsageLimitsTotal: BigInt(total), UsageLimitsCount: BigInt(count), UsageLimitsUnit: unit }
  return withAttribute(changed, 'UsageLimits', value)
}
