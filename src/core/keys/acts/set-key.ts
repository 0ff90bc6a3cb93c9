// The act of `mortise key set`: a manager names a key that wraps Sensitive keys, or lifts a restriction that no client may lift.
// The list of wrapping keys stands in the instance's trusted row, so an edit of the database changes none.

import { first } from '../../../wire/kmip/attributes.ts'
import { maskOf } from '../../../wire/kmip/enums.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { oneWayRestrictions, raiseLeastVersion } from '../../ports/least-version.ts'
import type { WrappingKey } from '../../trust/rows.ts'
import { ownGenerator } from '../object/initial-attributes.ts'
import { isDestroyed } from '../object/lifecycle.ts'
import { linksOf } from '../object/links.ts'
import { withAttribute, type ManagedObject } from '../object/managed-object.ts'
import { isKept, isSensitive } from '../object/restrictions.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

/** Keys of one instance that a manager named to wrap Sensitive keys. */
export const wrappingKeysMax = 100

export interface KeySettings {
  /** Whether it may leave again. */
  readonly extractable?: true | undefined
  /** Whether it may leave unwrapped again. */
  readonly sensitive?: false | undefined
  /** Makes it a wrapping key of its instance, and says whether it may wrap Sensitive keys. */
  readonly wrapsSensitive?: boolean | undefined
}

/** Throws the Faults ObjectNotFound, ObjectDestroyed, IllegalOperation and ServerLimitExceeded. */
export async function setKey(
  objects: TransactionObjects,
  uniqueIdentifier: string,
  settings: KeySettings,
): Promise<void> {
  const { staged } = objects
  staged.begin('key.set', uniqueIdentifier)
  const object = await objects.live(uniqueIdentifier)
  const after = { ...object, attributes: loosened(object, settings) }
  if (after.attributes !== object.attributes) await objects.stage(object, after)
  const { wrapsSensitive } = settings
  if (wrapsSensitive !== undefined) await list(objects, after, wrapsSensitive)
  const detail = Object.entries(settings).filter(([, value]) => value !== undefined)
  staged.done({ detail: Object.fromEntries(detail) })
}

function loosened({ attributes }: ManagedObject, { extractable, sensitive }: KeySettings) {
  let set = attributes
  if (extractable && isKept(set))
    set = withAttribute(withAttribute(set, 'Extractable', true), 'NeverExtractable', false)
  if (sensitive === false && isSensitive(set))
    set = withAttribute(withAttribute(set, 'Sensitive', false), 'AlwaysSensitive', false)
  return set
}

async function list(objects: TransactionObjects, object: ManagedObject, wraps: boolean): Promise<void> {
  const instance = await objects.instance()
  const { wrappingKeys: before = [] } = instance
  const { uniqueIdentifier: id } = object
  const known = before.find((key) => key.id === id)
  if (known ? known.wraps === wraps : !wraps) return
  if (wraps) requireFit(object)
  const kept = before.length < wrappingKeysMax || known ? before : await stillThere(objects, before)
  if (!known && kept.length >= wrappingKeysMax)
    throw new Fault(
      'ServerLimitExceeded',
      `an instance has ${String(wrappingKeysMax)} wrapping keys at most: destroy those that nothing needs`,
    )
  const wrappingKeys = [...kept.filter((key) => key.id !== id), { id, wraps }]
  objects.staged.alongside(raiseLeastVersion(oneWayRestrictions))
  await objects.changeTrust(() => ({ put: [{ kind: 'instance', value: { ...instance, wrappingKeys } }] }))
}

/** The list without the keys that are destroyed for good. */
async function stillThere(
  objects: TransactionObjects,
  keys: readonly WrappingKey[],
): Promise<readonly WrappingKey[]> {
  const wrappingKeys: WrappingKey[] = []
  for (const key of keys) {
    const object = await objects.staged.load(key.id)
    if (object && (!isDestroyed(object.state) || object.recoverable)) wrappingKeys.push(key)
  }
  return wrappingKeys
}

/** Throws Fault IllegalOperation if a client could open what the object wraps. */
function requireFit(object: ManagedObject): void {
  const { objectType, attributes } = object
  const uses = maskOf('CryptographicUsageMask', ['WrapKey', 'MACGenerate'])
  if (((first(attributes, 'CryptographicUsageMask') ?? 0) & uses) === 0)
    throw unfit('its Cryptographic Usage Mask allows neither Wrap Key nor MAC Generate')
  if (objectType === 'SymmetricKey') {
    if (!isSensitive(attributes) && !isKept(attributes))
      throw unfit(
        'clients fetch it, and open with it what it wrapped. Make it Sensitive or not Extractable first',
      )
    return
  }
  if (objectType !== 'PublicKey')
    throw unfit(`it is of type ${objectType}, and only symmetric and public keys can`)
  if (linksOf(attributes, 'PrivateKeyLink').length > 0 || wasMadeHere(object))
    throw unfit('its private key is on this server, which would open what it wraps for a client')
}

/** A client can delete the links to the private key, but not the generator. */
function wasMadeHere({ attributes }: ManagedObject): boolean {
  const generator = first(attributes, 'RandomNumberGenerator')
  return generator !== undefined && generator.RNGAlgorithm === ownGenerator.RNGAlgorithm
}

function unfit(why: string): Fault {
  return new Fault('IllegalOperation', `this object cannot wrap Sensitive keys: ${why}`)
}
