// Sends the audit log to a target in the order of writing, without gaps and at least once. The store keeps the place up to which
// the target has everything, so another start, or another node, goes on there. Reading and sending take turns with
// requests, and no request waits for a target.

import { siemPollMs } from './bounds.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { underLease, type Lease, type Leases } from '../../core/ports/leases.ts'
import type { AuditKeeper } from '../../core/audit/retention.ts'
import type { Store } from '../../core/ports/store.ts'
import type { AuditEntry } from '../../core/ports/audit.ts'
import type { TargetSession, SiemTarget } from './target.ts'

/** Entries that are read and sent at a time. */
export const siemPageEntries = 500
/** The pause before the next attempt; twice as long each time. */
const siemRetryMs = 1_000
const siemRetryMsMax = 60_000
/** A stop of the server waits this long for a target that hangs. */
export const siemStopMs = 5_000

export interface ForwarderOptions {
  readonly store: Pick<Store, 'auditBehind' | 'forwardedTo' | 'commit'>
  readonly leases: Pick<Leases, 'hold'>
  readonly clock: Clock
  readonly target: SiemTarget
  /** Called when sending begins to fail, with the reason for people, and when it goes on (null). */
  readonly onTrouble: (trouble: string | null) => void
  /** Called with the number of entries that were sent, those sent again included. */
  readonly onSent: (entries: number) => void
}

export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined
  #trouble: string | null = null

  constructor(options: ForwarderOptions) {
    this.#options = options
  }

  /** Forwards entries until `stop`. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Leaves a target behind that hangs, as a file on a network disk that is gone: the next start sends it what it lacks. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.race([this.#running, this.#options.clock.sleep(siemStopMs)])
  }

  async facts(): Promise<AuditKeeper> {
    const { store, target } = this.#options
    const [first] = await store.auditBehind(await store.forwardedTo(target.kind), 1)
    const behindSinceMs = first ? (JSON.parse(first.body) as AuditEntry).atMs : null
    return { kind: target.kind, target: target.name, behindSinceMs, trouble: this.#trouble }
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { leases, clock } = this.#options
    const { signal } = this.#stopping
    let pauseMs: number = siemRetryMs
    while (!signal.aborted) {
      try {
        const lease = await leases.hold('siem')
        if (lease) await underLease(lease, () => this.#session(lease, () => (pauseMs = siemRetryMs)))
        else this.#say(null)
      } catch (error) {
        this.#say(error instanceof Error ? error.message : String(error))
      }
      await clock.sleep(pauseMs, signal)
      pauseMs = Math.min(2 * pauseMs, siemRetryMsMax)
    }
  }

  /** Until the target fails, the lease is lost or the server stops. */
  async #session(lease: Lease, onTaken: () => void): Promise<void> {
    const { store, target, clock } = this.#options
    const { signal } = this.#stopping
    const session = await target.open(signal)
    try {
      let stored = await store.forwardedTo(target.kind)
      let sent = stored
      while (!signal.aborted && lease.isHeld()) {
        const next = await this.#sendNext(session, sent)
        sent = next.sent
        const taken = await session.taken()
        if (taken > stored) {
          await this.#keep(taken)
          stored = taken
          onTaken()
        }
        if (taken > 0 || sent === stored) this.#say(null)
        if (next.isAll) await clock.sleep(siemPollMs, signal)
      }
    } finally {
      await session.close()
    }
  }

  async #sendNext(
    session: TargetSession,
    sent: number,
  ): Promise<{ readonly sent: number; readonly isAll: boolean }> {
    const entries = await this.#options.store.auditBehind(sent, siemPageEntries)
    await session.send(entries)
    if (entries.length > 0) this.#options.onSent(entries.length)
    return { sent: entries.at(-1)?.place ?? sent, isAll: entries.length < siemPageEntries }
  }

  async #keep(place: number): Promise<void> {
    const { store, target } = this.#options
    await store.commit({
      writes: [{ type: 'audit-forwarded', target: target.kind, place }],
      entries: [],
      durability: 'process',
    })
  }

  #say(trouble: string | null): void {
    if ((trouble === null) === (this.#trouble === null)) {
      this.#trouble = trouble
      return
    }
    this.#trouble = trouble
    this.#options.onTrouble(trouble)
  }
}
