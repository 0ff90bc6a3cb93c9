// A Name is unique among the objects of an instance that are not destroyed, unless the instance lets them share Names. The store
// enforces this at every commit. The check here comes earlier, so that the right batch item fails, and Undo can undo the others.

import { searchKey, type AttributeSet, type AttributeValue } from '../../../wire/kmip/attributes.ts'
import { Fault } from '../../../wire/kmip/fault.ts'
import { isDestroyed } from '../object/lifecycle.ts'
import { fromRecord, indexEntry, searchEntry, type ManagedObject } from '../object/managed-object.ts'
import { comparedNames } from '../object/object-names.ts'
import type { Store } from '../../ports/store.ts'
import type { Instance } from '../../trust/rows.ts'
import type { StagedChange } from './staged-change.ts'

interface NameParts {
  readonly staged: StagedChange
  readonly store: Store
}

/** Throws Fault NonUniqueNameAttribute when another object has one of these Names. */
export async function requireFreeNames(
  { staged: change, store }: NameParts,
  instance: Pick<Instance, 'names'>,
  uniqueIdentifier: string,
  attributes: AttributeSet,
): Promise<void> {
  const names = attributes.get('Name') ?? []
  if (instance.names === 'shared' || names.length === 0) return
  const staged = change.objects()
  const others = staged.filter((one) => one.uniqueIdentifier !== uniqueIdentifier && !isDestroyed(one.state))
  const taken = new Set(others.flatMap(comparedNames))
  const except = identifiersOf(staged).add(uniqueIdentifier)
  for (const { value } of names) {
    const key = searchKey('Name', value)
    const stored = await storedNamed({ change, store }, value, { except, limit: 1 })
    if (taken.has(key) || stored.some((other) => comparedNames(other).includes(key)))
      throw new Fault('NonUniqueNameAttribute', 'another object of this instance has that Name')
  }
}

/** The Template of this Name (KMIP 1.4 §2.2.6), or undefined. */
export async function templateNamed(
  change: StagedChange,
  store: Store,
  name: AttributeValue<'Name'>,
): Promise<ManagedObject | undefined> {
  const key = searchKey('Name', name)
  const named = await objectsNamed(change, store, name, namesakesMax)
  return named.find(
    (object) =>
      object.objectType === 'Template' && !isDestroyed(object.state) && comparedNames(object).includes(key),
  )
}

/** The identifier of the one object that has the Name, of whichever kind. Undefined if none has it, or several. */
export async function identifierNamed(
  change: StagedChange,
  store: Store,
  text: string,
): Promise<string | undefined> {
  const holders = new Set<string>()
  for (const NameType of ['UninterpretedTextString', 'URI'] as const) {
    const name = { NameValue: text, NameType }
    for (const object of await objectsNamed(change, store, name, 2))
      if (!isDestroyed(object.state) && comparedNames(object).includes(searchKey('Name', name)))
        holders.add(object.uniqueIdentifier)
  }
  const [only, ...others] = holders
  return others.length === 0 ? only : undefined
}

/** If Names may repeat, the search for a template reads at most this many of the newest objects with its Name. */
const namesakesMax = 100

/**
 * The Names of an object that other objects of its instance have, in their form for comparison. Empty if the instance lets its
 * objects share Names.
 */
export async function takenNames(
  store: Pick<Store, 'objects'>,
  instance: Pick<Instance, 'names'> | undefined,
  {
    instanceId,
    uniqueIdentifier,
    attributes,
  }: Pick<ManagedObject, 'instanceId' | 'uniqueIdentifier' | 'attributes'>,
): Promise<ReadonlySet<string>> {
  const taken = new Set<string>()
  if (instance?.names === 'shared') return taken
  for (const { value } of attributes.get('Name') ?? []) {
    const entry = searchEntry('Name', value)
    if (!entry) continue
    const others = await store.objects({ instanceId, index: [entry], limit: 10 })
    const name = searchKey('Name', value)
    const isTaken = others
      .map(fromRecord)
      .some((other) => other.uniqueIdentifier !== uniqueIdentifier && comparedNames(other).includes(name))
    if (isTaken) taken.add(name)
  }
  return taken
}

/** The objects that the store finds by this name, and all staged objects. */
async function objectsNamed(
  change: StagedChange,
  store: Store,
  name: unknown,
  limit: number,
): Promise<readonly ManagedObject[]> {
  const staged = change.objects()
  const stored = await storedNamed({ change, store }, name, { except: identifiersOf(staged), limit })
  return [...staged, ...stored]
}

function identifiersOf(objects: readonly ManagedObject[]): Set<string> {
  return new Set(objects.map(({ uniqueIdentifier }) => uniqueIdentifier))
}

/** The objects that the store finds by this name and that are not destroyed, except the excluded ones. */
async function storedNamed(
  { change, store }: { readonly change: StagedChange; readonly store: Store },
  name: unknown,
  { except, limit }: { readonly except: ReadonlySet<string>; readonly limit: number },
): Promise<readonly ManagedObject[]> {
  const entry = indexEntry('Name', name)
  if (!entry) return []
  const { instanceId } = change.caller
  const records = await store.objects({ instanceId, limit, index: [entry], includeDestroyed: false })
  return records.filter(({ uniqueIdentifier }) => !except.has(uniqueIdentifier)).map(fromRecord)
}
