// Finds out whether an audit log was altered. It works on the parts of a log, from the store or from an exported file, and needs
// only the public key. The caller passes in hashes and signatures, from Node (verify.ts) or from the browser in the console, so
// both prove by the same rules. It finds entries that were changed, removed, reordered, inserted or cut off, and reports the
// period that the proof covers. It reports the entries after the last checkpoint as not yet proved.
//
// Pruning keeps the number and hash of each writer's last removed entry: the writer's beginning. A beginning counts only if the
// last signed checkpoint names it.

import { counted } from '../../base/text/counted.ts'
import type { MaybePromise } from '../../base/maybe-promise.ts'
import { chainStart, chainText } from './chain-text.ts'
import { isWriterHead, isList, isObject } from './json-shapes.ts'
import type { AuditCheckpoint, StoredAuditEntry, WriterHead } from '../ports/audit.ts'
import type { MarksEnd } from '../ports/marks.ts'

export interface LogParts {
  readonly beginnings: readonly WriterHead[]
  /**
   * The last entries at the time when the reading began, so that an accidentally truncated log is noticed. They are not signed,
   * so they prove nothing.
   */
  readonly ends?: readonly WriterHead[]
  /** In the order of their numbers. */
  readonly checkpoints: readonly AuditCheckpoint[]
  /** Each writer's entries in the order of their numbers. Writers may come in any order. */
  readonly entries: AsyncIterable<StoredAuditEntry> | Iterable<StoredAuditEntry>
}

export interface AuditProof {
  readonly ok: boolean
  /** The findings, in one sentence each. Empty: the log is intact. */
  readonly problems: readonly string[]
  /** The restores that an owner accepted, in one sentence each, with the entries that the owner gave up. */
  readonly restores: readonly string[]
  readonly entries: number
  readonly checkpoints: number
  /** The times of the first and last proved entry. Null: no entry is proved. */
  readonly provedFromMs: number | null
  readonly provedToMs: number | null
  /** Entries after the last checkpoint: chained, but not yet signed. */
  readonly unprovedEntries: number
  /** SHA-256 of the public key, to compare with the one that the server shows. */
  readonly keySha256: string
}

/** The content that a checkpoint signs. */
export interface CheckpointBody {
  readonly number: number
  readonly atMs: number
  readonly heads: readonly WriterHead[]
  /** The beginning of each pruned writer: its last removed entry. */
  readonly beginnings: readonly WriterHead[]
  /** SHA-256 (hex) of the previous checkpoint's body. '' for the first one. */
  readonly previous: string
  /** Only after an accepted restore: the number of the checkpoint before this one. 0: there is none. */
  readonly follows?: number
  /** The highest trust version at which the rows of trust passed their check, so that the next start notices older rows. */
  readonly trustVersion?: number
  /** The end of the marks of destroyed keys. The server compares its list with it. */
  readonly marks?: MarksEnd
  /** Announces the removal of entries older than this: milliseconds since 1970. */
  readonly pruning?: number
  /**
   * With `pruning`: for each writer with old entries, the last entry to remove. Announcements of old versions lack it, or also
   * name the entries of the announcement before.
   */
  readonly pruned?: readonly WriterHead[]
}

/** Computes the hashes of a proof and verifies its signatures. */
export interface ProofCrypto {
  /** Lower-case hex. */
  readonly sha256: (text: string) => MaybePromise<string>
  /** `publicKey`: SPKI, base64. Throws an Error if it is not an Ed25519 key. */
  readonly openKey: (publicKey: string) => MaybePromise<ProofKey>
}

export interface ProofKey {
  readonly sha256: string
  /** Whether this key signed the text; `signature`: Ed25519, base64. */
  readonly hasSigned: (text: string, signature: string) => MaybePromise<boolean>
}

export interface LogTrust {
  /** SPKI, base64. */
  readonly publicKey: string
  /** A copy of a checkpoint that was kept outside. The log must continue it. */
  readonly checkpoint?: AuditCheckpoint
}

