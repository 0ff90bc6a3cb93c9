// Adopts one object of another server, within one transaction. The result says whether it is new here, was updated, stays
// unchanged, or conflicts with the object here. adopted-object.ts has the rules.

import { Fault } from '../../../wire/kmip/fault.ts'
import { first, packAttributes } from '../../../wire/kmip/attributes.ts'
import { uniqueIdentifierBytesMax } from '../../../base/bounds.ts'
import type { Material } from '../../sealing/envelope.ts'
import { broughtUpToDate, storedForm, withKeptNames, type AdoptedObject } from '../object/adopted-object.ts'
import { sha256, storedDigest } from '../object/digest.ts'
import { noLooser } from '../object/restrictions.ts'
import { isDestroyed } from '../object/lifecycle.ts'
import type { ManagedObject } from '../object/managed-object.ts'
import { takenNames } from '../transaction/names.ts'
import { stageNewObject } from '../transaction/new-object.ts'
import { factsOf } from '../object/object-facts.ts'
import { deactivationDetail } from '../object/revocation.ts'
import type { TransactionObjects } from '../transaction/transaction-objects.ts'

export type { AdoptedObject } from '../object/adopted-object.ts'

export interface AdoptOptions {
  /** Finds out what would change, and stages nothing. */
  readonly dryRun: boolean
  /** Whether a client's request caused it. The audit entry says so, and the store counts it. */
  readonly onDemand?: boolean
}

export interface Adopted {
  readonly outcome: 'new' | 'changed' | 'same'
  /** Names that other objects of the instance have; the object keeps them as a custom attribute. */
  readonly takenNames: readonly string[]
}

/** Enters `key.adopt` in the audit if it changes something or refuses. The caller wipes the material. */
export async function adoptObject(
  objects: TransactionObjects,
  brought: AdoptedObject,
  material: Material,
  { dryRun, onDemand = false }: AdoptOptions,
): Promise<Adopted> {
  const { staged } = objects
  const { uniqueIdentifier, objectType, from, checked } = brought
  const entryDetail = { objectType, from, ...(checked !== undefined && { checked }) }
  const begin = () => {
    if (!dryRun) staged.begin('key.adopt', uniqueIdentifier)
  }
  const refuse = (fault: Fault): never => {
    begin()
    throw fault
  }
  const notAsIdentifier = refusedIdentifier(uniqueIdentifier)
  if (notAsIdentifier) refuse(notAsIdentifier)
  requireFittingAttributes(brought, refuse)
  const digest = storedDigest(objectType, material)
  const stored = storedForm(brought, { nowMs: staged.nowMs, digest })
  const { instanceId } = staged.caller
  const taken = await takenNames(objects.store, await objects.instance(), { ...stored, instanceId })
  const { object, names } = withKeptNames(stored, (name) => taken.has(name))
  const here = await staged.load(uniqueIdentifier)
  if (!here) {
    if (dryRun) return { outcome: 'new', takenNames: names }
    begin()
    await stageNewObject(objects, object, material)
    if (onDemand)
      staged.alongside({
        type: 'adopted-on-demand',
        instanceId,
        atMs: staged.nowMs,
      })
    const detail = { ...entryDetail, state: object.state, isNew: true, ...(onDemand && { onDemand }) }
    staged.done({ detail })
    return { outcome: 'new', takenNames: names }
  }
  if (isDestroyed(here.state))
    refuse(new Fault('ObjectDestroyed', `the object with this identifier was destroyed here${advice(here)}`))
  if (here.objectType !== objectType || !(await sameBytes(objects, here, material)))
    refuse(new Fault('ObjectAlreadyExists', 'an object with this identifier and other bytes is here'))
  if (brought.bytesOnly) return { outcome: 'same', takenNames: [] }
  const there = brought.isStateGuessed ? { ...object, state: here.state } : object
  const instance = await objects.instance()
  const news = broughtUpToDate(
    here,
    { ...there, attributes: noLooser(instance, here.attributes, there.attributes) },
    staged.nowMs,
  )
  if (!news) return { outcome: 'same', takenNames: [] }
  if (dryRun) return { outcome: 'changed', takenNames: names }
  begin()
  const after = { ...here, ...news }
  const changing = { before: here, was: factsOf(here), facts: factsOf(after) }
  staged.stage(after, objects.custodies.following(instance, changing))
  staged.done({ detail: { ...entryDetail, state: after.state, ...deactivationDetail(after.attributes) } })
  return { outcome: 'changed', takenNames: names }
}

/** The Fault for an identifier that no object may have. */
export function refusedIdentifier(uniqueIdentifier: string): Fault | undefined {
  const bytes = Buffer.byteLength(uniqueIdentifier)
  if (bytes > 0 && bytes <= uniqueIdentifierBytesMax) return undefined
  return new Fault('InvalidField', `an identifier has 1 to ${uniqueIdentifierBytesMax} bytes`)
}

/** Advises to bring back the object that waits here: adoption never replaces it with the other server's bytes. */
function advice({ recoverable }: ManagedObject): string {
  return recoverable ? ', and can still be brought back: mortise key undestroy' : ''
}

/** Refuses an object whose attributes take too many bytes as InvalidField: the reason in the Fault of packAttributes would mean a full instance. */
function requireFittingAttributes({ attributes }: AdoptedObject, refuse: (fault: Fault) => never): void {
  try {
    packAttributes(attributes)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    refuse(new Fault('InvalidField', error.message, { cause: error }))
  }
}

/** Compares by the stored digest where there is one, so that a second run calls no root key. */
async function sameBytes(
  objects: TransactionObjects,
  here: ManagedObject,
  { bytes, head }: Material,
): Promise<boolean> {
  const digest = first(here.attributes, 'Digest')?.DigestValue
  if (digest !== undefined) return sha256(bytes).equals(digest)
  const material = await objects.open(here)
  const same = material.bytes.equals(bytes) && material.head.secretDataType === head.secretDataType
  material.bytes.fill(0)
  return same
}
