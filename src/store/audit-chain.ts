// Numbers and chains the audit entries of this writer, inside the transaction of the act that they tell of.
// The head is kept in memory and put into the database once per group; `mark` and `restore` follow savepoints.

import { chainHash, chainStart, entryBody } from '../audit/chain.ts'
import type { AuditEntry, WriterHead } from '../ports/audit.ts'
import { auditHash } from './hashes.ts'
import { number, text } from './row.ts'
import { add, all, get, run, type Steps } from './steps.ts'

/** Entries whose ids differ in the lower ten bits only are a block (audit_blocks). */
export const blockEntries = 1024

interface Mark {
  readonly id: number | null
  /** The id of the last entry in the store. */
  readonly lastEntry: number
  readonly number: number
  readonly hash: string
}

export class AuditChain {
  readonly #writer: string
  readonly #openedMs: number
  #head: Mark = { id: null, lastEntry: 0, number: 0, hash: chainStart }
  #savedNumber = 0
  readonly #blocks = new Map<number, { minMs: number; maxMs: number }>()

  constructor(writer: string, openedMs: number) {
    this.#writer = writer
    this.#openedMs = openedMs
  }

  mark(): Mark {
    return this.#head
  }

  /** The last entry of this writer; null before its first. */
  head(): WriterHead | null {
    const { id, number, hash } = this.#head
    return id === null || number === 0 ? null : { writer: this.#writer, number, hash }
  }

  restore(mark: Mark): void {
    this.#head = mark
  }

  /** Others may have entered something since the last group. */
  *follow(): Steps<void> {
    if (this.#head.id === null) return
    this.#head = { ...this.#head, lastEntry: number((yield* get('lastEntry')) ?? {}, 'entry') }
  }

  *append(entry: AuditEntry): Steps<void> {
    const others = this.#head.id === null ? yield* this.#begin() : undefined
    const { id, lastEntry } = this.#head
    const next = this.#head.number + 1
    const body = entryBody(this.#writer, next, entry, others)
    const hash = chainHash(this.#head.hash, body)
    const place = lastEntry + 1
    const { instanceId, object, actor } = entry
    yield* run(
      'addEntry',
      place,
      id,
      next,
      entry.atMs,
      instanceId === null ? null : auditHash('instance', instanceId),
      object === null ? null : auditHash('object', object),
      actor.certificateSha256 === null ? null : auditHash('certificate', actor.certificateSha256),
      hash,
      body,
    )
    this.#head = { id, lastEntry: place, number: next, hash }
    this.#widenBlock(Math.floor(place / blockEntries), entry.atMs)
  }

  /** To be called before the group commits. */
  *save(): Steps<void> {
    const { id, number, hash } = this.#head
    for (const [block, { minMs, maxMs }] of this.#blocks) yield* run('putBlock', block, minMs, maxMs)
    if (id !== null && number !== this.#savedNumber) yield* run('putHead', number, hash, id)
  }

  /** After the group was committed, or undone and restored. */
  settled(): void {
    this.#blocks.clear()
    this.#savedNumber = this.#head.number
  }

  /**
   * The writer's row, and the heads that no other writer's first entry has named as they stand. A head that was
   * named is covered by the entry that named it, and that by its own writer's head, so naming the rest ties
   * down all: the list does not grow with every start.
   */
  *#begin(): Steps<WriterHead[]> {
    const others: WriterHead[] = []
    for (const row of yield* all('unnamedWriters')) {
      yield* run('nameWriter', number(row, 'id'))
      others.push({ writer: text(row, 'writer'), number: number(row, 'number'), hash: text(row, 'hash') })
    }
    const lastEntry = number((yield* get('lastEntry')) ?? {}, 'entry')
    const id = yield* add('addWriter', this.#writer, this.#openedMs, lastEntry + 1)
    this.#head = { id, lastEntry, number: 0, hash: chainStart }
    return others
  }

  #widenBlock(block: number, atMs: number): void {
    const known = this.#blocks.get(block)
    this.#blocks.set(block, {
      minMs: Math.min(atMs, known?.minMs ?? atMs),
      maxMs: Math.max(atMs, known?.maxMs ?? atMs),
    })
  }
}
