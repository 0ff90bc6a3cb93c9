// The rules of custody `keyprotect`, in one file and long because of that. They say which standard key of an object counts,
// which may be deleted, what a server takes over from the service, and which server may write there. The files beside this one act
// on them.
//
// A *copy* is one standard key as the server saw it: one generation of one object. Several copies of one generation may exist,
// because two servers or two attempts made them.

import type { Closing } from '../custody.ts'

/** How an object was closed. A later one includes the earlier ones: a closing only moves forward. */
export type ClosedState = 'Deactivated' | 'Compromised'

export interface Copy {
  /** The service's id. */
  readonly id: string
  readonly generation: number
  /** From its payload, or from its description where the payload was not opened. */
  readonly closing: ClosedState | null
  /** Whether the service still has it. */
  readonly isLive: boolean
  /** null: the server did not read it, or it did not open. Only opened content is trusted. */
  readonly opened: OpenedContent | null
}

/** Enough of an opened payload to compare two of them. */
export interface OpenedContent {
  /** Identifies the key bytes: two copies with equal fingerprints hold the same key. */
  readonly fingerprint: string
  /** Everything else that it says of the object, as text. */
  readonly facts: string
}

/** Milliseconds by the service's clock. A younger copy may belong to a request that is still running. */
const youngMs = 10 * 60_000

// ---------------------------------------------------------------- closings

const ranks = { none: 0, Deactivated: 1, Compromised: 2 } as const

export function closingRank(closing: ClosedState | null): number {
  return ranks[closing ?? 'none']
}

/** Rule 2: state only moves forward. */
export function furthest(...closings: readonly (ClosedState | null)[]): ClosedState | null {
  return closings.reduce((a, b) => (closingRank(b) > closingRank(a) ? b : a), null)
}

/** Returns a closing to this state: from an opened copy, or with the current time if no copy has one. */
export function closingFor(
  state: ClosedState | null,
  said: readonly Closing[],
  nowMs: number,
): Closing | null {
  if (state === null) return null
  const asSaid = said.find((closing) => closing.state === state)
  return asSaid ?? { state, at: Math.floor(nowMs / 1000), occurredAt: null, reason: null }
}

// ---------------------------------------------------------------- rule 1: never delete what may count

/** Why a copy may be superfluous. */
export type Grounds =
  /** A higher generation was just read by its id, and opened. */
  | { readonly because: 'replaced'; readonly by: Copy }
  /** An equal copy with a lower id was just read, and opened. */
  | { readonly because: 'copied'; readonly by: Copy }
  /** The database says that the key was destroyed, or given up before any client received it. */
  | { readonly because: 'destroyed' }
  /**
   * The server gave the copy up before any client received it, because another request had taken the identifier for other bytes.
   * The server just read the database's copy by its id, and opened it.
   */
  | { readonly because: 'given-up'; readonly by: Copy }
  /** The owner deleted this generation. */
  | { readonly because: 'deleted-above'; readonly generation: number }
  /** The owner deleted this generation while the server stored the copy above it, and nothing points to the copy yet. */
  | { readonly because: 'deleted-below'; readonly generation: number }
  /**
   * The key is now stored elsewhere (or its instance was deleted). `isMarked`: a marker beside the copy says so. `isAbove`: the
   * copy that counts is beside another root key, and below this copy.
   */
  | { readonly because: 'left'; readonly isMarked: boolean; readonly isAbove: boolean }

/**
 * Rules 1 and 5. Absence from a list is not a ground: the server read `by` by its id. The server deletes nothing above the copy
 * that counts, since by rule 3 a restore would then believe that the owner deleted the key. If the owner did delete the copy that
 * counts, the server may.
 */
export function mayDelete(copy: Copy, grounds: Grounds): boolean {
  switch (grounds.because) {
    case 'replaced': {
      const { by } = grounds
      return (
        isOpenTwin(copy, by) &&
        by.generation > copy.generation &&
        closingRank(by.closing) >= closingRank(copy.closing)
      )
    }
    case 'copied':
      return isEqual(copy, grounds.by) && grounds.by.id < copy.id
    case 'destroyed':
      return true
    case 'given-up':
      return isOtherKey(copy, grounds.by) && copy.generation <= grounds.by.generation
    case 'deleted-above':
      return copy.generation < grounds.generation
    case 'deleted-below':
      return copy.generation > grounds.generation
    case 'left':
      return grounds.isMarked && !grounds.isAbove
    default:
      return grounds satisfies never
  }
}

