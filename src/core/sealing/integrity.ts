// Raises an alarm for stored bytes that fail their authentication: they were altered, moved or swapped, or a disk damaged them.
// Remembers these items until they open again. It opens nothing itself.

import { alteredItemsMax } from '../../base/bounds.ts'
import type { Clock } from '../ports/clock.ts'

/** How often the log names an item that fails its authentication again and again. */
export const alteredToldEveryMs = 60 * 60_000

export interface StoredItem {
  /** Null for the server's own secrets. */
  readonly instanceId: string | null
  readonly kind: 'object' | 'data key' | 'secret'
  /** The object's UniqueIdentifier, the data key's id, or the secret's name. */
  readonly id: string
}

/**
 * Called for each failed authentication. `tell` is false if the same item failed within the last `alteredToldEveryMs`, since a
 * client may ask for it again and again.
 */
export type OnAltered = (item: StoredItem, cause: Error, tell: boolean) => void

export class Integrity {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #onAltered: OnAltered
  readonly #altered = new Map<string, { readonly item: StoredItem; toldMs: number }>()

  constructor(clock: Pick<Clock, 'monotonic'>, onAltered: OnAltered = () => {}) {
    this.#clock = clock
    this.#onAltered = onAltered
  }

  /** The items that failed when they were last opened, at most `alteredItemsMax`. */
  get altered(): readonly StoredItem[] {
    return [...this.#altered.values()].map(({ item }) => item)
  }

  /** Runs `open`, and raises an alarm if the stored bytes fail their authentication. Throws the error of `open`. */
  async opening<T>(item: StoredItem, open: () => Promise<T>): Promise<T> {
    try {
      const opened = await open()
      this.forget(item)
      return opened
    } catch (error) {
      throw this.failed(item, error)
    }
  }

  openingNow<T>(item: StoredItem, open: () => T): T {
    try {
      const opened = open()
      this.forget(item)
      return opened
    } catch (error) {
      throw this.failed(item, error)
    }
  }

  /** Called when the item opens again, or does not exist any more. */
  forget(item: StoredItem): void {
    if (this.#altered.size > 0) this.#altered.delete(nameOf(item))
  }

  /** Raises an alarm if the stored bytes failed their authentication. Returns the error. */
  failed(item: StoredItem, error: unknown): unknown {
    if (!(error instanceof Error && 'altered' in error && error.altered === true)) return error
    const now = this.#clock.monotonic()
    const name = nameOf(item)
    const known = this.#altered.get(name)
    const tell = known ? now - known.toldMs >= alteredToldEveryMs : this.#altered.size < alteredItemsMax
    if (known && tell) known.toldMs = now
    if (!known && tell) this.#altered.set(name, { item, toldMs: now })
    this.#onAltered(item, error, tell)
    return error
  }
}

function nameOf({ instanceId, kind, id }: StoredItem): string {
  return JSON.stringify([instanceId, kind, id])
}
