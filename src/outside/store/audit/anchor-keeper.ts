// Keeps the anchor while the store is open. It compares the anchor with the database, then writes into the anchor how far the
// database is synced. An anchor that cannot be written only lags behind, so an error is logged and does not end a commit. With SQLite
// this code runs on the writer's thread. With PostgreSQL it runs on the thread that serves requests, and Node's pool of threads does
// the writing (`noteAside`). anchor-file.ts knows where the slots lie; core/audit/anchor.ts knows what they say.

import { createHash, type KeyObject } from 'node:crypto'
import { encodeSlot, judgeAnchor, newestAnchor, type StoreFacts } from '../../../core/audit/anchor.ts'
import { furtherEnd } from '../../../core/audit/marks.ts'
import type { Anchor, AnchorPosition, AnchorVerdict, Timeline } from '../../../core/ports/anchor.ts'
import type { WriterHead } from '../../../core/ports/audit.ts'
import type { MarksEnd } from '../../../core/ports/marks.ts'
import { AnchorFile } from './anchor-file.ts'
import { numberIn, textIn } from '../row.ts'
import { marksEndOf } from '../rows.ts'
import { all, get, type Steps } from '../steps.ts'

/** The most heads of writers that a slot of the anchor can hold. */
export const anchorHeadsMax = 16

/** A position, with its place among the commits of this run. */
export interface OrderedPosition extends AnchorPosition {
  readonly order: number
}

export class AnchorKeeper {
  readonly #file: AnchorFile
  readonly #key: KeyObject
  readonly #onTrouble: (message: string) => void
  #sequence: number
  #order = -1
  #failing = false
  /** The position that `noteAside` writes next. */
  #next: { readonly position: OrderedPosition; readonly settles: boolean } | undefined
  #writing: Promise<void> | undefined

  private constructor(
    file: AnchorFile,
    key: KeyObject,
    sequence: number,
    onTrouble: (message: string) => void,
  ) {
    this.#file = file
    this.#key = key
    this.#sequence = sequence
    this.#onTrouble = onTrouble
  }

  /**
   * Compares the anchor with the database. `needed`: an anchor must exist. `timeline`: the timeline of the PostgreSQL server that
   * answers. `replaced`: see judgeAnchor. Throws the system's error.
   */
  static *look(
    file: string,
    key: KeyObject,
    needed: boolean,
    {
      timeline = null,
      replaced = [],
    }: { readonly timeline?: Timeline | null; readonly replaced?: readonly KeyObject[] } = {},
  ): Steps<AnchorVerdict> {
    const slots = AnchorFile.read(file)
    const newest = slots && newestAnchor(slots, key)
    const facts = newest && (yield* factsFor(newest.anchor))
    const withTimeline = () => ({ ...(facts ?? nothing), ...(timeline && { timeline }) })
    return judgeAnchor(slots, key, needed, withTimeline, replaced)
  }

  /**
   * Begins to write into the present file, or into a new one with `isNewFile` or if the present file has no valid slot. Everything
   * that `position` names must be on the disk. Throws the system's error.
   */
  static start(
    options: {
      readonly file: string
      readonly key: KeyObject
      readonly isNewFile: boolean
      readonly onTrouble: (message: string) => void
    },
    position: OrderedPosition,
  ): AnchorKeeper {
    const { file, key, isNewFile, onTrouble } = options
    const slots = isNewFile ? null : AnchorFile.read(file)
    const newest = slots && newestAnchor(slots, key)
    if (!newest) {
      const made = AnchorFile.create(file, encodeSlot({ ...position, sequence: 1 }, key))
      const keeper = new AnchorKeeper(made, key, 1, onTrouble)
      keeper.#order = position.order
      return keeper
    }
    const opened = AnchorFile.open(file, newest.slot)
    const keeper = new AnchorKeeper(opened, key, newest.anchor.sequence, onTrouble)
    keeper.note(position)
    keeper.settle()
    return keeper
  }