/** Whether they are two different copies that both opened, with the same key bytes. */
function isOpenTwin(copy: Copy, other: Copy): boolean {
  if (copy.id === other.id || !other.isLive || !copy.opened || !other.opened) return false
  return copy.opened.fingerprint === other.opened.fingerprint
}

/** Whether both opened, with different key bytes: an object keeps its bytes, so they are not versions of one object. */
export function isOtherKey(copy: Copy, other: Copy): boolean {
  if (copy.id === other.id || !other.isLive || !copy.opened || !other.opened) return false
  return copy.opened.fingerprint !== other.opened.fingerprint
}

function isEqual(copy: Copy, other: Copy): boolean {
  return (
    isOpenTwin(copy, other) &&
    copy.generation === other.generation &&
    copy.closing === other.closing &&
    copy.opened?.facts === other.opened?.facts
  )
}

/** `ageMs`: by the service's clock; null: not known. */
export function isYoung(ageMs: number | null): boolean {
  return ageMs === null || ageMs < youngMs
}

/** Whether another request may still be storing a copy or its replacement: the copy is young, and no row names it. */
export function isUnfinished(
  copyId: string,
  ageMs: number | null,
  rows: readonly { readonly id: string }[],
): boolean {
  return rows.every(({ id }) => id !== copyId) && isYoung(ageMs)
}

// ---------------------------------------------------------------- rule 3: without a database

export interface WithoutDatabase {
  /** The copy that counts: live and opened. null: there is none. */
  readonly counts: Copy | null
  /** The highest copy, if it was deleted: its owner closed the key, and may restore it. */
  readonly deleted: Copy | null
  readonly closing: ClosedState | null
}

/** `copies`: all copies of one object that the service lists, both live and deleted. */
export function withoutDatabase(copies: readonly Copy[]): WithoutDatabase {
  // Any holder of the service's access can make a live copy that does not open: its text may close the key, but the copy does not
  // count.
  const counted = copies.filter(({ isLive, opened }) => !isLive || opened !== null)
  const highest = counted.reduce((most, { generation }) => Math.max(most, generation), 0)
  const top = counted.filter(({ generation }) => generation === highest)
  return {
    counts: lowestId(top.filter(({ isLive }) => isLive)),
    deleted: top.some(({ isLive }) => isLive) ? null : lowestId(top),
    closing: furthest(...copies.map(({ closing }) => closing)),
  }
}

function lowestId(copies: readonly Copy[]): Copy | null {
  return copies.toSorted((a, b) => (a.id < b.id ? -1 : 1))[0] ?? null
}

// ---------------------------------------------------------------- rules 1 to 3: with a database

/** An object as the database holds it. */
export type KnownObject =
  | { readonly is: 'absent' }
  | { readonly is: 'destroyed' }
  /**
   * A standard key holds it. `isLive: false`: the server read that copy by its id, and it was deleted. `elsewhere`: ids of copies
   * beside other root keys, if the known copy is beside the root key of the instance. `others`: ids of copies whose bytes do not
   * match the digest in the database.
   */
  | {
      readonly is: 'kept'
      readonly id: string
      readonly generation: number
      readonly isLive: boolean
      readonly elsewhere?: ReadonlySet<string>
      readonly others?: ReadonlySet<string>
      readonly closing: ClosedState | null
    }
  /**
   * A data key of the database seals it. `isExpected`: its instance stores its keys as standard keys. `others`: ids of copies
   * whose bytes do not match the digest in the database.
   */
  | {
      readonly is: 'sealed-here'
      readonly isExpected: boolean
      readonly others?: ReadonlySet<string>
      readonly closing: ClosedState | null
    }

export interface Plan {
  /** The copy to which the database must point; null: no change. */
  readonly take: Copy | null
  /** The closing that the database must have at least. */
  readonly closing: ClosedState | null
  /**
   * Whether a generation must be stored above all copies: the copy that counts does not record the whole closing, or a restore
   * might believe another copy.
   */
  readonly renew: boolean
  /** The copies to delete as far as `mayDelete` allows, the lowest generation first. */
  readonly superfluous: readonly { readonly copy: Copy; readonly grounds: Grounds }[]
}

