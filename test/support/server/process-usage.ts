// What a process on this machine has used: memory and processor time, from /proc. Linux only.

import { readFileSync } from 'node:fs'

const ticksPerSecond = 100

/** With all its threads, also those that have ended. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user = 0, system = 0] = afterName.slice(11, 13).map(Number)
  return (user + system) / ticksPerSecond
}

/** The memory that it holds, in bytes (resident set size). */
export function residentBytes(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}
