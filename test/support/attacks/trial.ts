// One attack beside one victim and one administrator, who are timed before it and during it; the server's memory and processor time are
// looked at before, during and after it.

import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { AdminTarget } from '../../../src/doors/http/client.ts'
import { cpuSeconds, residentBytes } from '../server/process-usage.ts'
import { measureAdministrator, type AdministratorReport } from './administrator.ts'
import type { AttackName, Bounds } from './all.ts'
import type { Target } from './target.ts'
import type { Victim, VictimReport } from './victim.ts'

/** What the server had used, where it runs on this machine. */
export interface ServerReport {
  readonly beforeMB: number
  readonly mostMB: number
  readonly afterMB: number
  /** The part of one processor that it used, from one second after the attack's end on. 1: all of it. */
  readonly busyAfter: number
}

/** `administrator`: undefined where no manager's token is known. */
interface Times extends VictimReport {
  readonly administrator: AdministratorReport | undefined
}

export interface TrialReport {
  readonly before: Times
  readonly during: Times
  readonly server: ServerReport | undefined
}

/** Under each attack health answers, and a manager can still block a client: the slowest answers of the administrator. */
const administratorMaxMs: Readonly<Record<keyof AdministratorReport, number>> = { live: 1_000, block: 5_000 }
const looksEveryMs = 100
/** After the end of the attack the server has this long to be idle; then it is looked at for as long. */
const settleMs = 1_000

export async function tryAttack(options: {
  readonly name: AttackName
  readonly target: Target
  readonly victim: Victim
  readonly manager?: AdminTarget | undefined
  readonly durationMs: number
  /** The server's process, where it runs on this machine. */
  readonly pid: number | undefined
}): Promise<TrialReport> {
  const { name, target, victim, manager, durationMs, pid } = options
  const measure = async (forMs: number): Promise<Times> => {
    const [times, administrator] = await Promise.all([
      victim.measure(forMs),
      manager && measureAdministrator(manager, forMs),
    ])
    return { ...times, administrator }
  }
  const before = await measure(Math.min(durationMs, 2_000))
  const memory = pid === undefined ? undefined : watchMemory(pid)
  const thread = new Worker(new URL('attack-thread.ts', import.meta.url), { workerData: { name, target } })
  const over = once(thread, 'exit')
  const during = await measure(durationMs)
  thread.postMessage('stop', [])
  await over
  if (pid === undefined || memory === undefined) return { before, during, server: undefined }
  await wait(settleMs)
  const usedSeconds = cpuSeconds(pid)
  await wait(settleMs)
  const busyAfter = (cpuSeconds(pid) - usedSeconds) / (settleMs / 1_000)
  return { before, during, server: { ...memory(), busyAfter } }
}

/** Sentences that say which bounds were not kept. */
export function broken({ before, during, server }: TrialReport, bounds: Bounds): string[] {
  const { keptP50Times = Infinity, freshP99Ms = Infinity, growthMB = Infinity } = bounds
  const { keptP95Times = Infinity, keptP95Ms = 0 } = bounds
  const found: string[] = []
  const times = during.kept.p50 / before.kept.p50
  if (during.kept.failed + during.fresh.failed > 0) found.push('the victim was not answered')
  if (times > keptP50Times)
    found.push(`p50 of Get is ${times.toFixed(1)} times what it was (${keptP50Times} at most)`)
  const p95Max = Math.max(keptP95Ms, before.kept.p95 * keptP95Times)
  if (during.kept.p95 > p95Max)
    found.push(`p95 of Get is ${during.kept.p95.toFixed(0)} ms (${p95Max.toFixed(0)} at most)`)
  found.push(...late(during.administrator))
  if (during.fresh.p99 > freshP99Ms)
    found.push(`p99 of a fresh Get is ${during.fresh.p99.toFixed(0)} ms (${freshP99Ms} at most)`)
  if (!server) return found
  const grown = server.mostMB - server.beforeMB
  if (grown > growthMB) found.push(`the server grew by ${grown.toFixed(0)} MB (${growthMB} at most)`)
  if (server.busyAfter > (bounds.busyAfter ?? 0.2))
    found.push(
      `the server is busy after the attack (${(server.busyAfter * 100).toFixed(0)} % of a processor)`,
    )
  return found
}

function late(report: AdministratorReport | undefined): string[] {
  return Object.entries(report ?? {}).flatMap(([name, { failed, worst }]) => {
    const most = administratorMaxMs[name as keyof AdministratorReport]
    if (failed > 0) return [`the administrator was not answered (${name})`]
    return worst > most ? [`the slowest answer (${name}) took ${worst.toFixed(0)} ms (${most} at most)`] : []
  })
}

function watchMemory(pid: number): () => Omit<ServerReport, 'busyAfter'> {
  const now = () => residentBytes(pid) / 1024 / 1024
  const beforeMB = now()
  let mostMB = beforeMB
  const look = () => (mostMB = Math.max(mostMB, now()))
  const looking = setInterval(look, looksEveryMs)
  return () => {
    clearInterval(looking)
    look()
    return { beforeMB, mostMB, afterMB: now() }
  }
}
