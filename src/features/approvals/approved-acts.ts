// Carries out approved acts that take longer than one commit, in the background, on one node at a time; after a restart it goes
// on with what was approved. It also ends requests whose time is over. An act that was under way when its process died is done
// again: a prune goes on, and a backup is made again.

import { serverActor } from '../../core/audit/actor.ts'
import type { Timer } from '../../core/ports/clock.ts'
import { LeaseElsewhere, type LeaseName } from '../../core/ports/leases.ts'
import { StoreUnavailable } from '../../core/ports/store.ts'
import type { Approval } from '../../core/trust/approval.ts'
import { carryOut } from './approvals.ts'
import type { Approvals } from './needs.ts'
import { refusalOf } from '../../doors/http/faults.ts'

/** The interval of the looks for requests that are over, or approved and not carried out. */
const approvalLookEveryMs = 60_000

export interface ApprovedActsParts {
  readonly context: Approvals
  readonly leases: { readonly during: <T>(name: LeaseName, work: () => Promise<T>) => Promise<T> }
  readonly failed: (error: unknown) => void
}

const isToBeDone = ({ state, isRepeated }: Approval): boolean => state === 'approved' && isRepeated !== true

export class ApprovedActs {
  readonly #parts: ApprovedActsParts
  #timer: Timer | undefined
  #last: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(parts: ApprovedActsParts) {
    this.#parts = parts
  }

  /** Looks now, and every minute. */
  start(): void {
    const { clock } = this.#parts.context
    this.#timer = clock.every(approvalLookEveryMs, () => void this.look())
    void this.look()
  }

  /** Resolves when everything is carried out that was approved before. Never rejects. */
  look(): Promise<void> {
    const next = async (before: Promise<void>) => {
      await before
      if (!this.#stopped) await this.#look().catch((error: unknown) => this.#notDone(error))
    }
    this.#last = next(this.#last)
    return this.#last
  }

  /** Begins nothing more. What is under way goes on after the next start. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** The store has a condition of its own for an outage; the next look goes on. */
  #notDone(error: unknown): void {
    if (!(error instanceof StoreUnavailable)) this.#parts.failed(error)
  }

  async #look(): Promise<void> {
    const { access, trust } = this.#parts.context
    const snapshot = await access.snapshot()
    await trust.approvals.tidy(snapshot)
    if (![...snapshot.tables.approval.values()].some(isToBeDone)) return
    await this.#parts.leases
      .during('approved-acts', async () => {
        // Another node may have done some until this one got the lease.
        const { tables } = await access.snapshot()
        for (const approval of [...tables.approval.values()].filter(isToBeDone))
          if (!this.#stopped) await this.#carryOut(approval)
      })
      .catch((error: unknown) => {
        if (!(error instanceof LeaseElsewhere)) throw error
      })
  }

  async #carryOut(approval: Approval): Promise<void> {
    const context = this.#parts.context
    const { approvals } = context.trust
    try {
      await carryOut(context, approval, { requestId: approval.id, host: '' })
    } catch (error) {
      // The next look, or the next start, goes on with it.
      if (this.#stopped || error instanceof LeaseElsewhere || error instanceof StoreUnavailable) throw error
      const refusal = refusalOf(error)
      if (!refusal) this.#parts.failed(error)
      const reason = refusal?.message ?? 'something went wrong in the server: its log says more'
      await approvals.fail(approval.id, serverActor, reason)
      return
    }
    await approvals.finish(approval.id)
  }
}