export async function proveLog(log: LogParts, trust: LogTrust, crypto: ProofCrypto): Promise<AuditProof> {
  const problems: string[] = []
  const restores: string[] = []
  const key = await crypto.openKey(trust.publicKey)
  const signed = await checkCheckpoints(log.checkpoints, { key, crypto }, { problems, restores })
  if (trust.checkpoint) await checkOutside(trust.checkpoint, log.checkpoints, key, signed, problems)
  const last = signed.at(-1)
  checkBeginnings(log.beginnings, last, problems)
  const chain = await checkChains(log, signed, crypto, problems)
  return {
    ok: problems.length === 0,
    problems,
    restores,
    entries: chain.entries,
    checkpoints: log.checkpoints.length,
    provedFromMs: last ? chain.firstMs : null,
    provedToMs: last ? last.atMs : null,
    unprovedEntries: chain.unproved,
    keySha256: key.sha256,
  }
}

/**
 * Checks the signatures, that the numbers have no gap except at an accepted restore, and that each checkpoint names the one
 * before. Returns the bodies of the genuine checkpoints.
 */
async function checkCheckpoints(
  checkpoints: readonly AuditCheckpoint[],
  { key, crypto }: { readonly key: ProofKey; readonly crypto: ProofCrypto },
  { problems, restores }: { readonly problems: string[]; readonly restores: string[] },
): Promise<readonly CheckpointBody[]> {
  const bodies: CheckpointBody[] = []
  let previous: AuditCheckpoint | undefined
  for (const checkpoint of checkpoints) {
    const body = await genuineBodyBy(checkpoint, key)
    if (!body) {
      problems.push(`checkpoint ${String(checkpoint.number)}: its signature is wrong`)
      previous = undefined
      continue
    }
    const follows = body.follows ?? body.number - 1
    if (previous && follows !== previous.number)
      problems.push(`checkpoints ${String(previous.number + 1)} to ${String(follows)} are missing`)
    else if (previous && body.previous !== (await crypto.sha256(previous.body)))
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
    (left === 0
      ? ''
      : `; ${counted(left, 'later checkpoint, with what it signed for, was', 'later checkpoints, with what they signed for, were')} left behind`)
  )
}

