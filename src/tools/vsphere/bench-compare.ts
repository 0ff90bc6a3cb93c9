// Compares a load run with an earlier one: how its rates and latencies stand to those. Pure.

import type { BenchReport, Measured } from './bench.ts'

export type EarlierRun = Pick<
  BenchReport,
  | 'server'
  | 'mix'
  | 'connections'
  | 'rate'
  | 'perWork'
  | 'resume'
  | 'tls'
  | 'operations'
  | 'handshakes'
  | 'pieces'
>

/** This run divided by the earlier one; null where either has no number. */
export interface Ratios {
  readonly perSecond: number | null
  readonly p50: number | null
  readonly p99: number | null
  readonly max: number | null
}

export interface Comparison {
  /** The settings in which the two runs differ: then the numbers say little. */
  readonly differs: readonly string[]
  /** By operation; `(handshake)` and `(all of a piece)` as in the report. */
  readonly ratios: Readonly<Record<string, Ratios>>
}

export const handshakeRow = '(handshake)'
export const pieceRow = '(all of a piece)'

export function compareRuns(earlier: EarlierRun, now: EarlierRun): Comparison {
  const differs = (['mix', 'connections', 'rate', 'perWork', 'resume'] as const)
    .filter((setting) => earlier[setting] !== now[setting])
    .map((setting) => `${setting}: ${earlier[setting]} then, ${now[setting]} now`)
  if (earlier.tls.version !== now.tls.version)
    differs.push(`tls: ${earlier.tls.version} then, ${now.tls.version} now`)
  const rows = rowsOf(now)
  const before = rowsOf(earlier)
  const ratios = Object.keys(rows).flatMap((name) => {
    const [was, is] = [before[name], rows[name]]
    return was && is ? [[name, ratiosOf(was, is)] as const] : []
  })
  return { differs, ratios: Object.fromEntries(ratios) }
}

function rowsOf({ operations, handshakes, pieces }: EarlierRun): Readonly<Record<string, Measured>> {
  return {
    ...operations,
    ...(handshakes.count > 0 && { [handshakeRow]: handshakes }),
    ...(pieces && { [pieceRow]: pieces }),
  }
}

function ratiosOf(was: Measured, is: Measured): Ratios {
  return {
    perSecond: ratio(was.perSecond, is.perSecond),
    p50: ratio(was.latencyMs.p50, is.latencyMs.p50),
    p99: ratio(was.latencyMs.p99, is.latencyMs.p99),
    max: ratio(was.latencyMs.max, is.latencyMs.max),
  }
}

function ratio(was: number | null, is: number | null): number | null {
  return was === null || is === null || was === 0 ? null : Number((is / was).toPrecision(3))
}
