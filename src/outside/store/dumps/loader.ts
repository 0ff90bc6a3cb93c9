// Puts the records of a dump (core/ports/backup.ts) into an empty store, in order. The caller holds the transaction, and
// completes the store only when all records are in.

import { randomUUID } from 'node:crypto'
import type { AuditEntry } from '../../../core/ports/audit.ts'
import type { DumpedRecord, DumpedTypes, DumpedWriter } from '../../../core/ports/backup.ts'
import { closes } from '../../../core/audit/marks.ts'
import { applyWrite, type PlainWrite } from '../apply/apply.ts'
import { addMark } from '../apply/apply-marks.ts'
import { putInventory, putInventoryRow } from '../apply/apply-inventory.ts'
import { refuseOlderProgram } from '../apply/apply-least-version.ts'
import { addEntry, AuditChain, BlockTimes } from '../audit/audit-chain.ts'
import { noEffects } from '../apply/effects.ts'
import { GroupFacts } from '../apply/group-facts.ts'
import { add, run, type Steps } from '../steps.ts'

export class Loader {
  /** Sums the totals of the instances, which `finish` writes. */
  readonly #group = { facts: new GroupFacts(), effects: noEffects(), marks: { key: undefined, end: null } }
  /** By writer: the id of its row, and the id of its first entry. */
  readonly #writers = new Map<string, { readonly id: number; readonly firstEntry: number }>()
  readonly #blocks = new BlockTimes()
  #trustVersion = 0
  #nextEntry = 1
  #lastCheckpoint = 0;

  *load({ type, value }: DumpedRecord): Steps<void> {
    switch (type) {
      case 'leastVersion':
        refuseOlderProgram([value], 'the dump')
        yield* this.#write({ type: 'least-version', feature: value })
        return
      case 'trustVersion':
        this.#trustVersion = value
        return
      case 'secret':
        yield* this.#write({ type: 'new-secret', record: value })
        return
      case 'trust':
        yield* this.#write({ type: 'trust', row: value })
        return
      case 'dataKey':
        yield* this.#write({ type: 'data-key', record: value })
        return
      case 'standardKey':
        yield* this.#write({ type: 'standard-key', record: value })
        return
      case 'pending': {
        const { sha256, certificate, address, firstMs, lastMs, attempts } = value
        yield* run('putPending', sha256, certificate, address, firstMs, lastMs, attempts)
        return
      }
      case 'seen':
        yield* this.#write({ type: 'seen', certificates: [value] })
        return
      case 'clientSeen':
        yield* this.#write({ type: 'clients-seen', clients: [value] })
        return
      case 'inventory':
        yield* putInventory(value)
        return
      case 'inventoryRow':
        yield* putInventoryRow(value.inventoryId, value)
        return
      case 'recoveryTime':
        yield* this.#write({ type: 'recovery-clock', ...value })
        return
      case 'checkpoint': {
        yield* this.#write({ type: 'checkpoint', checkpoint: value, follows: this.#lastCheckpoint })
        this.#lastCheckpoint = value.number
        return
      }
      case 'writer':
        yield* this.#writer(value)
        return
      case 'entry':
        yield* this.#entry(value)
        return
      case 'object':
        yield* this.#object(value)
        return
      case 'mark':
        yield* addMark(value)
        // If the last mark says that the object was brought back and the object was destroyed after that, the next start adds a
        // mark.
        yield* run('noteMark', closes(value) ? 1 : null, value.instanceId, value.uniqueIdentifier)
        return
      default:
        void (type satisfies never)
    }
  }

  /** Adds the entries of a new writer after all other entries. The first one names the heads of the writers in the dump. */
  *finish(entries: readonly AuditEntry[], openedMs: number): Steps<void> {
    const chain = new AuditChain(randomUUID(), openedMs)
    for (const entry of entries) yield* chain.append(entry)
    yield* chain.save()
    yield* this.#blocks.put()
    yield* this.#group.facts.save()
    yield* run('liftTrustVersion', this.#trustVersion)
  }

  *#write(write: PlainWrite): Steps<void> {
    yield* applyWrite(write, this.#group)
  }

  *#object({ record, names, index, clockSteps, lastFetchedMs: atMs }: DumpedTypes['object']): Steps<void> {
    // The store that the dump was made of allowed the names, so objects may share them.
    yield* this.#write({ type: 'object', record, names, namesShared: true, index, clockSteps })
    const { instanceId, uniqueIdentifier } = record
    if (atMs !== null) yield* this.#write({ type: 'fetched', instanceId, uniqueIdentifier, atMs })
  }

  *#writer({ writer, openedMs, number, hash, named, prunedTo, prunedHash }: DumpedWriter): Steps<void> {
    const firstEntry = this.#nextEntry
    this.#nextEntry += number
    const begin = [prunedTo, prunedHash, prunedTo] as const
    const id = yield* add('loadWriter', writer, openedMs, firstEntry, number, hash, named, ...begin)
    this.#writers.set(writer, { id, firstEntry })
  }

  *#entry({ writer, number, body, hash }: DumpedTypes['entry']): Steps<void> {
    const row = this.#writers.get(writer)
    if (!row) throw new Error(`an audit entry names the writer ${writer}, which is not among the writers`)
    const entry = JSON.parse(body) as AuditEntry
    const place = row.firstEntry + number - 1
    yield* addEntry({ place, writer: row.id, number, hash, body }, entry)
    this.#blocks.widen(place, entry.atMs)
  }
}
