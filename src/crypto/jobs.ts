// Every computation that the pool knows, by name: pure functions from values to values, and which of them are quick enough
// for the thread that asks. Inputs and outputs are plain values with byte strings.

import { generateKeyPair } from './key-pairs.ts'

interface Job {
  run(input: never): unknown
  /** Less than about a tenth of a millisecond: done where it is asked for. */
  isQuick?(input: never): boolean
  /** May take seconds: never on all threads at once. */
  isLong?(input: never): boolean
}

const jobs = {
  'generate-key-pair': {
    run: generateKeyPair,
    isLong: (wanted: Parameters<typeof generateKeyPair>[0]) => wanted.type === 'rsa',
  },
} as const satisfies Record<string, Job>

type Jobs = typeof jobs
export type JobName = keyof Jobs
export type JobInput<N extends JobName> = Parameters<Jobs[N]['run']>[0]
export type JobOutput<N extends JobName> = ReturnType<Jobs[N]['run']>

interface AnyJob {
  run(input: unknown): unknown
  isQuick?(input: unknown): boolean
  isLong?(input: unknown): boolean
}

/** The types are lost here; the table keeps them. */
const table: Readonly<Record<string, AnyJob>> = jobs

export function runJob(name: JobName, input: unknown): unknown {
  return jobOf(name).run(input)
}

export function isQuick(name: JobName, input: unknown): boolean {
  return jobOf(name).isQuick?.(input) ?? false
}

export function isLong(name: JobName, input: unknown): boolean {
  return jobOf(name).isLong?.(input) ?? false
}

function jobOf(name: JobName): AnyJob {
  const job = table[name]
  if (!job) throw new Error(`there is no job ${name}`)
  return job
}