async function genuineBodyBy(
  checkpoint: AuditCheckpoint,
  key: ProofKey,
): Promise<CheckpointBody | undefined> {
  return (await key.hasSigned(checkpoint.body, checkpoint.signature)) ? signedBody(checkpoint) : undefined
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/**
 * The content of a checkpoint whose signature is genuine. Undefined if it was signed under another number, or if the signature
 * has characters that are not base64, which some readers ignore.
 */
export function signedBody(checkpoint: AuditCheckpoint): CheckpointBody | undefined {
  if (!base64.test(checkpoint.signature)) return undefined
  const body = JSON.parse(checkpoint.body) as CheckpointBody
  return body.number === checkpoint.number ? body : undefined
}

/** A checkpoint kept outside must be identical to one of the log. */
async function checkOutside(
  outside: AuditCheckpoint,
  checkpoints: readonly AuditCheckpoint[],
  key: ProofKey,
  signed: readonly CheckpointBody[],
  problems: string[],
): Promise<void> {
  const name = `the checkpoint ${String(outside.number)} that was kept outside`
  if (!(await genuineBodyBy(outside, key))) {
    problems.push(
      `${name} was not signed by this log's key: the log was created again, or the checkpoint is of another server`,
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
    problems.push(
      `${name} is newer than the log's last (${String(newest)}): the end of the log was cut off, or this is an older export`,
    )
  else if (restore)
    problems.push(
      `${name} belongs to the part that a restore discarded, which was accepted with checkpoint ${String(restore.number)}`,
    )
  else problems.push(`${name} is missing from the log`)
}

/** Entries may be missing at the beginning only if a signed checkpoint says that they were pruned. */
function checkBeginnings(
  beginnings: readonly WriterHead[],
  last: CheckpointBody | undefined,
  problems: string[],
): void {
  const signedFor = new Map(last?.beginnings.map((beginning) => [beginning.writer, beginning]))
  for (const { writer, number, hash } of beginnings) {
    const expected = signedFor.get(writer)
    if (number === 0 || (expected?.number === number && expected.hash === hash)) continue
    if (last !== undefined && mayBePruned(last, { writer, number, hash })) continue
    problems.push(
      `writer ${writer}: entries before ${String(number + 1)} were removed, but not by audit prune`,
    )
  }
}

/** Whether the beginning results from the announced prune, which may have been killed before the next checkpoint. */
export function mayBePruned({ pruning, pruned, heads }: CheckpointBody, beginning: WriterHead): boolean {
  const { writer, number, hash } = beginning
  if (pruned) return pruned.some((one) => one.writer === writer && one.number === number && one.hash === hash)
  return pruning !== undefined && heads.some((head) => head.writer === writer && number <= head.number)
}

interface Chain {
  readonly entries: number
  readonly firstMs: number | null
  readonly unproved: number
}

/**
 * Walks each writer's chain from its beginning and compares it with every head that a checkpoint or another writer
 * names.
 */
async function checkChains(
  log: LogParts,
  signed: readonly CheckpointBody[],
  crypto: ProofCrypto,
  problems: string[],
): Promise<Chain> {
  const walks = new Map<string, WriterHead>(log.beginnings.map((beginning) => [beginning.writer, beginning]))
  const vouched = new Vouched(walks, problems)
  for (const { number, heads } of signed)
    for (const head of heads) vouched.add(head, `checkpoint ${String(number)}`)
  for (const end of log.ends ?? []) vouched.add(end, 'the list of last entries')
  const lastSigned = new Map(signed.at(-1)?.heads.map((head) => [head.writer, head.number]))
  let entries = 0
  let unproved = 0
  let firstMs: number | null = null
  const broken = new Set<string>()
  for await (const entry of log.entries) {
    entries++
    const before = walks.get(entry.writer) ?? { writer: entry.writer, number: 0, hash: chainStart }
    const body = bodyOf(entry)
    const hash = await crypto.sha256(chainText(before.hash, entry.body))
    const problem = entryProblem(entry, before, { body, hash }) ?? vouched.problemOf(entry)
    if (problem !== null && !broken.has(entry.writer)) {
      broken.add(entry.writer)
      problems.push(problem)
    }
    if (entry.number > (lastSigned.get(entry.writer) ?? 0)) unproved++
    const atMs = typeof body?.atMs === 'number' ? body.atMs : null
    if (atMs !== null && (firstMs === null || atMs < firstMs)) firstMs = atMs
    walks.set(entry.writer, { writer: entry.writer, number: entry.number, hash: entry.hash })
    // A writer's first entry names the heads of the other writers at that time, so that none of them can be removed as a whole.
    if (entry.number === 1 && isList(body?.others, isWriterHead))
      for (const head of body.others) vouched.add(head, `the first entry of writer ${entry.writer}`)
  }
  problems.push(...vouched.missing())
  return { entries, firstMs, unproved }
}

/**
 * The hashes that signed checkpoints and first entries vouch for. The last checkpoint alone is not enough: it signs whatever the
 * store holds at that moment, even a log that was cut off and rewritten.
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
        `writer ${writer}: entry ${String(number)} differs between ${by} and ${known.by}: it was rewritten`,
      )
    if (!known) this.#hashes.set(place, { hash, by })
    if ((this.#highest.get(writer)?.number ?? 0) < number) this.#highest.set(writer, head)
    // For entries that were already walked or pruned, only each writer's last hash is known. Compare that one now.
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
  { body, hash }: { readonly body: EntryBody | undefined; readonly hash: string },
): string | null {
  const name = `writer ${entry.writer}: entry ${String(entry.number)}`
  if (entry.number <= before.number)
    return `${name} stands after ${String(before.number)}: entries were reordered or duplicated`
  if (entry.number !== before.number + 1)
    return `writer ${entry.writer}: entries ${String(before.number + 1)} to ${String(entry.number - 1)} were removed`
  if (hash !== entry.hash) return `${name} was changed, or the one before it was replaced`
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
