// One attack beside one victim: the victim is timed before it and during it, the server's memory and processor time are
// looked at before, during and after it.

import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { cpuSeconds, residentBytes } from '../process-usage.ts'
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

export interface TrialReport {
  readonly before: VictimReport
  readonly during: VictimReport
  readonly server: ServerReport | undefined
}

const looksEveryMs = 100
/** After the end of the attack the server has this long to be idle; then it is looked at for as long. */
const settleMs = 1_000

export async function tryAttack(options: {
  readonly name: AttackName
  readonly target: Target
  readonly victim: Victim
  readonly durationMs: number
  /** The server's process, where it runs on this machine. */
  readonly pid: number | undefined
}): Promise<TrialReport> {
  const { name, target, victim, durationMs, pid } = options
  const before = await victim.measure(Math.min(durationMs, 2_000))
  const memory = pid === undefined ? undefined : watchMemory(pid)
  const thread = new Worker(new URL('attack-thread.ts', import.meta.url), { workerData: { name, target } })
  const over = once(thread, 'exit')
  const during = await victim.measure(durationMs)
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
  const found: string[] = []
  const times = during.kept.p50 / before.kept.p50
  if (during.kept.failed + during.fresh.failed > 0) found.push('the victim was not answered')
  if (times > keptP50Times)
    found.push(`p50 of Get is ${times.toFixed(1)} times what it was (${keptP50Times} at most)`)
  if (during.fresh.p99 > freshP99Ms)
    found.push(`p99 of a fresh Get is ${during.fresh.p99.toFixed(0)} ms (${freshP99Ms} at most)`)
  if (!server) return found
  const grown = server.mostMB - server.beforeMB
  if (grown > growthMB) found.push(`the server grew by ${grown.toFixed(0)} MB (${growthMB} at most)`)
  if (server.busyAfter > 0.2)
    found.push(
      `the server is busy after the attack (${(server.busyAfter * 100).toFixed(0)} % of a processor)`,
    )
  return found
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
