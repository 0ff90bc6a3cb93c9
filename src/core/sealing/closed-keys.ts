// Remembers data keys and objects that do not open although their root key answers, so that `status` can name them, and reports
// each one once. Keeps at most `closedKeysMax` for each instance and ignores further ones.

import { closedKeysMax } from '../../base/bounds.ts'
import type { RootKeyError } from '../ports/root-key.ts'

/** A data key or object whose last opening failed. */
export interface ClosedKey {
  readonly instanceId: string
  readonly kind: UnwrappedKind
  /** The data key's id, or the object's UniqueIdentifier. */
  readonly id: string
}

export type UnwrappedKind = 'data key' | 'object'

export interface ClosedKeyEvents {
  /** The root key's service refuses this one and opens others. Reported once, until it opens again. */
  closed?(closed: ClosedKey, error: RootKeyError): void
  /** A key that was reported as closed opens again. */
  opens?(opened: ClosedKey): void
}

export class ClosedKeys {
  readonly #events: ClosedKeyEvents
  readonly #closed = new Map<string, ClosedKey>()

  constructor(events: ClosedKeyEvents) {
    this.#events = events
  }

  get all(): readonly ClosedKey[] {
    return [...this.#closed.values()]
  }

  close(key: ClosedKey, error: RootKeyError): void {
    const name = nameOf(key)
    if (this.#closed.has(name)) return
    const own = this.all.filter(({ instanceId }) => instanceId === key.instanceId)
    if (own.length >= closedKeysMax) return
    this.#closed.set(name, key)
    this.#events.closed?.(key, error)
  }

  opened(key: ClosedKey): void {
    if (this.#closed.size > 0 && this.#closed.delete(nameOf(key))) this.#events.opens?.(key)
  }

  /** Called when the key does not exist any more. */
  forget(key: ClosedKey): void {
    this.#closed.delete(nameOf(key))
  }
}

function nameOf({ instanceId, kind, id }: ClosedKey): string {
  return JSON.stringify([instanceId, kind, id])
}
