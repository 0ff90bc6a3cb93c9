// Collects what the simulator observes: pieces of work, times, faults, by scenario during the run; report.ts sums
// it up.

import type { KmipRefused } from '../../outside/kmip-client/errors.ts'

export interface Counts {
  done: number
  failed: number
  /** Pieces of work that continued at another address. */
  retried: number
}

export interface RunFinding {
  readonly scenario: string
  /** The operation, or the piece of work. */
  readonly where: string
  readonly what: string
  /** How often. */
  count: number
}

/** A refusal that made a piece of work fail: what vCenter would show. */
export interface RefusedWork {
  readonly operation: string
  /** The KMIP result reason; null where the server gave none. */
  readonly reason: string | null
  /** The server's own words. */
  readonly message: string | null
  /** How often. */
  count: number
}

/** How many different ones are kept. Further ones are counted with the last. */
const findingsMax = 200

export class RunLog {
  readonly counts = new Map<string, Counts>()
  /** An answer did not meet vSphere's needs. */
  readonly violations: RunFinding[] = []
  /** Pieces of work that failed. */
  readonly failures: RunFinding[] = []
  /** Faults that vSphere tolerates. */
  readonly remarks: RunFinding[] = []
  readonly refusals: RefusedWork[] = []
  readonly connectMs: number[] = []
  readonly handshakeMs: number[] = []
  readonly requestMs: number[] = []
  /** By how much the server's clock is ahead of this machine's, by its last answer; undefined: no answer told. */
  clockAheadMs: number | undefined
  #scenario = ''

  /** Assigns everything that follows to this scenario. */
  begin(scenario: string): Counts {
    this.#scenario = scenario
    return this.#counts()
  }

  done(): void {
    this.#counts().done++
  }

  retried(): void {
    this.#counts().retried++
  }

  failed(where: string, what: string): void {
    this.#counts().failed++
    this.#add(this.failures, where, what)
  }

  /** A piece of work failed because of it. */
  refused(error: KmipRefused): void {
    const { refusals } = this
    const { operation } = error
    const reason = error.reason ?? null
    const message = error.resultMessage ?? null
    const same = refusals.find(
      (other) => other.operation === operation && other.reason === reason && other.message === message,
    )
    const known = same ?? (refusals.length >= findingsMax ? refusals.at(-1) : undefined)
    if (known) known.count++
    else refusals.push({ operation, reason, message, count: 1 })
  }

  violation(where: string, what: string): void {
    this.#add(this.violations, where, what)
  }

  remark(where: string, what: string): void {
    this.#add(this.remarks, where, what)
  }

  #counts(): Counts {
    const counts = this.counts.get(this.#scenario) ?? { done: 0, failed: 0, retried: 0 }
    this.counts.set(this.#scenario, counts)
    return counts
  }

  #add(list: RunFinding[], where: string, what: string): void {
    const scenario = this.#scenario
    const same = list.find(
      (other) => other.scenario === scenario && other.where === where && other.what === what,
    )
    const known = same ?? (list.length >= findingsMax ? list.at(-1) : undefined)
    if (known) known.count++
    else list.push({ scenario, where, what, count: 1 })
  }
}
