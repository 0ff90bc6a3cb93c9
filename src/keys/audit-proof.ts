// Whether an audit log was touched: works on the parts of a log, from the store or from an exported file, with
// nothing but the public key. It finds entries that were changed, removed, reordered, put in or cut off, and says
// from when to when the proof reaches. What is younger than the last checkpoint cannot be proved, and it says so.
//
// Pruning keeps, per writer, the number and hash of the last removed entry: its beginning. A beginning is believed
// only when the last signed checkpoint names it.

import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { chainHash, chainStart } from './chain.ts'
import type { AuditCheckpoint, StoredAuditEntry, WriterHead } from './ports.ts'

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
  /** Announces that entries older than this are about to be removed: milliseconds since 1970. */
  readonly pruning?: number
}

export function checkpointBody(checkpoint: AuditCheckpoint): CheckpointBody {
  return JSON.parse(checkpoint.body) as CheckpointBody
}

/** `checkpoint`: one that was kept outside, of which the log must be a continuation. */
export async function verifyLog(
  log: LogParts,
  trust: { readonly publicKey: string; readonly checkpoint?: AuditCheckpoint },
): Promise<AuditProof> {
  const problems: string[] = []
  const keyDer = Buffer.from(trust.publicKey, 'base64')
  const key = createPublicKey({ key: keyDer, format: 'der', type: 'spki' })
  const signed = checkCheckpoints(log.checkpoints, key, problems)
  if (trust.checkpoint) checkOutside(trust.checkpoint, log.checkpoints, key, signed, problems)
  const last = signed.at(-1)
  checkBeginnings(log.beginnings, last, problems)
  const chain = await checkChains(log, signed, problems)
  return {
    ok: problems.length === 0,
    problems,
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
  const head = parseLine(first, 1) as { mortiseAudit?: number; publicKey?: string; beginnings?: WriterHead[] }
  if (head.mortiseAudit !== 1 || head.publicKey === undefined || head.beginnings === undefined)
    throw new Error('this is not an audit export: its first line should begin with {"mortiseAudit":1')
  const checkpoints: AuditCheckpoint[] = []
  const entries: StoredAuditEntry[] = []
  for (const [index, line] of rest.entries()) {
    if (line.trim() === '') continue
    const parsed = parseLine(line, index + 2) as { checkpoint?: AuditCheckpoint; entry?: StoredAuditEntry }
    if (parsed.checkpoint) checkpoints.push(parsed.checkpoint)
    else if (parsed.entry) entries.push(parsed.entry)
    else throw new Error(`line ${String(index + 2)} is neither an entry nor a checkpoint`)
  }
  return { publicKey: head.publicKey, beginnings: head.beginnings, checkpoints, entries }
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new Error(`line ${String(number)} of the export is not JSON`, { cause })
  }
}

/** Signatures, numbers without a gap, and each naming the one before. Returns the bodies that are genuine. */
function checkCheckpoints(
  checkpoints: readonly AuditCheckpoint[],
  key: KeyObject,
  problems: string[],
): readonly CheckpointBody[] {
  const bodies: CheckpointBody[] = []
  let previous: AuditCheckpoint | undefined
  for (const checkpoint of checkpoints) {
    const body = checkSignature(checkpoint, key)
    if (!body) {
      problems.push(`checkpoint ${String(checkpoint.number)}: its signature is wrong`)
      previous = undefined
      continue
    }
    if (previous && body.number !== previous.number + 1)
      problems.push(`checkpoints ${String(previous.number + 1)} to ${String(body.number - 1)} are missing`)
    else if (previous && body.previous !== sha256(previous.body))
      problems.push(`checkpoint ${String(body.number)} does not follow the one before it`)
    else if (!previous && bodies.length === 0 && body.number !== 1)
      problems.push(`checkpoints 1 to ${String(body.number - 1)} are missing`)
    bodies.push(body)
    previous = checkpoint
  }
  return bodies
}

function checkSignature(checkpoint: AuditCheckpoint, key: KeyObject): CheckpointBody | undefined {
  const genuine = verify(null, Buffer.from(checkpoint.body), key, Buffer.from(checkpoint.signature, 'base64'))
  if (!genuine) return undefined
  const body = checkpointBody(checkpoint)
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
  if (!checkSignature(outside, key)) {
    problems.push(
      `${name} was not signed by this log's key: the log was made anew, or the checkpoint is of another server`,
    )
    return
  }
  const inside = checkpoints.find(({ number }) => number === outside.number)
  if (inside && inside.body !== outside.body)
    problems.push(`${name} differs from the log's: the log was rewritten`)
  if (!inside) {
    const newest = signed.at(-1)?.number ?? 0
    problems.push(
      newest < outside.number
        ? `${name} is newer than the log's last (${String(newest)}): the end of the log was cut off`
        : `${name} is missing in the log`,
    )
  }
}

