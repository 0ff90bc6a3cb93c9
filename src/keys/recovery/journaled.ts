// What the journal of an instance says, told from the runs of it that were found. Pure.

import type { JournalDeparture, JournalEntry, JournalItem, JournalSettings } from '../journal/format.ts'

/** Items of parts that belong together, with the numbers of the first and the last of them. */
export interface FoundRun {
  readonly first: number
  readonly last: number
  readonly items: readonly JournalItem[]
}

/** `isNewest`: no part is missing that was written after it, and might say something else. */
export type JournaledEntry = JournalEntry & { readonly isNewest: boolean }

export interface Journaled {
  readonly entries: ReadonlyMap<string, JournaledEntry>
  /** Nothing is missing that counts. */
  readonly isWhole: boolean
  readonly settings: JournalSettings | null
  /** Parts with a lower number do not count any more; 0: all count. */
  readonly from: number
  /** Where the instance was going when its database was lost: keys of it may lie there. */
  readonly departures: readonly JournalDeparture[]
}

/**
 * The newest of what was entered; `missing`: numbers of parts that were made and are not there. A journal that was written anew does away with what was there before, if all of it is
 * there: its parts are numbered without a gap.
 */
export function mergeJournal(runs: readonly FoundRun[], missing: readonly number[] = []): Journaled {
  const inOrder = runs.toSorted((a, b) => a.last - b.last)
  let from = 0
  for (const { last, items } of inOrder)
    for (const item of items) if (item.kind === 'whole' && isComplete(runs, item.from, last)) from = item.from
  const gaps = missing.filter((number) => number >= from)
  const entries = new Map<string, JournaledEntry>()
  const departures: JournalDeparture[] = []
  let settings: JournalSettings | null = null
  for (const { first: begin, items } of inOrder) {
    if (begin < from) continue
    const isNewest = gaps.every((number) => number < begin)
    for (const item of items) {
      if (item.kind === 'settings') settings = item.settings
      if (item.kind === 'departure') departures.push(item)
      if (item.kind !== 'object') continue
      const known = entries.get(item.uniqueIdentifier)
      if (!known || known.version <= item.version) entries.set(item.uniqueIdentifier, { ...item, isNewest })
    }
  }
  return { entries, isWhole: gaps.length === 0, settings, from, departures }
}

function isComplete(runs: readonly FoundRun[], from: number, to: number): boolean {
  const within = runs.filter(({ first: begin, last }) => begin >= from && last <= to)
  return within.reduce((sum, { first: begin, last }) => sum + last - begin + 1, 0) === to - from + 1
}
