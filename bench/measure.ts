// One run of load against one of the servers of servers.ts, by `mortise bench` on the other core: what it answered, and what that
// took of the server's processor time.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { BenchReport } from '../src/tools/vsphere/bench.ts'
import { nodeFlags, onCore, type Folder, type Server } from './servers.ts'

export interface Measure {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  /** Microseconds of the server's processor time. */
  readonly cpu: number
  /** Requests that came to nothing. Mortise has none. */
  readonly failed: number
}

/** `load`: options of `mortise bench`. */
export async function measure(
  server: Server,
  folder: Folder,
  seconds: number,
  load: readonly string[],
): Promise<Measure> {
  const main = path.join(import.meta.dirname, '../src/program/main.ts')
  const identity = ['--cert', folder.cert, '--key', folder.key, '--insecure']
  // TLS 1.2, since PyKMIP has no other.
  const how = ['--tls', '1.2', '--duration', String(seconds), '--warm-up', '0.3', '--keys', '50', '--json']
  const words = ['bench', '--server', server.address, ...identity, ...how, ...load]
  const [program, ...args] = onCore(1, process.execPath, ...nodeFlags, main, ...words)
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let before = 0
  let used: number | undefined
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (phase: string) => {
    if (phase.includes('measuring')) before = server.cpuSeconds()
    else if (phase.includes('destroyed')) used = server.cpuSeconds() - before
  })
  const ended = once(child, 'close')
  const output = await text(child.stdout)
  await ended
  used ??= server.cpuSeconds() - before
  const report = JSON.parse(output) as BenchReport
  const { failed, failures } = report
  if (failed > 0 && server.name === 'Mortise') throw new Error(`Mortise: ${JSON.stringify(failures)}`)
  const what = report.pieces ?? Object.values(report.operations)[0] ?? report.handshakes
  const { p50, p99 } = what.latencyMs
  const cpu = (used / what.count) * 1e6
  return { perSecond: what.perSecond, p50: p50 ?? 0, p99: p99 ?? 0, cpu, failed }
}

export function median(measures: readonly Measure[]): Measure {
  const of = (pick: (measure: Measure) => number): number => middleOf(measures.map(pick))
  return {
    perSecond: of(({ perSecond }) => perSecond),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    cpu: of(({ cpu }) => cpu),
    failed: of(({ failed }) => failed),
  }
}

export function middleOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