/** Decides about the copies of one object at the service. `copies`: all that the server saw, including the known one. */
export function planFor(known: KnownObject, copies: readonly Copy[], isMarked = false): Plan {
  switch (known.is) {
    case 'destroyed': {
      const grounds = { because: 'destroyed' } as const
      const superfluous = liveOf(copies).map((copy) => ({ copy, grounds }))
      return { take: null, closing: null, renew: false, superfluous }
    }
    case 'absent':
      return planForAbsent(copies)
    case 'sealed-here':
      return planForSealedHere(known, copies, isMarked)
    case 'kept':
      return planForKept(known, copies)
    default:
      return known satisfies never
  }
}

function planForAbsent(copies: readonly Copy[]): Plan {
  const { counts, deleted, closing } = withoutDatabase(copies)
  const opened = openedOf(copies)
  const take = counts ?? (opened.length > 0 ? deleted : null)
  const renew = counts !== null && closingRank(counts.closing) < closingRank(closing)
  return { take, closing, renew, superfluous: superfluousBeside(counts, opened) }
}

/** The move will store the object from the bytes in the database. A copy at the service may have other bytes; then it closes nothing. */
function planForSealedHere(
  known: KnownObject & { readonly is: 'sealed-here' },
  copies: readonly Copy[],
  isMarked: boolean,
): Plan {
  if (known.isExpected) {
    const own = copies.filter(({ id }) => known.others?.has(id) !== true)
    return { take: null, closing: furthestWith(known, own), renew: false, superfluous: [] }
  }
  const grounds = { because: 'left', isMarked, isAbove: false } as const
  const superfluous = liveOf(copies).map((copy) => ({ copy, grounds }))
  return { take: null, closing: known.closing, renew: false, superfluous }
}

/**
 * An object keeps its key bytes, and does not return to a root key that it left. A copy with other bytes, or at a root key that
 * it left, never counts, but a restore without this database would believe it. A copy with other bytes is another key, so it
 * closes nothing.
 */
function planForKept(known: KnownObject & { readonly is: 'kept' }, copies: readonly Copy[]): Plan {
  const opened = openedOf(copies)
  const current = opened.find(({ id }) => id === known.id)
  const isOther = (copy: Copy) => (current ? isOtherKey(copy, current) : known.others?.has(copy.id) === true)
  const never = (copy: Copy) =>
    isOther(copy) || (current !== undefined && known.elsewhere?.has(copy.id) === true)
  const own = copies.filter((copy) => !isOther(copy))
  const closing = furthestWith(known, own)
  const best = highestOf(opened.filter((copy) => !never(copy)))
  const take = best && isBetter(best, known, current) ? best : null
  const counts = take ?? current
  if (!counts) {
    const grounds = { because: 'deleted-above', generation: known.generation } as const
    const lower = known.isLive ? [] : liveOf(copies).filter((copy) => copy.generation < known.generation)
    return { take, closing, renew: false, superfluous: lower.map((copy) => ({ copy, grounds })) }
  }
  const superfluous = superfluousBeside(counts, openedOf(own))
  const differs = superfluous.some(
    ({ copy }) => copy.generation === counts.generation && !isEqual(copy, counts),
  )
  const isBelowOther = opened.some((copy) => never(copy) && copy.generation >= counts.generation)
  const renew = differs || isBelowOther || closingRank(counts.closing) < closingRank(closing)
  return { take, closing, renew, superfluous }
}

/** The lowest generation first. */
function liveOf(copies: readonly Copy[]): readonly Copy[] {
  return copies.filter(({ isLive }) => isLive).toSorted((a, b) => a.generation - b.generation)
}

function openedOf(copies: readonly Copy[]): readonly Copy[] {
  return liveOf(copies).filter(({ opened }) => opened !== null)
}

function furthestWith(
  known: { readonly closing: ClosedState | null },
  copies: readonly Copy[],
): ClosedState | null {
  return furthest(known.closing, ...copies.map(({ closing }) => closing))
}

/** The other copies, which are superfluous once the database points to the one that counts. */
function superfluousBeside(counts: Copy | null, opened: readonly Copy[]): Plan['superfluous'] {
  if (!counts) return []
  const others = opened.filter((copy) => copy !== counts)
  return others.map((copy) => ({
    copy,
    grounds: { because: copy.generation < counts.generation ? 'replaced' : 'copied', by: counts },
  }))
}

