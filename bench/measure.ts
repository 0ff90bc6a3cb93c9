// One run of load against one of the servers of servers.ts, by `mortise bench` on the other core: what it answered, and what that
// took of the server's processor time.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { BenchReport } from '../src/tools/vsphere/bench.ts'
import { cpuSeconds } from './processes.ts'
import { nodeFlags, onCore, type Server } from './servers.ts'

export interface Measure {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  /** Microseconds of the server's processor time; not a number where its process is not known. */
  readonly cpu: number
  /** Requests that came to nothing. Mortise has none. */
  readonly failed: number
  /** What came of them, in the words of `mortise bench`. */
  readonly failures: readonly string[]
}

/** `load`: options of `mortise bench`. */
export async function measure(server: Server, seconds: number, load: readonly string[]): Promise<Measure> {
  const main = path.join(import.meta.dirname, '../src/program/main.ts')
  const { cert, key, trust } = server.client
  const identity = ['--cert', cert, '--key', key, ...trust]
  // TLS 1.2, since PyKMIP has no other.
  const how = ['--tls', '1.2', '--duration', String(seconds), '--warm-up', '0.3', '--keys', '50', '--json']
  const words = ['bench', '--server', server.address, ...identity, ...how, ...load]
  const [program, ...args] = onCore(1, process.execPath, ...nodeFlags, main, ...words)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const cpuNow = () => (server.pid === undefined ? Number.NaN : cpuSeconds(server.pid))
  let before = 0
  let used: number | undefined
  child.stderr.setEncoding('utf8')
  let said = ''
  child.stderr.on('data', (phase: string) => {
    said += phase
    if (phase.includes('measuring')) before = cpuNow()
    else if (phase.includes('destroyed')) used = cpuNow() - before
  })
  const ended = once(child, 'close')
  const output = await text(child.stdout)
  await ended
  used ??= cpuNow() - before
  if (output === '') throw new Error(`${server.name} could not be measured: ${errorIn(said)}`)
  const report = JSON.parse(output) as BenchReport
  const { failed, failures } = report
  if (failed > 0 && server.name === 'Mortise') throw new Error(`Mortise: ${JSON.stringify(failures)}`)
  const nothing = Object.keys(report.operations).length === 0 && !load.includes('connect')
  const { count, perSecond, latencyMs } =
    report.pieces ?? Object.values(report.operations)[0] ?? report.handshakes
  const { p50, p99 } = latencyMs
  const none = Number.NaN
  const told = failures.map(({ operation, what }) => `${operation}: ${what}`)
  if (nothing) return { perSecond: none, p50: none, p99: none, cpu: none, failed, failures: told }
  return { perSecond, p50: p50 ?? 0, p99: p99 ?? 0, cpu: (used / count) * 1e6, failed, failures: told }
}

/** The message and the hint of a command that failed; all that it said where there is neither. */
function errorIn(said: string): string {
  const json = /^\{"error":.*\}$/m.exec(said)?.[0]
  if (json === undefined) return said
  const { message, hint = '' } = (JSON.parse(json) as { error: { message: string; hint?: string } }).error
  return `${message}. ${hint}`
}

export function median(measures: readonly Measure[]): Measure {
  const of = (pick: (measure: Measure) => number): number => middleOf(measures.map(pick))
  return {
    perSecond: of(({ perSecond }) => perSecond),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    cpu: of(({ cpu }) => cpu),
    failed: of(({ failed }) => failed),
    failures: [...new Set(measures.flatMap(({ failures }) => failures))],
  }
}

export function middleOf(values: readonly number[]): number {
  const measured = values.filter((value) => !Number.isNaN(value))
  return measured.toSorted((a, b) => a - b)[measured.length >> 1] ?? Number.NaN
}
