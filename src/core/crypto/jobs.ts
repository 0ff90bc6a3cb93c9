// Every computation of the pool by its name: pure functions from values to values, and which of them are quick enough for the
// calling thread. Inputs and outputs are plain values with byte strings.

import { randomBytes } from 'node:crypto'
import { cryptoQuickBytes } from './bounds.ts'
import { runApproved } from './approved.ts'
import { agree, decapsulateBy, encapsulateFor, type KemInput } from './asymmetric.ts'
import { derive, takesLong, type DeriveInput } from './derive.ts'
import { generateKeyPair, type KeyPairParameters } from './key-pairs.ts'
import { isLong, isLongKey, quickBytes } from './openings.ts'
import { isSlow } from './post-quantum.ts'
import { writePkcs12 } from './pkcs12.ts'
import { readPkcs12 } from './read-pkcs12.ts'
import { validateChain } from '../pki/validate.ts'
import { join, split, type Join, type Split, type SplitMethod } from './split-key.ts'
import { computeWhole, dropStreams, takePart } from './streams.ts'

/** A longer RSA key is generated in a process of its own. */
export const cryptoRsaBitsInThread = 4_096
/** Work over a longer prime counts as long: checking a prime of 550 bytes takes five seconds. */
export const splitKeyShortPrimeBytes = 256
/** A split of a key over a binary field with more products than this counts as long. */
const splitKeyShortSteps = 4_000_000
/** An agreement in a prime field with a larger private key counts as long. */
export const agreementKeyShortBytes = 1_300
/** A longer chain of certificates counts as long, since each pair may take a verification. */
export const certificateChainShort = 5

/**
 * `quick`: the calling thread does it. `short`: any thread does it. `long`: it may take seconds. `apart`: it may take a minute,
 * so it runs in a process that can be killed. `stream`: the thread of streams does it.
 */
export type CryptoLane = 'quick' | 'short' | 'long' | 'apart' | 'stream'

interface Job {
  run(input: never): unknown
  lane(input: never): CryptoLane
}

const jobs = {
  'generate-key-pair': {
    run: generateKeyPair,
    lane: laneOfKeyPair,
  },
  /** A computation whose data is complete. */
  whole: {
    run: computeWhole,
    lane: ({ opening, data }: Parameters<typeof computeWhole>[0]) =>
      isLong(opening) ? 'long' : (data?.length ?? 0) <= quickBytes(opening) ? 'quick' : 'short',
  },
  /** A computation on one part of a stream's data. */
  part: { run: takePart, lane: () => 'stream' },
  'drop-streams': { run: dropStreams, lane: () => 'stream' },
  derive: {
    run: derive,
    lane: (input: DeriveInput) => (takesLong(input) ? 'long' : 'short'),
  },
  /** Verifies at most one signature for each pair of certificates. */
  'validate-chain': {
    run: ({
      certificates,
      atMs,
    }: {
      readonly certificates: readonly Uint8Array[]
      readonly atMs: number
    }) => ({ validity: validateChain(certificates, atMs) }),
    lane: ({ certificates }: { readonly certificates: readonly Uint8Array[] }) =>
      certificates.length <= certificateChainShort ? 'short' : 'long',
  },
  'write-pkcs12': { run: writePkcs12, lane: () => 'short' },
  /** The file decides how long its derivations take. */
  'read-pkcs12': { run: readPkcs12, lane: () => 'long' },
  /** A number of a prime field may be long. */
  agree: {
    run: agree,
    lane: ({ privateKey }: Parameters<typeof agree>[0]) =>
      privateKey.length <= agreementKeyShortBytes ? 'short' : 'long',
  },
  encapsulate: { run: encapsulateFor, lane: laneOfKem },
  decapsulate: { run: decapsulateBy, lane: laneOfKem },
  random: {
    run: ({ bytes }: { readonly bytes: number }) => ({ data: randomBytes(bytes) as Uint8Array }),
    lane: ({ bytes }: { readonly bytes: number }) => (bytes <= cryptoQuickBytes ? 'quick' : 'short'),
  },
  'split-key': {
    run: split,
    lane: ({ secret, method, parts, threshold }: Split) =>
      laneOfSplit(method, secret.length * parts * threshold),
  },
  'join-key': {
    run: join,
    lane: ({ parts, method, secretBytes }: Join) => laneOfSplit(method, secretBytes * parts.length),
  },
} as const satisfies Record<string, Job>

function laneOfKeyPair(parameters: KeyPairParameters): CryptoLane {
  if (parameters.type === 'rsa') return parameters.bits > cryptoRsaBitsInThread ? 'apart' : 'long'
  return parameters.type === 'quantum-safe' && isSlow(parameters.algorithm) ? 'long' : 'short'
}

function laneOfKem({ key }: KemInput): CryptoLane {
  return isLongKey(key) ? 'long' : 'short'
}

/** `steps`: products in a binary field. Over a prime field most of the time goes into the primality test. */
function laneOfSplit(method: SplitMethod, steps: number): CryptoLane {
  if (method.name === 'xor') return 'quick'
  if (method.name !== 'prime') return steps < 2_000 ? 'quick' : steps <= splitKeyShortSteps ? 'short' : 'long'
  return method.prime >> BigInt(8 * splitKeyShortPrimeBytes) === 0n ? 'short' : 'long'
}

type Jobs = typeof jobs
export type JobName = keyof Jobs
export type JobInput<N extends JobName> = Parameters<Jobs[N]['run']>[0]
export type JobOutput<N extends JobName> = ReturnType<Jobs[N]['run']>

interface AnyJob {
  run(input: unknown): unknown
  lane(input: unknown): CryptoLane
}

/** The table without the types of each job, for a name that is known only at run time. */
const table: Readonly<Record<string, AnyJob>> = jobs

export function runJob(name: JobName, input: unknown): unknown {
  return runApproved(name, () => jobOf(name).run(input))
}

export function laneOf(name: JobName, input: unknown): CryptoLane {
  return jobOf(name).lane(input)
}

function jobOf(name: JobName): AnyJob {
  const job = table[name]
  if (!job) throw new Error(`there is no job ${name}`)
  return job
}