function highestOf(copies: readonly Copy[]): Copy | null {
  const highest = copies.reduce((most, { generation }) => Math.max(most, generation), 0)
  return lowestId(copies.filter(({ generation }) => generation === highest))
}

function isBetter(
  best: Copy,
  known: { readonly id: string; readonly generation: number },
  current: Copy | undefined,
): boolean {
  if (best.id === known.id || best.generation < known.generation) return false
  if (best.generation > known.generation) return true
  return !current || (isEqual(current, best) && best.id < current.id)
}

// ---------------------------------------------------------------- rule 5: where an instance went

/** A marker beside a root key, newest last by `number`. */
export interface Marker {
  readonly id: string
  readonly number: number
  readonly epoch: number
  readonly rootKeyId: string
  readonly says: MarkerSays
  readonly isLive: boolean
}

/**
 * `to`: the instance leaves for `place`, or has left. `from`: keys arrive here from `place`, as long as the marker is
 * live. `stays`: nothing moves. A place is a root key's id, or `database`, or `nowhere` for an instance that was deleted.
 */
export type MarkerSays =
  { readonly way: 'to' | 'from'; readonly place: string } | { readonly way: 'stays'; readonly place: '' }

/**
 * The other places where keys of the instance may be. `markers`: all beside one root key, including deleted ones. Only the newest
 * can say that the instance left: keys came back after an older one.
 */
export function otherPlaces(
  markers: readonly Marker[],
): readonly (MarkerSays & { readonly marker: Marker })[] {
  const newest = markers.toSorted((a, b) => a.number - b.number).at(-1)
  return markers.flatMap((marker) => {
    const { says, isLive } = marker
    const isOpen = says.way === 'from' ? isLive : says.way === 'to' && marker === newest
    return isOpen ? [{ ...says, marker }] : []
  })
}

/**
 * Whether a marker that no row names repeats another one: its creation got no answer, and the server stored it again. `listed`:
 * all beside the same root key. `rowId`: the id in the row of the marker with this number; undefined: that marker has ended.
 */
export function isRepeated(marker: Marker, listed: readonly Marker[], rowId: string | undefined): boolean {
  if (!marker.isLive || marker.id === rowId) return false
  const others = listed.filter((other) => isSameStatement(other, marker))
  return others.some(({ id, isLive }) => (rowId === undefined ? !isLive : isLive && id === rowId))
}

/** Whether two markers have the same number and say the same. */
export function isSameStatement(a: Omit<Marker, 'id' | 'isLive'>, b: Omit<Marker, 'id' | 'isLive'>): boolean {
  const [one, other] = [a, b].map(({ number, epoch, rootKeyId, says }) =>
    JSON.stringify([number, epoch, rootKeyId, says.way, says.place]),
  )
  return one === other
}

/** A marker is needed as long as the service knows any generation, live or deleted, that the marker concerns. */
export function mayEndMarker(
  marker: Pick<Marker, 'rootKeyId'>,
  keys: readonly Pick<Marker, 'rootKeyId'>[],
): boolean {
  return keys.every(({ rootKeyId }) => rootKeyId !== marker.rootKeyId)
}

// ---------------------------------------------------------------- rule 6: one server at a time

/** A server below the highest epoch of its instance creates and deletes nothing there. */
export function mayWrite(ownEpoch: number, markers: readonly Pick<Marker, 'epoch'>[]): boolean {
  return markers.every(({ epoch }) => epoch <= ownEpoch)
}

/**
 * Whether another server stored a copy that this database does not know. The database knows the runs of its own server by their
 * `writers`. Times are durations in milliseconds, so clocks need not agree.
 */
export function isForeign(
  { writer, ageMs }: { readonly writer: string; readonly ageMs: number | null },
  own: {
    readonly writer: string
    readonly writers: ReadonlySet<string>
    /** How long this run of the server has lasted. */
    readonly upMs: number
    /** How long ago the instance was restored; null: never. Before that, another server had the instance. */
    readonly restoredMs: number | null
  },
): boolean {
  if (writer === own.writer) return false
  if (ageMs !== null && own.restoredMs !== null && ageMs > own.restoredMs) return false
  if (!own.writers.has(writer)) return true
  // An earlier run of this server cannot have stored anything since this one began.
  return ageMs !== null && ageMs < own.upMs
}
