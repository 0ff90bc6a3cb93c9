// Every computation that the pool knows, by name: pure functions from values to values, and which of them are quick enough
// for the thread that asks. Inputs and outputs are plain values with byte strings.

import { generateKeyPair } from './key-pairs.ts'
import { join, split, type Join, type Split } from './split-key.ts'

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
  'split-key': {
    run: split,
    isQuick: ({ secret, method, parts, threshold }: Split) =>
      method.name === 'xor' || (method.name !== 'prime' && secret.length * parts * threshold < 2_000),
  },
  'join-key': {
    run: join,
    isQuick: ({ parts, method, secretBytes }: Join) =>
      method.name === 'xor' || (method.name !== 'prime' && secretBytes * parts.length < 2_000),
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
