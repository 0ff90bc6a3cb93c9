// When the journals of instances are written: at once where an answer waits for it (Revoke, Destroy), else once an hour
// and when the server stops, again after a failure, and anew when they have become long. One thing at a time per
// instance. How they are written is writer.ts, what they are for is recovery/.

import { limits } from '../../limits.ts'
import type { Access } from '../../trust/access.ts'
import { JournalWriter, type JournalWriterOptions } from './writer.ts'
import type { Trail } from '../../ports/root-key.ts'
import type { StandardKeyTroubles } from '../standard-keys/troubles.ts'
import { keepsJournal, type Instance } from '../../trust/rows.ts'

export interface JournalOptions extends JournalWriterOptions {
  readonly access: Pick<Access, 'instance' | 'instances'>
  /** Told of journals that cannot be written, until they are. */
  readonly troubles?: Pick<StandardKeyTroubles, 'unwritten' | 'written'>
  /** For what goes wrong in the background. */
  readonly failed: (what: string) => (error: unknown) => void
}

/** Who waits for a write that has not begun shares it. */
interface Line {
  tail: Promise<unknown>
  next: Promise<Trail> | undefined
}

interface Due {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly failures: number
}

export class Journal {
  readonly #options: JournalOptions
  readonly #writer: JournalWriter
  readonly #lines = new Map<string, Line>()
  readonly #due = new Map<string, Due>()
  /** The move of which the journal beside the root key that is left was told, by instance. */
  readonly #departed = new Map<string, string>()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  constructor(options: JournalOptions) {
    this.#options = options
    this.#writer = new JournalWriter(options)
  }

  /**
   * Resolves when all that was committed before stands in the journal; at once for an instance without one. Throws
   * RootKeyError, StoreConflict and StoreUnavailable; what is missing then is tried again in the background.
   */
  async flush(instanceId: string, trail?: Trail): Promise<void> {
    const line = this.#line(instanceId)
    line.next ??= this.#inTurn(instanceId, async () => {
      line.next = undefined
      const calls: Trail = new Set()
      await this.#flush(instanceId, calls)
      return calls
    })
    for (const call of await line.next) trail?.add(call)
  }

  /**
   * The first words of an instance that keeps a journal from now on; all it has is entered. Also the proof that parts
   * can be made and read. Throws RootKeyError, with nothing left behind that the sweep would not delete.
   */
  async begin(instance: Instance): Promise<void> {
    await this.#inTurn(instance.id, async () => {
      try {
        await this.#writer.rewrite(instance)
        await this.#writer.check(instance)
      } catch (error) {
        await this.#writer.end(instance.id).catch(this.#options.failed('give up the journal of an instance'))
        throw error
      }
    })
    this.#rest(instance.id)
  }

  /** At the end of a move: all of it anew under the root key as it is now. Throws as `flush` does. */
  async rewrite(instanceId: string): Promise<void> {
    await this.#inTurn(instanceId, async () => {
      const instance = await this.#kept(instanceId)
      if (!instance) return
      await this.#writer.rewrite(instance, undefined, { moving: false })
      this.#options.troubles?.written(instanceId)
    })
  }

  /**
   * Before objects leave a root key for another, whoever reads the journal beside it must know. Once for each move.
   * Throws as `flush` does.
   */
  async depart(instanceId: string): Promise<void> {
    await this.#inTurn(instanceId, async () => {
      const instance = await this.#options.access.instance(instanceId)
      const { work } = instance ?? {}
      if (!instance || work?.kind !== 'move' || work.fromCustody !== 'keyprotect') return
      if (work.fromRootKeyUri === instance.rootKeyUri && keepsJournal(instance)) return
      if (this.#departed.get(instanceId) === work.id) return
      await this.#writer.depart(instance, work.fromRootKeyUri)
      this.#departed.set(instanceId, work.id)
    })
  }

  /** The instance keeps no journal any more. What cannot be deleted at the service now goes later. */
  async end(instanceId: string): Promise<void> {
    this.#due.delete(instanceId)
    this.#departed.delete(instanceId)
    this.#options.troubles?.written(instanceId)
    await this.#inTurn(instanceId, () => this.#writer.end(instanceId))
  }

  /** From now on journals are written in the background too. */
  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look()
        .catch(this.#options.failed('look which journals are due'))
        .finally(() => (this.#looking = undefined))
    }, limits.journalLookEveryMs).unref()
  }

  /** Writes what is not written yet, as far as that goes in a bounded time: what is left stays marked. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
    const instances = (await this.#options.access.instances()).filter(keepsJournal)
    const flushed = Promise.all(
      instances.map(({ id }) =>
        this.flush(id).catch(this.#options.failed(`write the journal of the instance ${id} at the end`)),
      ),
    )
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, limits.journalStopMs)
    await Promise.race([flushed, late])
    clearTimeout(timer)
  }

  async #look(): Promise<void> {
    const now = this.#options.clock.monotonic()
    const instances = (await this.#options.access.instances()).filter(keepsJournal)
    // One that is not known yet may have been left unwritten by a server that was killed.
    const due = instances.filter(({ id }) => (this.#due.get(id)?.at ?? now) <= now)
    await Promise.all(
      due.map(({ id }) =>
        this.flush(id).catch(this.#options.failed(`write the journal of the instance ${id}`)),
      ),
    )
  }

  async #flush(instanceId: string, trail: Trail): Promise<void> {
    const instance = await this.#kept(instanceId)
    if (!instance) return
    try {
      await this.#writer.flush(instance, trail)
    } catch (error) {
      this.#retry(instanceId)
      this.#options.troubles?.unwritten(instanceId, error)
      throw error
    }
    this.#rest(instanceId)
    // Who waits for this flush need not wait for that.
    void this.#inTurn(instanceId, () => this.#shorten(instanceId)).catch(
      this.#options.failed(`write the journal of the instance ${instanceId} anew`),
    )
  }

  async #shorten(instanceId: string): Promise<void> {
    const instance = await this.#kept(instanceId)
    if (instance && (await this.#writer.isTooLong(instance))) await this.#writer.rewrite(instance)
  }

  async #kept(instanceId: string): Promise<Instance | undefined> {
    const instance = await this.#options.access.instance(instanceId)
    return instance && keepsJournal(instance) ? instance : undefined
  }

  #rest(instanceId: string): void {
    const at = this.#options.clock.monotonic() + limits.journalEveryMs
    this.#due.set(instanceId, { at, failures: 0 })
    this.#options.troubles?.written(instanceId)
  }

  #retry(instanceId: string): void {
    const failures = (this.#due.get(instanceId)?.failures ?? 0) + 1
    const pauseMs = Math.min(limits.journalPauseMs * 2 ** (failures - 1), limits.journalPauseMsMax)
    this.#due.set(instanceId, { at: this.#options.clock.monotonic() + pauseMs, failures })
  }

  #line(instanceId: string): Line {
    const known = this.#lines.get(instanceId)
    if (known) return known
    const line = { tail: Promise.resolve(), next: undefined }
    this.#lines.set(instanceId, line)
    return line
  }

  #inTurn<T>(instanceId: string, work: () => Promise<T>): Promise<T> {
    const line = this.#line(instanceId)
    const done = line.tail.then(work)
    line.tail = done.catch(() => undefined)
    return done
  }
}
