// Whether an audit log was touched: works on the parts of a log, from the store or from an exported file, with
// nothing but the public key. It finds entries that were changed, removed, reordered, put in or cut off, and says
// from when to when the proof reaches. What is younger than the last checkpoint cannot be proved, and it says so.
//
// Pruning keeps, per writer, the number and hash of the last removed entry: its beginning. A beginning is believed
// only when the last signed checkpoint names it.

import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { chainHash, chainStart } from './chain.ts'
import type { AuditCheckpoint, StoredAuditEntry, WriterHead } from '../ports/audit.ts'

export interface LogParts {
  readonly beginnings: readonly WriterHead[]
  /** In the order of their numbers. */
  readonly checkpoints: readonly AuditCheckpoint[]
  /** In any order between writers; each writer's in the order of their numbers. */
  readonly entries: AsyncIterable<StoredAuditEntry> | Iterable<StoredAuditEntry>
}

export interface AuditProof {
  readonly ok: boolean
  /** What was found, one sentence each; empty when the log is whole. */
  readonly problems: readonly string[]
  /** Restores that an owner accepted, one sentence each: what is missing since then was given up openly. */
  readonly restores: readonly string[]
  readonly entries: number
  readonly checkpoints: number
  /** The proof reaches over entries written in this time; null when there is none. */
  readonly provedFromMs: number | null
  readonly provedToMs: number | null
  /** Entries younger than the last checkpoint: chained, but not yet signed for. */
  readonly unprovedEntries: number
  /** SHA-256 of the public key, to compare with the one the server shows. */
  readonly keySha256: string
}

/** What a checkpoint signs. */
export interface CheckpointBody {
  readonly number: number
  readonly atMs: number
  readonly heads: readonly WriterHead[]
  /** Where each pruned writer's entries begin: the last one that was removed. */
  readonly beginnings: readonly WriterHead[]
  /** SHA-256 of the body of the checkpoint before, hex; '' for the first. */
  readonly previous: string
  /** A restore was accepted at this checkpoint: the number of the one before, 0 for none. */
  readonly follows?: number
  /** The highest version of the trusted rows that was seen whole: older ones put back are noticed at the next start. */
  readonly trustVersion?: number
  /** Announces that entries older than this are about to be removed: milliseconds since 1970. */
  readonly pruning?: number
}

/** `checkpoint`: one that was kept outside, of which the log must be a continuation. */
export async function verifyLog(
  log: LogParts,
  trust: { readonly publicKey: string; readonly checkpoint?: AuditCheckpoint },
): Promise<AuditProof> {
  const problems: string[] = []
  const restores: string[] = []
  const keyDer = Buffer.from(trust.publicKey, 'base64')
  const key = createPublicKey({ key: keyDer, format: 'der', type: 'spki' })
  const signed = checkCheckpoints(log.checkpoints, key, { problems, restores })
  if (trust.checkpoint) checkOutside(trust.checkpoint, log.checkpoints, key, signed, problems)
  const last = signed.at(-1)
  checkBeginnings(log.beginnings, last, problems)
  const chain = await checkChains(log, signed, problems)
  return {
    ok: problems.length === 0,
    problems,
    restores,
    entries: chain.entries,
    checkpoints: log.checkpoints.length,
    provedFromMs: last ? chain.firstMs : null,
    provedToMs: last ? last.atMs : null,
    unprovedEntries: chain.unproved,
    keySha256: createHash('sha256').update(keyDer).digest('hex'),
  }
}

/** The first line of an export. */
export function exportHead(publicKey: string, beginnings: readonly WriterHead[], atMs: number): string {
  return JSON.stringify({ mortiseAudit: 1, publicKey, beginnings, exported: new Date(atMs).toISOString() })
}

/** Reads an export back into its parts. Error with the line number when a line is not one of an export. */
export function parseExport(lines: readonly string[]): LogParts & { readonly publicKey: string } {
  const [first = '', ...rest] = lines
  const { mortiseAudit, publicKey, beginnings } = parseLine(first, 1)
  if (mortiseAudit !== 1 || typeof publicKey !== 'string' || !isList(beginnings, isHead))
    throw new Error('this is not an audit export: its first line should begin with {"mortiseAudit":1')
  const checkpoints: AuditCheckpoint[] = []
  const entries: StoredAuditEntry[] = []
  for (const [index, line] of rest.entries()) {
    if (line.trim() === '') continue
    const { checkpoint, entry } = parseLine(line, index + 2)
    if (isCheckpoint(checkpoint)) checkpoints.push(checkpoint)
    else if (isEntry(entry)) entries.push(entry)
    else throw new Error(`line ${String(index + 2)} is neither an entry nor a checkpoint`)
  }
  return { publicKey, beginnings, checkpoints, entries }
}

