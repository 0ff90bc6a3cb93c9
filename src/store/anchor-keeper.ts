// Keeps the anchor while the store is open: compares it with the database, then writes into it how far the database
// is synced. An anchor that cannot be written only lags behind, so trouble with it is told and never ends a commit.
// Runs on the writer's thread; where the slots lie is anchor-file.ts's business, what they say audit/anchor.ts's.

import { createHash, type KeyObject } from 'node:crypto'
import { encodeSlot, judgeAnchor, newestAnchor, type StoreFacts } from '../audit/anchor.ts'
import { limits } from '../limits.ts'
import type { Anchor, AnchorPosition, AnchorVerdict } from '../ports/anchor.ts'
import type { WriterHead } from '../ports/audit.ts'
import { AnchorFile } from './anchor-file.ts'
import type { writeSql } from './sql.ts'
import { number, orNull, text, type Statements } from './statements.ts'

type WriteStatements = Statements<keyof typeof writeSql>

/** A position with its place in the order of the commits of this run. */
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

  /** `needed`: the store must have an anchor, whatever is in it. Throws the system's error. */
  static look(file: string, key: KeyObject, needed: boolean, s: WriteStatements): AnchorVerdict {
    const used = needed || number(s.get('used') ?? {}, 'used') === 1
    return judgeAnchor(AnchorFile.read(file), key, used, (anchor) => factsFor(s, anchor))
  }

  /**
   * Begins to write into the file that is there, or with `anew` into another one. All of `position` must be on the
   * disk. Throws the system's error.
   */
  static start(
    options: {
      readonly file: string
      readonly key: KeyObject
      readonly anew: boolean
      readonly onTrouble: (message: string) => void
    },
    position: OrderedPosition,
  ): AnchorKeeper {
    const { file, key, anew, onTrouble } = options
    const slots = anew ? null : AnchorFile.read(file)
    const found = slots && newestAnchor(slots, key)
    if (!found) {
      const made = AnchorFile.create(file, encodeSlot({ ...position, sequence: 1 }, key))
      const keeper = new AnchorKeeper(made, key, 1, onTrouble)
      keeper.#order = position.order
      return keeper
    }
    const opened = AnchorFile.open(file, found.slot)
    const keeper = new AnchorKeeper(opened, key, found.anchor.sequence, onTrouble)
    keeper.note(position)
    keeper.settle()
    return keeper
  }

  /** All up to `position` is on the disk. A position that an earlier call went beyond is no news. */
  note(position: OrderedPosition): void {
    if (position.order <= this.#order) return
    this.#attempt(() => {
      this.#file.write(encodeSlot({ ...position, sequence: this.#sequence + 1 }, this.#key))
      this.#sequence++
      this.#order = position.order
      this.#failing = false
    })
  }

  /** Brings the anchor itself to the disk: until then power loss may bring back the one before. */
  settle(): void {
    this.#attempt(() => this.#file.settle())
  }

  close(): void {
    this.#file.close()
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!this.#failing)
        this.#onTrouble(
          `the anchor beside the database cannot be written (${String(error)}): until it can be, setting the ` +
            'database back to this moment would not be noticed',
        )
      this.#failing = true
    }
  }
}

/** Trust version and last checkpoint, as they are in the database or will be with the transaction that runs. */
export function storedPosition(s: WriteStatements): Omit<AnchorPosition, 'heads'> {
  const last = number(s.get('lastCheckpoint') ?? {}, 'number')
  const body = checkpointSha256(s, last)
  return {
    trustVersion: number(s.get('trustVersion') ?? {}, 'version'),
    checkpoint: body === null ? null : { number: last, sha256: body },
  }
}

/** The heads that writers before this one left: mostly one, and never more than fit a slot. */
export function storedHeads(s: WriteStatements): readonly WriterHead[] {
  const rows = s.all('unnamedWriters').slice(-limits.anchorHeadsMax)
  return rows.map((row) => ({
    writer: text(row, 'writer'),
    number: number(row, 'number'),
    hash: text(row, 'hash'),
  }))
}

function factsFor(s: WriteStatements, { checkpoint, heads }: Anchor): StoreFacts {
  return {
    trustVersion: number(s.get('trustVersion') ?? {}, 'version'),
    lastCheckpoint: number(s.get('lastCheckpoint') ?? {}, 'number'),
    checkpointSha256: checkpoint && checkpointSha256(s, checkpoint.number),
    heads: heads.map((head) => headFacts(s, head)),
  }
}

function checkpointSha256(s: WriteStatements, checkpoint: number): string | null {
  const row = s.get('checkpointBody', checkpoint)
  return row ? createHash('sha256').update(text(row, 'body')).digest('hex') : null
}

function headFacts(s: WriteStatements, head: WriterHead): StoreFacts['heads'][number] {
  const row = s.get('writerRow', head.writer)
  if (!row) return { last: 0, hash: null, prunedTo: 0 }
  const prunedTo = number(row, 'beginNumber')
  const entry = number(row, 'firstEntry') + head.number - 1
  const found = s.get('headEntry', entry, number(row, 'id'), head.number)
  const hash = prunedTo === head.number ? text(row, 'beginHash') : found ? orNull(found, 'hash', text) : null
  return { last: number(row, 'number'), hash, prunedTo }
}
