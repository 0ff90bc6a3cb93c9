// Walks a list of marks from its beginning, and finds marks that were removed or inserted. Pure.

import type { KeyObject } from 'node:crypto'
import { closedKeysNamedMax } from '../../base/bounds.ts'
import type { MarksEnd, StoredMark } from '../ports/marks.ts'
import { counted } from '../../base/text/counted.ts'
import { endAfter, isGenuine } from './marks.ts'

type Identified = Pick<StoredMark, 'instanceId' | 'uniqueIdentifier'>

export class MarksWalk {
  readonly #key: KeyObject
  readonly #known: MarksEnd | null
  #end: MarksEnd | null = null
  readonly #missing = new Some()
  readonly #forged = new Some()
  #isReplaced = false

  /** `known`: an end of the list that the checkpoint or the anchor names, or at which an earlier walk ended. */
  constructor(key: KeyObject, known: MarksEnd | null) {
    this.#key = key
    this.#known = known
  }

  /** The end of the marks so far. */
  get end(): MarksEnd | null {
    return this.#end
  }

  get isMissingMarks(): boolean {
    return this.#missing.count > 0 || this.#isCutOff()
  }

  /** Takes the next mark by its number. Returns whether this server wrote it. */
  take(mark: StoredMark): boolean {
    const { number, mac } = mark
    const next = (this.#end?.number ?? 0) + 1
    const digest = Buffer.from(mark.digest).toString('hex')
    const genuine = isGenuine(this.#key, mark)
    if (number !== next) this.#miss(next, number - 1)
    if (!genuine) this.#forged.add(nameOf(mark))
    else if (number === next) this.#isReplaced ||= endAfter(this.#end, number, mac).digest !== digest
    if (number === this.#known?.number) this.#isReplaced ||= digest !== this.#known.digest
    // Later marks are compared with the stored list, so that each fault is reported only once.
    this.#end = { number, digest }
    return genuine
  }

  /**
   * The findings after the last mark: one sentence for each kind, without its full stop. `unmarked`: destroyed keys in the audit
   * log that have no mark.
   */
  findings(unmarked: readonly Identified[] = []): readonly string[] {
    if (this.#known && this.#isCutOff()) this.#miss((this.#end?.number ?? 0) + 1, this.#known.number)
    const named = new Some()
    for (const one of unmarked) named.add(nameOf(one))
    const [missing, forged] = [this.#missing, this.#forged]
    return [
      ...(missing.count > 0
        ? [
            `${counted(missing.count, 'mark of a destroyed key was', 'marks of destroyed keys were')} removed from the database ` +
              `(number ${missing.named()}): if its old rows were put back, the key is served again` +
              (named.count > 0 ? `. The audit log names ${named.named()}` : ''),
          ]
        : []),
      ...(forged.count > 0
        ? [
            `${counted(forged.count, 'mark of a destroyed key was', 'marks of destroyed keys were')} altered, or not written by this ` +
              `server (${forged.named()}): the key does not open`,
          ]
        : []),
      ...(this.#isReplaced
        ? [
            'the list of destroyed keys is not the one that this server wrote: marks of another state of the database are in it',
          ]
        : []),
    ]
  }

  #isCutOff(): boolean {
    return (this.#end?.number ?? 0) < (this.#known?.number ?? 0)
  }

  #miss(from: number, to: number): void {
    this.#missing.add(from === to ? String(from) : `${from} to ${to}`, to - from + 1)
  }
}

/** Counts all names and keeps the first ones. */
class Some {
  count = 0
  #groups = 0
  readonly #names: string[] = []

  add(name: string, count = 1): void {
    this.count += count
    this.#groups += 1
    if (this.#names.length < closedKeysNamedMax) this.#names.push(name)
  }

  named(): string {
    const more = this.#groups - this.#names.length
    return this.#names.join(', ') + (more > 0 ? `, and ${more} more` : '')
  }
}

function nameOf({ instanceId, uniqueIdentifier }: Identified): string {
  return `${uniqueIdentifier} of the instance ${instanceId}`
}
