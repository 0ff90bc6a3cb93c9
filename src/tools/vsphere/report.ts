// The result of a simulation in numbers and lists: what was done, how long it took, what was wrong, which keys exist.

import type { Counts, RunFinding, RunLog, RefusedWork } from './run-log.ts'
import type { SavedKey } from './key-inventory.ts'
import type { ProfileName } from './profiles.ts'

/** In milliseconds. Null if there was nothing to measure. */
export interface Latency {
  readonly count: number
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly max: number | null
}

export interface ScenarioReport extends Readonly<Counts> {
  readonly id: string
  readonly name: string
  readonly title: string
  readonly ms: number
}

/** The keys of an earlier run, fetched again. */
export interface ExpectedReport {
  readonly checked: number
  /** The server says that it does not have them, or that they were destroyed. */
  readonly missing: readonly SavedKey[]
  readonly changed: readonly SavedKey[]
  /** The server did not answer for these, or failed or refused for another reason: it may have them. */
  readonly unanswered: readonly SavedKey[]
}

export interface SimulationReport {
  /** All was played, every piece of work succeeded, every answer was correct, and every expected key exists. */
  readonly ok: boolean
  /** The user ended it before all was played. */
  readonly interrupted: boolean
  readonly server: readonly string[]
  readonly profile: ProfileName
  readonly seed: number
  readonly hosts: number
  readonly vms: number
  readonly scenarios: readonly ScenarioReport[]
  readonly pieces: Readonly<Counts>
  readonly latencies: {
    readonly connectMs: Latency
    readonly handshakeMs: Latency
    readonly requestMs: Latency
  }
  readonly violations: readonly RunFinding[]
  readonly failures: readonly RunFinding[]
  readonly remarks: readonly RunFinding[]
  /** The server's own words for each failed piece of work: what vCenter would show. */
  readonly refusals: readonly RefusedWork[]
  readonly expected: ExpectedReport | null
  readonly keys: readonly SavedKey[]
}

export function sumUp(
  runLog: RunLog,
  about: Pick<
    SimulationReport,
    'interrupted' | 'server' | 'profile' | 'seed' | 'hosts' | 'vms' | 'scenarios' | 'expected' | 'keys'
  >,
): SimulationReport {
  const pieces = { done: 0, failed: 0, retried: 0 }
  for (const { done, failed, retried } of runLog.counts.values()) {
    pieces.done += done
    pieces.failed += failed
    pieces.retried += retried
  }
  const { expected, interrupted } = about
  const lost = [expected?.missing, expected?.changed, expected?.unanswered].flatMap((keys) => keys ?? [])
  return {
    ok: !interrupted && pieces.failed === 0 && runLog.violations.length === 0 && lost.length === 0,
    ...about,
    pieces,
    latencies: {
      connectMs: latency(runLog.connectMs),
      handshakeMs: latency(runLog.handshakeMs),
      requestMs: latency(runLog.requestMs),
    },
    violations: runLog.violations,
    failures: runLog.failures,
    remarks: runLog.remarks,
    refusals: runLog.refusals,
  }
}

/** The nearest rank, rounded to hundredths. */
function latency(samplesMs: readonly number[]): Latency {
  const sorted = samplesMs.toSorted((a, b) => a - b)
  const at = (share: number): number | null => {
    const sample = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
    return sample === undefined ? null : Math.round(sample * 100) / 100
  }
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}