function parseLine(line: string, number: number): Readonly<Record<string, unknown>> {
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (cause) {
    throw new Error(`line ${String(number)} of the export is not JSON`, { cause })
  }
  return isObject(parsed) ? parsed : {}
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isList<T>(value: unknown, isOne: (one: unknown) => one is T): value is readonly T[] {
  return Array.isArray(value) && value.every(isOne)
}

function isHead(value: unknown): value is WriterHead {
  return isObject(value) && hasTypes(value, { writer: 'string', number: 'number', hash: 'string' })
}

function isEntry(value: unknown): value is StoredAuditEntry {
  return isHead(value) && hasTypes(value, { body: 'string' })
}

function isCheckpoint(value: unknown): value is AuditCheckpoint {
  return isObject(value) && hasTypes(value, { number: 'number', body: 'string', signature: 'string' })
}

function hasTypes(value: object, types: Readonly<Record<string, string>>): boolean {
  return Object.entries(types).every(([field, type]) => typeof Reflect.get(value, field) === type)
}

/**
 * Signatures, numbers without a gap but where a restore was accepted, and each naming the one before. Returns the bodies
 * that are genuine.
 */
function checkCheckpoints(
  checkpoints: readonly AuditCheckpoint[],
  key: KeyObject,
  { problems, restores }: { readonly problems: string[]; readonly restores: string[] },
): readonly CheckpointBody[] {
  const bodies: CheckpointBody[] = []
  let previous: AuditCheckpoint | undefined
  for (const checkpoint of checkpoints) {
    const body = genuineBody(checkpoint, key)
    if (!body) {
      problems.push(`checkpoint ${String(checkpoint.number)}: its signature is wrong`)
      previous = undefined
      continue
    }
    const follows = body.follows ?? body.number - 1
    if (previous && follows !== previous.number)
      problems.push(`checkpoints ${String(previous.number + 1)} to ${String(follows)} are missing`)
    else if (previous && body.previous !== sha256(previous.body))
      problems.push(`checkpoint ${String(body.number)} does not follow the one before it`)
    else if (!previous && bodies.length === 0 && follows !== 0)
      problems.push(`checkpoints 1 to ${String(follows)} are missing`)
    if (body.follows !== undefined) restores.push(acceptedRestore(body, follows))
    bodies.push(body)
    previous = checkpoint
  }
  return bodies
}

function acceptedRestore({ number, atMs }: CheckpointBody, follows: number): string {
  const left = number - follows - 1
  return (
    `at ${new Date(atMs).toISOString()} a restore was accepted: the log goes on from checkpoint ${String(follows)}` +
    (left > 0 ? `; ${String(left)} later checkpoints, with what they signed for, were left behind` : '')
  )
}

/** What the checkpoint says; undefined when it was not signed by this key. */
export function genuineBody(checkpoint: AuditCheckpoint, key: KeyObject): CheckpointBody | undefined {
  const genuine = verify(null, Buffer.from(checkpoint.body), key, Buffer.from(checkpoint.signature, 'base64'))
  if (!genuine) return undefined
  const body = JSON.parse(checkpoint.body) as CheckpointBody
  return body.number === checkpoint.number ? body : undefined
}

/** A checkpoint kept outside must be one of the log's, to the letter. */
function checkOutside(
  outside: AuditCheckpoint,
  checkpoints: readonly AuditCheckpoint[],
  key: KeyObject,
  signed: readonly CheckpointBody[],
  problems: string[],
): void {
  const name = `the checkpoint ${String(outside.number)} that was kept outside`
  if (!genuineBody(outside, key)) {
    problems.push(
      `${name} was not signed by this log's key: the log was made anew, or the checkpoint is of another server`,
    )
    return
  }
  const inside = checkpoints.find(({ number }) => number === outside.number)
  if (inside && inside.body !== outside.body)
    problems.push(`${name} differs from the log's: the log was rewritten`)
  if (inside) return
  const newest = signed.at(-1)?.number ?? 0
  const restore = signed.find(
    ({ number, follows = number }) => follows < outside.number && outside.number < number,
  )
  if (newest < outside.number)
    problems.push(`${name} is newer than the log's last (${String(newest)}): the end of the log was cut off`)
  else if (restore)
    problems.push(
      `${name} is of what a restore left behind that was accepted with checkpoint ${String(restore.number)}`,
    )
  else problems.push(`${name} is missing in the log`)
}

/** Entries may be missing at the beginning only where a signed checkpoint says that they were pruned. */
function checkBeginnings(
  beginnings: readonly WriterHead[],
  last: CheckpointBody | undefined,
  problems: string[],
): void {
  const signedFor = new Map(last?.beginnings.map((beginning) => [beginning.writer, beginning]))
  for (const { writer, number, hash } of beginnings) {
    const expected = signedFor.get(writer)
    if (number === 0 || (expected?.number === number && expected.hash === hash)) continue
    if (last !== undefined && mayBePruned(last, writer, number)) continue
    problems.push(
      `writer ${writer}: entries before ${String(number + 1)} were removed, but not by audit prune`,
    )
  }
}

/** A prune that was announced and perhaps killed half way removes nothing beyond the heads of its announcement. */
export function mayBePruned({ pruning, heads }: CheckpointBody, writer: string, number: number): boolean {
  return pruning !== undefined && heads.some((head) => head.writer === writer && number <= head.number)
}

interface Chain {
  readonly entries: number
  readonly firstMs: number | null
  readonly unproved: number
}

/** Walks each writer's chain from its beginning and meets every head that somebody vouched for. */
async function checkChains(
  log: LogParts,
  signed: readonly CheckpointBody[],
  problems: string[],
): Promise<Chain> {
  const walks = new Map<string, WriterHead>(log.beginnings.map((beginning) => [beginning.writer, beginning]))
  const vouched = new Vouched(walks, problems)
  for (const { number, heads } of signed)
    for (const head of heads) vouched.add(head, `checkpoint ${String(number)}`)
  const lastSigned = new Map(signed.at(-1)?.heads.map((head) => [head.writer, head.number]))
  let entries = 0
  let unproved = 0
  let firstMs: number | null = null
  const broken = new Set<string>()
  for await (const entry of log.entries) {
    entries++
    const before = walks.get(entry.writer) ?? { writer: entry.writer, number: 0, hash: chainStart }
    const body = bodyOf(entry)
    const problem = entryProblem(entry, before, body) ?? vouched.problemOf(entry)
    if (problem !== null && !broken.has(entry.writer)) {
      broken.add(entry.writer)
      problems.push(problem)
    }
    if (entry.number > (lastSigned.get(entry.writer) ?? 0)) unproved++
    const atMs = typeof body?.atMs === 'number' ? body.atMs : null
    if (atMs !== null && (firstMs === null || atMs < firstMs)) firstMs = atMs
    walks.set(entry.writer, { writer: entry.writer, number: entry.number, hash: entry.hash })
    // A writer's first entry names the heads of those that it saw, so that none can be taken out whole.
    if (entry.number === 1 && isList(body?.others, isHead))
      for (const head of body.others) vouched.add(head, `the first entry of writer ${entry.writer}`)
  }
  problems.push(...vouched.missing())
  return { entries, firstMs, unproved }
}

/**
 * What each writer's entries must be by the word of others: the heads of every signed checkpoint, not of the last alone,
 * since a checkpoint signs what the store holds at that moment, cut off and rewritten or not.
 */
class Vouched {
  readonly #walks: ReadonlyMap<string, WriterHead>
  readonly #problems: string[]
  readonly #hashes = new Map<string, { readonly hash: string; readonly by: string }>()
  readonly #highest = new Map<string, WriterHead>()

  constructor(walks: ReadonlyMap<string, WriterHead>, problems: string[]) {
    this.#walks = walks
    this.#problems = problems
  }

  add(head: WriterHead, by: string): void {
    const { writer, number, hash } = head
    if (number === 0) return
    const place = `${writer} ${String(number)}`
    const known = this.#hashes.get(place)
    if (known && known.hash !== hash)
      this.#problems.push(
        `writer ${writer}: entry ${String(number)} was another for ${by} than for ${known.by}: it was rewritten`,
      )
    if (!known) this.#hashes.set(place, { hash, by })
    if ((this.#highest.get(writer)?.number ?? 0) < number) this.#highest.set(writer, head)
    // Of what was walked before, or pruned, the last entry is known.
    const walked = this.#walks.get(writer)
    const problem = walked ? this.problemOf(walked) : null
    if (problem !== null) this.#problems.push(problem)
  }

  problemOf({ writer, number, hash }: WriterHead): string | null {
    const expected = this.#hashes.get(`${writer} ${String(number)}`)
    if (expected === undefined || expected.hash === hash) return null
    return `writer ${writer}: entry ${String(number)} is not the one that ${expected.by} vouches for`
  }

  missing(): readonly string[] {
    return [...this.#highest.values()].flatMap(({ writer, number }) => {
      const end = this.#walks.get(writer)?.number ?? 0
      if (end >= number) return []
      return [`writer ${writer}: entries ${String(end + 1)} to ${String(number)} were cut off`]
    })
  }
}

function entryProblem(
  entry: StoredAuditEntry,
  before: WriterHead,
  body: EntryBody | undefined,
): string | null {
  const name = `writer ${entry.writer}: entry ${String(entry.number)}`
  if (entry.number <= before.number)
    return `${name} stands after ${String(before.number)}: entries were reordered or doubled`
  if (entry.number !== before.number + 1)
    return `writer ${entry.writer}: entries ${String(before.number + 1)} to ${String(entry.number - 1)} were removed`
  if (chainHash(before.hash, entry.body) !== entry.hash)
    return `${name} was changed, or the one before it was replaced`
  if (body?.writer !== entry.writer || body.number !== entry.number)
    return `${name} was moved from another place`
  return null
}

interface EntryBody {
  readonly writer?: unknown
  readonly number?: unknown
  readonly atMs?: unknown
  readonly others?: unknown
}

function bodyOf({ body }: StoredAuditEntry): EntryBody | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    return isObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