/** Entries may be missing at the beginning only where a signed checkpoint says that they were pruned. */
function checkBeginnings(
  beginnings: readonly WriterHead[],
  last: CheckpointBody | undefined,
  problems: string[],
): void {
  if (last?.pruning !== undefined) return
  const signedFor = new Map(last?.beginnings.map((beginning) => [beginning.writer, beginning]))
  for (const { writer, number, hash } of beginnings) {
    const expected = signedFor.get(writer)
    if (number > 0 && (expected?.number !== number || expected.hash !== hash))
      problems.push(
        `writer ${writer}: entries before ${String(number + 1)} were removed, but not by audit prune`,
      )
  }
}

interface Chain {
  readonly entries: number
  readonly firstMs: number | null
  readonly unproved: number
}

/** Walks each writer's chain from its beginning and meets every head that was signed. */
async function checkChains(
  log: LogParts,
  signed: readonly CheckpointBody[],
  problems: string[],
): Promise<Chain> {
  const walks = new Map<string, WriterHead>(log.beginnings.map((beginning) => [beginning.writer, beginning]))
  const awaited = new Map<string, string>()
  for (const { heads } of signed)
    for (const head of heads) awaited.set(`${head.writer} ${String(head.number)}`, head.hash)
  const lastSigned = new Map(signed.at(-1)?.heads.map((head) => [head.writer, head.number]))
  let entries = 0
  let unproved = 0
  let firstMs: number | null = null
  const broken = new Set<string>()
  for await (const entry of log.entries) {
    entries++
    const before = walks.get(entry.writer) ?? { writer: entry.writer, number: 0, hash: chainStart }
    const problem = entryProblem(entry, before)
    if (problem !== null && !broken.has(entry.writer)) {
      broken.add(entry.writer)
      problems.push(problem)
    }
    const expected = awaited.get(`${entry.writer} ${String(entry.number)}`)
    if (expected !== undefined && expected !== entry.hash && !broken.has(entry.writer)) {
      broken.add(entry.writer)
      problems.push(
        `writer ${entry.writer}: entry ${String(entry.number)} is not the one that was signed for`,
      )
    }
    if (entry.number > (lastSigned.get(entry.writer) ?? 0)) unproved++
    const atMs = atMsOf(entry)
    if (atMs !== null && (firstMs === null || atMs < firstMs)) firstMs = atMs
    walks.set(entry.writer, { writer: entry.writer, number: entry.number, hash: entry.hash })
  }
  for (const head of signed.at(-1)?.heads ?? []) problems.push(...cutOff(head, walks.get(head.writer)))
  return { entries, firstMs, unproved }
}

function entryProblem(entry: StoredAuditEntry, before: WriterHead): string | null {
  const name = `writer ${entry.writer}: entry ${String(entry.number)}`
  if (entry.number <= before.number)
    return `${name} stands after ${String(before.number)}: entries were reordered or doubled`
  if (entry.number !== before.number + 1)
    return `writer ${entry.writer}: entries ${String(before.number + 1)} to ${String(entry.number - 1)} were removed`
  if (chainHash(before.hash, entry.body) !== entry.hash)
    return `${name} was changed, or the one before it was replaced`
  const body = bodyOf(entry)
  if (body?.writer !== entry.writer || body.number !== entry.number)
    return `${name} was moved from another place`
  return null
}

function cutOff(head: WriterHead, end: WriterHead | undefined): readonly string[] {
  if (end && end.number > head.number) return []
  if (end?.number === head.number)
    return end.hash === head.hash ? [] : [`writer ${head.writer}: its last signed entry was replaced`]
  const from = (end?.number ?? 0) + 1
  return [`writer ${head.writer}: entries ${String(from)} to ${String(head.number)} were cut off`]
}

function bodyOf(entry: StoredAuditEntry): { writer?: unknown; number?: unknown; atMs?: unknown } | undefined {
  try {
    return JSON.parse(entry.body) as { writer?: unknown; number?: unknown; atMs?: unknown }
  } catch {
    return undefined
  }
}

function atMsOf(entry: StoredAuditEntry): number | null {
  const atMs = bodyOf(entry)?.atMs
  return typeof atMs === 'number' ? atMs : null
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
