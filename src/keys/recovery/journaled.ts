// What the journal of an instance says, told from the runs of it that were found. Pure.

import { limits } from '../../limits.ts'
import type { JournalDeparture, JournalEntry, JournalItem, JournalSettings } from '../journal/format.ts'

/** Items of parts that belong together, with the numbers of the first and the last of them. */
export interface FoundRun {
  readonly first: number
  readonly last: number
  readonly items: readonly JournalItem[]
}

/** `isNewest`: no part is missing or unread that was written after it, and might say something else. */
export type JournaledEntry = JournalEntry & { readonly isNewest: boolean }

export interface Journaled {
  readonly entries: ReadonlyMap<string, JournaledEntry>
  /** Nothing is missing or unread that was entered, as far as what is there tells. */
  readonly isWhole: boolean
  /** It was written in the middle of a move, for all that is known: keys may lie under another root key. */
  readonly isMoving: boolean
  /** How many parts are missing, those included of which it is not known whether they were ever entered. */
  readonly missing: number
  readonly settings: JournalSettings | null
  /** Parts with a lower number do not count any more; 0: all count. */
  readonly from: number
  /** Where the instance was going when its database was lost: keys of it may lie there. */
  readonly departures: readonly JournalDeparture[]
}

/**
 * The newest of what was entered; `deleted`: numbers of deleted parts, `unread`: of those that a root key sealed which was
 * not named. A journal that was written anew does away with what was there before, if all of it is there: its parts are
 * numbered without a gap.
 */
export function mergeJournal(
  runs: readonly FoundRun[],
  {
    deleted = [],
    unread = [],
  }: { readonly deleted?: readonly number[]; readonly unread?: readonly number[] } = {},
): Journaled {
  const inOrder = runs.toSorted((a, b) => a.last - b.last)
  let from = 0
  let isMoving = true
  for (const { last, items } of inOrder)
    for (const item of items)
      if (item.kind === 'whole' && isComplete(runs, item.from, last)) ({ from, moving: isMoving } = item)
  const gaps = gapsIn(inOrder, from)
  const unknown = [...gaps, ...unread.filter((number) => number >= from)]
  const entries = new Map<string, JournaledEntry>()
  const departures: JournalDeparture[] = []
  let settings: JournalSettings | null = null
  for (const { first: begin, items } of inOrder) {
    if (begin < from) continue
    const isNewest = unknown.every((number) => number < begin)
    for (const item of items) {
      if (item.kind === 'settings') settings = item.settings
      if (item.kind === 'departure') departures.push(item)
      if (item.kind !== 'object') continue
      const known = entries.get(item.uniqueIdentifier)
      if (!known || known.version <= item.version) entries.set(item.uniqueIdentifier, { ...item, isNewest })
    }
  }
  const newest = inOrder.at(-1)?.last ?? 0
  const after = deleted.filter((number) => number > newest)
  const isWhole = unknown.length === 0 && (runs.length > 0 || deleted.length === 0)
  return { entries, isWhole, isMoving, missing: gaps.length + after.length, settings, from, departures }
}

/** Numbers of parts that were entered, as later ones say, and are not there. */
function gapsIn(runs: readonly FoundRun[], least: number): readonly number[] {
  const there = new Set(runs.flatMap(({ first, last }) => numbers(first, last)))
  const entered = runs.flatMap(({ last, items }) =>
    items.flatMap((item) => (item.kind === 'end' ? [item.follows, ...numbers(item.from, last)] : [])),
  )
  return [...new Set(entered)].filter((number) => number > 0 && number >= least && !there.has(number))
}

function numbers(first: number, last: number): number[] {
  // So many are never entered together: whoever wrote this is not to be believed.
  if (last - first > limits.journalPartsTogetherMax) return []
  return Array.from({ length: last - first + 1 }, (_, at) => first + at)
}

function isComplete(runs: readonly FoundRun[], from: number, to: number): boolean {
  const within = runs.filter(({ first: begin, last }) => begin >= from && last <= to)
  return within.reduce((sum, { first: begin, last }) => sum + last - begin + 1, 0) === to - from + 1
}
