// What a server's processes take of the machine: the process with a given identifier and all that descend from it. Linux only.

import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = 100
const kibPerMib = 1024

/** Seconds of processor time so far, with threads that have ended. */
export function cpuSeconds(pid: number): number {
  const ticks = treeOf(pid).map(({ fields }) => Number(fields[11]) + Number(fields[12]))
  return sum(ticks) / ticksPerSecond
}

/** MiB. What several processes share counts once (Pss); where the kernel shows that to root only, once for each (Rss). */
export function memoryMiB(pid: number): number {
  return sum(treeOf(pid).map((one) => memoryKib(one.pid))) / kibPerMib
}

function memoryKib(pid: number): number {
  const [file, line] = isReadable(`/proc/${pid}/smaps_rollup`)
    ? [`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m]
    : [`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m]
  return Number(line.exec(read(file))?.[1] ?? 0)
}

interface Process {
  readonly pid: number
  /** Those of /proc/PID/stat after the name: the parent is the second, user and system time the twelfth and thirteenth. */
  readonly fields: readonly string[]
}

function treeOf(root: number): readonly Process[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? processOf(Number(name)) : []))
  const tree = all.filter(({ pid }) => pid === root)
  for (const { pid } of tree) tree.push(...all.filter(({ fields }) => Number(fields[1]) === pid))
  return tree
}

function processOf(pid: number): readonly Process[] {
  const stat = read(`/proc/${pid}/stat`)
  return stat === '' ? [] : [{ pid, fields: stat.slice(stat.lastIndexOf(')') + 2).split(' ') }]
}

function isReadable(file: string): boolean {
  return read(file) !== ''
}

/** Empty if the process has ended meanwhile, or belongs to somebody else. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
