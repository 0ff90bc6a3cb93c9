// Reports committed changes of an instance's objects to listeners: attributes before and after, never material. It reports only
// the commits of this process, in their order, and keeps nothing.

import { canonical, type AttributeInstance, type AttributeSet } from '../../../wire/kmip/attributes.ts'
import {
  allAttributes,
  packedAttributes,
  type ManagedObject,
  type ObjectType,
} from '../object/managed-object.ts'

export interface ObjectChange {
  readonly uniqueIdentifier: string
  readonly objectType: ObjectType
  /** Undefined: the object is new. */
  readonly before: AttributeSet | undefined
  readonly after: AttributeSet
  /** The length of the stored attributes. In memory they take several times as much. */
  readonly bytes: number
}

type Listener = (changes: readonly ObjectChange[]) => void

export class ChangeFeed {
  readonly #listeners = new Map<string, Set<Listener>>()

  /** Returns the function that ends the subscription. The listener must not throw. */
  listen(instanceId: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(instanceId) ?? new Set()
    this.#listeners.set(instanceId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(instanceId) === listeners)
        this.#listeners.delete(instanceId)
    }
  }

  /** `changed` is called only if there is a listener. */
  tell(instanceId: string, changed: () => readonly ObjectChange[]): void {
    const listeners = this.#listeners.get(instanceId)
    if (!listeners) return
    const changes = changed()
    if (changes.length === 0) return
    for (const listener of listeners) listener(changes)
  }
}

export function changeOf(before: ManagedObject | null, after: ManagedObject, nowMs: number): ObjectChange {
  const { uniqueIdentifier, objectType } = after
  return {
    uniqueIdentifier,
    objectType,
    before: before ? allAttributes(before, nowMs) : undefined,
    after: allAttributes(after, nowMs),
    bytes: packedAttributes(after).length,
  }
}

/** The attributes whose instances changed, and the keys of the deleted ones. */
export function difference(
  before: AttributeSet,
  after: AttributeSet,
): { readonly changed: AttributeSet; readonly gone: readonly string[] } {
  const changed = [...after].filter(([key, instances]) => !isSame(before.get(key), instances))
  const gone = [...before.keys()].filter((key) => !after.has(key))
  return { changed: new Map(changed), gone }
}

function isSame(
  some: readonly AttributeInstance[] | undefined,
  others: readonly AttributeInstance[],
): boolean {
  return some === others || (some !== undefined && canonical(some) === canonical(others))
}
