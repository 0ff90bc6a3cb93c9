// `adopt probe`: finds out whether the keys that IBM's KMIP for VMware stored in the customer's own Key Protect or HPCS
// instance could be rescued with the root key alone, after the service has ended. It only reads. Key bytes are compared
// in memory, by digest, and overwritten; none is stored or shown. proof.ts says what stays for later.

import { randomBytes } from 'node:crypto'
import { KmipRefused } from '../../outside/kmip-client/errors.ts'
import { RootKeyError, type StandardKeyEntry } from '../../core/ports/root-key.ts'
import { digestBy, wipeAnswer } from './key-bytes.ts'
import type { OldServer } from './old-server.ts'
import { checkOf, proofKeysMin, type Naming, type Proof, type ProvedWay } from './proof.ts'
import {
  attemptsFor,
  contentWithDigest,
  identifiersOf,
  keyFromContent,
  namePrefix,
  type Content,
  type Way,
} from './wrapping-ways.ts'

/** The service instance, as far as the probe reads it. All calls throw RootKeyError. */
export interface StandardKeySource {
  readonly serviceInstance: string
  /** With the key's id. */
  readonly rootKey: string
  list(namePrefix: string): AsyncIterable<readonly StandardKeyEntry[]>
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
  /** The probe left keys out, because of `keysMax`. */
  readonly more: boolean
  readonly yes: number
  readonly no: number
  readonly unknown: number
  /** Whether this server can open the keys: `yes` or `no` if that is so of every key, otherwise `unknown`. */
  readonly rescuable: Rescuable
  readonly ways: readonly ProbedWay[]
  /** The ways that at least three keys prove and none contradicts. */
  readonly proved: readonly Way[]
  /** Whether the old service was asked too. */
  readonly compared: boolean
}

export interface ProbedWay {
  readonly way: Way
  /** How many keys it opened, and how many of these had the bytes that the old service gave, or others. */
  readonly opened: number
  readonly equal: number
  readonly different: number
}

export interface Probed {
  readonly report: ProbeReport
  /** null: no way is proved. */
  readonly proof: Proof | null
}

/**
 * Rejects with RootKeyError if the root key or the list refuses, and with KmipTransportError if the old service does not
 * answer.
 */
export async function probe(options: ProbeOptions): Promise<Probed> {
  const results = new Results(options.source.rootKey)
  const { source, live, keysMax = Infinity, onProgress } = options
  for await (const page of source.list(namePrefix))
    for (const standardKey of page) {
      if (results.keys.length >= keysMax) return results.sum(live !== undefined, true)
      results.add(await probeKey(options, standardKey, results))
      onProgress?.(results.keys.length)
    }
  return results.sum(live !== undefined, false)
}

/** A key that the old service knows. */
interface Equal {
  readonly content: Content
  readonly naming: Naming
  readonly check: string | undefined
}

interface Result {
  readonly key: ProbedKey
  readonly equal?: Equal | undefined
}

interface TallyOfWay {
  opened: number
  different: number
  /** By how the key is written and named. */
  readonly equal: Map<string, { count: number; readonly so: Pick<ProvedWay, 'content' | 'naming'> }>
}

class Results {
  readonly keys: ProbedKey[] = []
  readonly salt = randomBytes(32).toString('hex')
  readonly #rootKey: string
  readonly #tallies = new Map<Way, TallyOfWay>()
  readonly #checks = new Map<string, string>()

  constructor(rootKey: string) {
    this.#rootKey = rootKey
  }

  /** The ways that opened keys so far. */
  get ways(): ReadonlySet<Way> {
    return new Set(this.#tallies.keys())
  }

  add({ key, equal }: Result): void {
    this.keys.push(key)
    if (key.way === null) return
    const tally = this.#tallies.get(key.way) ?? { opened: 0, different: 0, equal: new Map() }
    this.#tallies.set(key.way, tally)
    tally.opened++
    if (key.rescuable === 'no') tally.different++
    if (!equal) return
    const { content, naming, check } = equal
    const name = `${content} ${naming}`
    const counted = tally.equal.get(name) ?? { count: 0, so: { content, naming } }
    counted.count++
    tally.equal.set(name, counted)
    if (check !== undefined) this.#checks.set(key.id, check)
  }

  sum(compared: boolean, more: boolean): Probed {
    const { keys } = this
    const count = (value: Rescuable) => keys.filter(({ rescuable }) => rescuable === value).length
    const [yes, no, unknown] = [count('yes'), count('no'), count('unknown')]
    const ways = this.#proved()
    const report = {
      keys,
      more,
      yes,
      no,
      unknown,
      rescuable: more ? ('unknown' as const) : rescuableOf({ yes, no, all: keys.length }),
      ways: [...this.#tallies].map(([way, { opened, equal, different }]) => {
        return { way, opened, different, equal: [...equal.values()].reduce((all, one) => all + one.count, 0) }
      }),
      proved: ways.map(({ way }) => way),
      compared,
    }
    const checks = Object.fromEntries(this.#checks)
    const proof = ways.length === 0 ? null : { rootKey: this.#rootKey, ways, salt: this.salt, checks }
    return { report, proof }
  }

  /** A way whose keys are written or named in two ways is not understood. */
  #proved(): readonly ProvedWay[] {
    return [...this.#tallies].flatMap(([way, { different, equal }]): readonly ProvedWay[] => {
      const [only, ...others] = equal.values()
      const isProved = different === 0 && others.length === 0 && only && only.count >= proofKeysMin
      return isProved ? [{ way, ...only.so }] : []
    })
  }
}

