// Re-key (KMIP 1.4 §4.4): a new key replaces a symmetric key. The new one takes over the Names and, by table 173, the attributes;
// the old one stays, with its bytes and its state. Each has a link to the other. Within one transaction.

import { first, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { generateKey, symmetricFormat } from '../forms/key-generation.ts'
import { newIdentifier } from '../object/identifier.ts'
import { linkTo, withSoleLink } from '../object/links.ts'
import type { ManagedObject } from '../object/managed-object.ts'
import { replacedBy, replacementAttributes, requireKeyValue, requireUnreplaced } from './replacement.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

export interface ReKeyRequest {
  /** Seconds from now to the Activation Date of the new key. */
  readonly offset: number | undefined
  /** The client's attributes, checked by the attribute rules. */
  readonly attributes: AttributeSet
}

/** Stages both keys and returns the identifier of the new one. Throws Faults. */
export async function reKey(
  objects: TransactionObjects,
  existing: ManagedObject,
  { offset, attributes: changes }: ReKeyRequest,
): Promise<string> {
  const { staged } = objects
  if (existing.objectType !== 'SymmetricKey')
    throw new Fault('InvalidObjectType', 'Re-key takes the Unique Identifier of a Symmetric Key')
  requireKeyValue(existing)
  await requireUnreplaced(objects, existing)
  const attributes = replacementAttributes(existing.attributes, { changes, offset, nowMs: staged.nowMs })
  const [algorithm, length] = [
    first(attributes, 'CryptographicAlgorithm'),
    first(attributes, 'CryptographicLength'),
  ]
  if (algorithm === undefined || length === undefined)
    throw new Fault('PermissionDenied', 'a key without algorithm and length cannot be re-keyed')
  const uniqueIdentifier = newIdentifier(objects.staged.nowMs)
  await objects.stage(existing, replacedBy(existing, uniqueIdentifier))
  const object = {
    objectType: existing.objectType,
    attributes: withSoleLink(attributes, linkTo('ReplacedObjectLink', existing.uniqueIdentifier)),
    uniqueIdentifier,
  }
  const material = {
    bytes: generateKey(algorithm, length),
    head: { keyFormatType: symmetricFormat(attributes) },
  } as const
  return objects.keep(object, material, true)
}
