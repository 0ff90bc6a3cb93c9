// Numbers and chains the audit entries of this writer, inside the transaction of the act that they record. AuditChain keeps the head
// (number and hash of the last entry) in memory, and stores it once per transaction. The caller calls `mark` at a savepoint, and
// `restore` when it rolls back to that savepoint.

import { chainHash, chainStart, entryBody } from '../../../core/audit/chain.ts'
import type { AuditEntry, WriterHead } from '../../../core/ports/audit.ts'
import { auditHash } from '../hashes.ts'
import { numberIn, textIn } from '../row.ts'
import { add, all, get, run, type Steps } from '../steps.ts'

/** A block (audit_blocks) is the entries whose ids differ only in the lower ten bits. */
export const blockEntries = 1024

interface ChainHead {
  readonly id: number | null
  /** The id of the last entry in the store. */
  readonly lastEntry: number
  readonly number: number
  readonly hash: string
}

/** The earliest and the latest time of the entries that were added to each block. */
export class BlockTimes {
  readonly #times = new Map<number, { readonly minMs: number; readonly maxMs: number }>()

  widen(place: number, atMs: number): void {
    const block = Math.floor(place / blockEntries)
    const { minMs, maxMs } = this.#times.get(block) ?? { minMs: atMs, maxMs: atMs }
    this.#times.set(block, { minMs: Math.min(atMs, minMs), maxMs: Math.max(atMs, maxMs) })
  }

  *put(): Steps<void> {
    for (const [block, { minMs, maxMs }] of this.#times) yield* run('putBlock', block, minMs, maxMs)
  }

  clear(): void {
    this.#times.clear()
  }
}

interface ChainedEntry {
  /** The entry's id. */
  readonly place: number
  /** The id of its writer. */
  readonly writer: number | null
  readonly number: number
  readonly hash: string
  readonly body: string
}

export function* addEntry(
  { place, writer, number: own, hash, body }: ChainedEntry,
  { atMs, instanceId, object, actor }: AuditEntry,
): Steps<void> {
  yield* run(
    'addEntry',
    place,
    writer,
    own,
    atMs,
    instanceId === null ? null : auditHash('instance', instanceId),
    object === null ? null : auditHash('object', object),
    actor.certificateSha256 === null ? null : auditHash('certificate', actor.certificateSha256),
    hash,
    body,
  )
}

export class AuditChain {
  readonly #writer: string
  readonly #openedMs: number
  #head: ChainHead = { id: null, lastEntry: 0, number: 0, hash: chainStart }
  #savedNumber = 0
  readonly #blocks = new BlockTimes()

  constructor(writer: string, openedMs: number) {
    this.#writer = writer
    this.#openedMs = openedMs
  }

  mark(): ChainHead {
    return this.#head
  }

  /** The last entry of this writer; null before its first. */
  head(): WriterHead | null {
    const { id, number, hash } = this.#head
    return id === null || number === 0 ? null : { writer: this.#writer, number, hash }
  }

  restore(head: ChainHead): void {
    this.#head = head
  }

  /** Reads the id of the last entry in the store: other writers may have added entries since this writer's last transaction. */
  *follow(): Steps<void> {
    if (this.#head.id === null) return
    this.#head = { ...this.#head, lastEntry: numberIn((yield* get('lastEntry')) ?? {}, 'entry') }
  }

  *append(entry: AuditEntry): Steps<void> {
    const others = this.#head.id === null ? yield* this.#begin() : undefined
    const { id, lastEntry } = this.#head
    const next = this.#head.number + 1
    const body = entryBody(this.#writer, next, entry, others)
    const hash = chainHash(this.#head.hash, body)
    const place = lastEntry + 1
    yield* addEntry({ place, writer: id, number: next, hash, body }, entry)
    this.#head = { id, lastEntry: place, number: next, hash }
    this.#blocks.widen(place, entry.atMs)
  }

  /** Call this before the transaction commits. */
  *save(): Steps<void> {
    const { id, number, hash } = this.#head
    yield* this.#blocks.put()
    if (id !== null && number !== this.#savedNumber) yield* run('putHead', number, hash, id)
  }

  /** Call this after the transaction was committed, or after it was rolled back and `restore` was called. */
  settled(): void {
    this.#blocks.clear()
    this.#savedNumber = this.#head.number
  }

  /**
   * Adds the writer's row and returns the heads that no other writer's first entry names as they are now. A head that an entry
   * names is secured by that entry, and that entry is secured by its own writer's head. So naming the remaining heads secures all
   * of them, and the list does not grow with every start.
   */
  *#begin(): Steps<WriterHead[]> {
    const others: WriterHead[] = []
    for (const row of yield* all('unnamedWriters')) {
      yield* run('nameWriter', numberIn(row, 'id'))
      others.push({
        writer: textIn(row, 'writer'),
        number: numberIn(row, 'number'),
        hash: textIn(row, 'hash'),
      })
    }
    const lastEntry = numberIn((yield* get('lastEntry')) ?? {}, 'entry')
    const id = yield* add('addWriter', this.#writer, this.#openedMs, lastEntry + 1)
    this.#head = { id, lastEntry, number: 0, hash: chainStart }
    return others
  }
}