function rescuableOf({
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
  { id: standardKey, name }: StandardKeyEntry,
  { ways, salt }: Pick<Results, 'ways' | 'salt'>,
): Promise<Result> {
  const [id = name] = identifiersOf(name)
  const about = { id, name, standardKey }
  const payload = await orRefusal(() => source.read(standardKey))
  if (payload instanceof RootKeyError) {
    const reason = `its payload cannot be read: ${payload.message}`
    return { key: { ...about, rescuable: 'unknown', way: null, reason } }
  }
  const stored = { name, payload, serviceInstance: source.serviceInstance }
  const opened = await openAnyWay(source, stored, { first: ways }).finally(() => payload.fill(0))
  if (!opened)
    return {
      key: { ...about, rescuable: 'no', way: null, reason: 'none of the ways that were tried opens it' },
    }
  try {
    const { way } = opened
    const { equal, ...comparison } = await compared(opened.bytes, { name, live, salt })
    return { key: { ...about, way, ...comparison }, equal }
  } finally {
    opened.bytes.fill(0)
  }
}

/** Undefined: none of the ways opens it. The caller wipes the bytes. */
export async function openAnyWay(
  source: Pick<StandardKeySource, 'unwrap'>,
  ...stored: Parameters<typeof attemptsFor>
): Promise<{ readonly way: Way; readonly bytes: Buffer } | undefined> {
  for (const { way, ciphertext, aad } of attemptsFor(...stored)) {
    const bytes = await source.unwrap({ ciphertext, aad })
    if (bytes !== undefined) return { way, bytes }
  }
  return undefined
}

/** A refusal of this one standard key. Other errors are thrown: they concern all of them. */
export async function orRefusal(read: () => Promise<Uint8Array>): Promise<Uint8Array | RootKeyError> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof RootKeyError && error.reach === 'wrapped-form') return error
    throw error
  }
}

async function compared(
  opened: Buffer,
  { name, live, salt }: { readonly name: string; readonly live: ProbeOptions['live']; readonly salt: string },
): Promise<Pick<ProbedKey, 'rescuable' | 'reason'> & { readonly id?: string; readonly equal?: Equal }> {
  if (!live)
    return {
      rescuable: 'unknown',
      reason: 'it opens, but nothing proves that these are the bytes of the key',
    }
  const there = await liveDigest(live, identifiersOf(name))
  if (typeof there === 'string')
    return { rescuable: 'unknown', reason: `it opens, but the old service did not give the key: ${there}` }
  const { identifier: id, digest } = there
  const content = contentWithDigest(opened, digest)
  if (content === undefined)
    return { id, rescuable: 'no', reason: 'it opens to other bytes than the old service gives' }
  const key = keyFromContent(opened, content)
  const check = key && checkOf(salt, id, key)
  key?.fill(0)
  const naming = id === name ? 'whole name' : 'behind prefix'
  const reason = 'it opens to the bytes that the old service gives'
  return { id, rescuable: 'yes', reason, equal: { content, naming, check } }
}

/** The SHA-256 of the key's bytes under the identifier that the old service knows, or why it does not give it. */
async function liveDigest(
  live: Pick<OldServer, 'get'>,
  identifiers: readonly string[],
): Promise<{ readonly identifier: string; readonly digest: Buffer } | string> {
  let why = ''
  for (const identifier of identifiers)
    try {
      const answer = await live.get(identifier)
      const digest = digestBy(answer)
      wipeAnswer(answer)
      return typeof digest === 'string' ? digest : { identifier, digest }
    } catch (error) {
      if (!(error instanceof KmipRefused)) throw error
      why = error.message
    }
  return why
}
