// `adopt probe`: finds out whether the keys that IBM's KMIP for VMware stored in the customer's own Key Protect or HPCS
// instance could be rescued with the root key alone, after the service has ended. It only reads. Key bytes are compared
// in memory, by digest, and overwritten; none is stored or shown.

import { createHash } from 'node:crypto'
import { KmipRefused } from '../kmip-client/errors.ts'
import { RootKeyError, type StandardKeyFound } from '../ports/root-key.ts'
import { broughtBy, wipeAnswer } from './key-bytes.ts'
import type { OldServer } from './old-server.ts'
import { attemptsFor, holds, identifiersOf, namePrefix, type Way } from './wrapping-ways.ts'

/** The service instance, as far as the probe reads it. All calls throw RootKeyError. */
export interface StandardKeySource {
  readonly serviceInstance: string
  list(namePrefix: string): AsyncIterable<readonly StandardKeyFound[]>
  read(id: string): Promise<Uint8Array>
  /** Undefined: the root key did not wrap it so. */
  unwrap(form: { readonly ciphertext: string; readonly aad: readonly string[] }): Promise<Buffer | undefined>
}

export interface ProbeOptions {
  readonly source: StandardKeySource
  /** The old service, while it still answers. */
  readonly live?: Pick<OldServer, 'get'> | undefined
  /** Looks at no more standard keys than this. */
  readonly keysMax?: number | undefined
  readonly onProgress?: (done: number) => void
}

/** Whether the key can be rescued later with the root key alone. */
export type Rescuable = 'yes' | 'no' | 'unknown'

export interface ProbedKey {
  /** As vSphere knows it, as far as the name tells. */
  readonly id: string
  /** The name and id of the standard key. */
  readonly name: string
  readonly standardKey: string
  readonly rescuable: Rescuable
  /** How it opened; null: it did not. */
  readonly way: Way | null
  readonly reason: string
}

export interface ProbeReport {
  readonly keys: readonly ProbedKey[]
  readonly yes: number
  readonly no: number
  readonly unknown: number
  /** In sum: `yes` or `no` if that is so of every key, otherwise `unknown`. */
  readonly rescuable: Rescuable
  /** How many keys each way opened, and how many of these had the bytes that the old service gave. */
  readonly ways: readonly { readonly way: Way; readonly opened: number; readonly equal: number }[]
  /** The way that at least three keys prove and none contradicts; null: there is none. */
  readonly provedBy: Way | null
  /** Whether the old service was asked too. */
  readonly compared: boolean
}

/** Rejects with RootKeyError if the root key or the list refuses, and with KmipTransportError if the old service does not answer. */
export async function probe(options: ProbeOptions): Promise<ProbeReport> {
  const keys: ProbedKey[] = []
  const tallies = new Map<Way, { opened: number; equal: number }>()
  const { source, live, keysMax = Infinity, onProgress } = options
  for await (const page of source.list(namePrefix))
    for (const standardKey of page) {
      if (keys.length >= keysMax) return summary(keys, tallies, live !== undefined)
      const probed = await probeKey(options, standardKey, new Set(tallies.keys()))
      keys.push(probed)
      onProgress?.(keys.length)
      if (probed.way === null) continue
      const tally = tallies.get(probed.way) ?? { opened: 0, equal: 0 }
      tally.opened++
      if (probed.rescuable === 'yes') tally.equal++
      tallies.set(probed.way, tally)
    }
  return summary(keys, tallies, live !== undefined)
}

/** Fewer keys prove nothing: another way may fit the rest. */
const proofKeysMin = 3

function summary(
  keys: readonly ProbedKey[],
  tallies: ReadonlyMap<Way, { readonly opened: number; readonly equal: number }>,
  compared: boolean,
): ProbeReport {
  const count = (wanted: Rescuable) => keys.filter(({ rescuable }) => rescuable === wanted).length
  const [yes, no, unknown] = [count('yes'), count('no'), count('unknown')]
  const ways = [...tallies].map(([way, tally]) => ({ way, ...tally }))
  const [proved, ...others] = ways.filter(({ equal }) => equal >= proofKeysMin)
  const isProved = proved !== undefined && others.length === 0 && proved.equal === proved.opened
  return {
    keys,
    yes,
    no,
    unknown,
    rescuable: sum({ yes, no, all: keys.length }),
    ways,
    provedBy: isProved ? proved.way : null,
    compared,
  }
}

function sum({
  yes,
  no,
  all,
}: {
  readonly yes: number
  readonly no: number
  readonly all: number
}): Rescuable {
  if (all > 0 && yes === all) return 'yes'
  return all > 0 && no === all ? 'no' : 'unknown'
}

async function probeKey(
  { source, live }: ProbeOptions,
  { id: standardKey, name }: StandardKeyFound,
  first: ReadonlySet<Way>,
): Promise<ProbedKey> {
  const [id = name] = identifiersOf(name)
  const about = { id, name, standardKey }
  const payload = await orRefusal(() => source.read(standardKey))
  if (payload instanceof RootKeyError)
    return {
      ...about,
      rescuable: 'unknown',
      way: null,
      reason: `its payload cannot be read: ${payload.message}`,
    }
  let opened: { readonly way: Way; readonly bytes: Buffer } | undefined
  try {
    const stored = { name, payload, serviceInstance: source.serviceInstance }
    for (const { way, ciphertext, aad } of attemptsFor(stored, first)) {
      const bytes = await source.unwrap({ ciphertext, aad })
      if (bytes === undefined) continue
      opened = { way, bytes }
      break
    }
    if (!opened)
      return { ...about, rescuable: 'no', way: null, reason: 'none of the ways that were tried opens it' }
    return { ...about, way: opened.way, ...(await compared(opened.bytes, name, live)) }
  } finally {
    payload.fill(0)
    opened?.bytes.fill(0)
  }
}

/** A refusal of this one standard key. Other errors are thrown: they concern all of them. */
async function orRefusal(read: () => Promise<Uint8Array>): Promise<Uint8Array | RootKeyError> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof RootKeyError && error.reach === 'wrapped-form') return error
    throw error
  }
}

async function compared(
  opened: Buffer,
  name: string,
  live: ProbeOptions['live'],
): Promise<Pick<ProbedKey, 'rescuable' | 'reason'>> {
  if (!live)
    return {
      rescuable: 'unknown',
      reason: 'it opens, but nothing proves that these are the bytes of the key',
    }
  const digest = await liveDigest(live, identifiersOf(name))
  if (typeof digest === 'string')
    return { rescuable: 'unknown', reason: `it opens, but the old service did not give the key: ${digest}` }
  return holds(opened, digest)
    ? { rescuable: 'yes', reason: 'it opens to the bytes that the old service gives' }
    : { rescuable: 'no', reason: 'it opens to other bytes than the old service gives' }
}

/** The SHA-256 of the key's bytes, or why the old service does not give it. */
async function liveDigest(
  live: Pick<OldServer, 'get'>,
  identifiers: readonly string[],
): Promise<Buffer | string> {
  let why = ''
  for (const identifier of identifiers)
    try {
      const answer = await live.get(identifier)
      const brought = broughtBy(answer)
      wipeAnswer(answer)
      if (typeof brought === 'string') return brought
      const { bytes } = brought.material
      const digest = createHash('sha256').update(bytes).digest()
      bytes.fill(0)
      return digest
    } catch (error) {
      if (!(error instanceof KmipRefused)) throw error
      why = error.message
    }
  return why
}