  /** Call this once everything up to `position` is on the disk. A position that is not newer than the last one is ignored. */
  note(position: OrderedPosition): void {
    if (position.order <= this.#order) return
    this.#attempt(() => {
      this.#file.write(this.#encode(position))
      this.#noted(position)
    })
  }

  /** Brings the anchor itself to the disk. Until then a power loss may bring back the anchor before it. */
  settle(): void {
    this.#attempt(() => this.#file.settle())
  }

  /**
   * Like `note`, but a thread of Node's pool writes, so that a slow disk does not hold up the caller. If several positions arrive
   * during a write, only the newest is written next. `settles`: bring the anchor itself to the disk too.
   */
  noteAside(position: OrderedPosition, settles: boolean): void {
    if (position.order <= this.#order) return
    this.#next = { position, settles: settles || this.#next?.settles === true }
    this.#writing ??= this.#writeNext().finally(() => (this.#writing = undefined))
  }

  /** Resolves once the positions that `noteAside` received are on the disk and the file is closed. */
  async end(): Promise<void> {
    await this.#writing
    this.settle()
    this.close()
  }

  close(): void {
    this.#file.close()
  }

  async #writeNext(): Promise<void> {
    while (this.#next) {
      const { position, settles } = this.#next
      this.#next = undefined
      try {
        await this.#file.writeAside(this.#encode(position))
        this.#noted(position)
        if (settles) await this.#file.settleAside()
      } catch (error) {
        this.#tell(error)
      }
    }
  }

  #encode(position: OrderedPosition): Buffer {
    return encodeSlot({ ...position, sequence: this.#sequence + 1 }, this.#key)
  }

  #noted({ order }: OrderedPosition): void {
    this.#sequence++
    this.#order = order
    this.#failing = false
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#tell(error)
    }
  }

  #tell(error: unknown): void {
    if (!this.#failing)
      this.#onTrouble(
        `the anchor beside the database cannot be written (${String(error)}): until it can be, setting the ` +
          'database back to this moment would not be noticed',
      )
    this.#failing = true
  }
}

/** Whether a server has ever served with the store. */
export function* isUsed(): Steps<boolean> {
  return numberIn((yield* get('used')) ?? {}, 'used') === 1
}

/** Trust version, last checkpoint and end of the marks, as the database has them, including the running transaction. */
export function* storedPosition(): Steps<Omit<AnchorPosition, 'heads'>> {
  const row = (yield* get('position')) ?? {}
  return {
    trustVersion: numberIn(row, 'trustVersion'),
    checkpoint:
      row['body'] === null ? null : { number: numberIn(row, 'number'), sha256: sha256(textIn(row, 'body')) },
    marks:
      row['markNumber'] === null
        ? null
        : marksEndOf({ number: row['markNumber'], digest: row['markDigest'] }),
  }
}

/** The position of a run before its first commit. `marks`: the furthest known end of the marks. */
export function* storedStart(marks: MarksEnd | null): Steps<OrderedPosition> {
  const stored = yield* storedPosition()
  return { ...stored, heads: yield* storedHeads(), marks: furtherEnd(marks, stored.marks), order: 0 }
}

/** The heads that earlier writers left: mostly one, and never more than fit into a slot. */
function* storedHeads(): Steps<readonly WriterHead[]> {
  const rows = (yield* all('unnamedWriters')).slice(-anchorHeadsMax)
  return rows.map((row) => ({
    writer: textIn(row, 'writer'),
    number: numberIn(row, 'number'),
    hash: textIn(row, 'hash'),
  }))
}

const nothing: StoreFacts = { trustVersion: 0, lastCheckpoint: 0, checkpointSha256: null, heads: [] }

function* factsFor({ checkpoint, heads }: Anchor): Steps<StoreFacts> {
  const facts: StoreFacts['heads'][number][] = []
  for (const head of heads) facts.push(yield* headFacts(head))
  return {
    trustVersion: numberIn((yield* get('trustVersion')) ?? {}, 'version'),
    lastCheckpoint: numberIn((yield* get('lastCheckpoint')) ?? {}, 'number'),
    checkpointSha256: checkpoint && (yield* checkpointSha256(checkpoint.number)),
    heads: facts,
  }
}

function* checkpointSha256(checkpoint: number): Steps<string | null> {
  const row = yield* get('checkpointBody', checkpoint)
  return row ? sha256(textIn(row, 'body')) : null
}

function sha256(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}

function* headFacts(head: WriterHead): Steps<StoreFacts['heads'][number]> {
  const row = yield* get('writerRow', head.writer)
  if (!row) return { last: 0, hash: null, prunedTo: 0 }
  const prunedTo = numberIn(row, 'beginNumber')
  const entry = yield* get('entryOfNumber', head.number, numberIn(row, 'id'))
  const hash = prunedTo === head.number ? textIn(row, 'beginHash') : entry ? textIn(entry, 'hash') : null
  return { last: numberIn(row, 'number'), hash, prunedTo }
}
