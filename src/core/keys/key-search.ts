// Lists keys among a million: by index where the store has one (Name and vCenter's names), by binary search for the date of
// creation, and otherwise by reading objects one after the other, a bounded number for each page.

import { pause, type Turns } from '../../base/parts.ts'
import { folded } from '../../base/text/folded.ts'
import type { Keys, ListedKey, ScannedKey } from './keys.ts'
import type { KeyView } from './object/managed-object.ts'
import { indexEntry } from './object/managed-object.ts'
import type { Store } from '../ports/store.ts'
import { listScannedMax, listStepObjects } from '../../base/bounds.ts'
import { nameValues } from './object/object-names.ts'
import { customText, vsphereNames } from './object/object-names.ts'

/** A search for objects of an instance: an object must match each part that is present. Times are RFC 3339. */
export interface KeySearch {
  readonly limit: number
  /** Left out: all states but the destroyed ones. */
  readonly state?: KeyView['state'] | undefined
  /** Whether to list only destroyed objects that can still be brought back. */
  readonly recoverable?: 'true' | undefined
  /** A whole Name; then whole vSphere names. */
  readonly name?: string | undefined
  readonly vsphereName?: string | undefined
  readonly vsphereComponent?: string | undefined
  readonly vsphereIdentifier?: string | undefined
  /** The whole text of any of these, or of the identifier. */
  readonly search?: string | undefined
  /** A part of the text of any of these, or of a machine that uses the object. */
  readonly contains?: string | undefined
  readonly createdSince?: string | undefined
  readonly createdUntil?: string | undefined
  readonly fetchedSince?: string | undefined
  readonly notFetchedSince?: string | undefined
}

type Reader = Pick<Keys, 'scan' | 'show'> & {
  /** The turns of the searching request. */
  readonly turns: Turns
  /** The current number of objects in each state. */
  readonly objectCounts: (instanceId: string) => ReturnType<Store['objectCounts']>
  readonly recoverable: (instanceId: string) => Promise<{ readonly count: number }>
}
type IndexEntry = NonNullable<ReturnType<typeof indexEntry>>

/** Reads objects older than a position (or the newest), newest first; at most `listStepObjects` of them. */
type Step = (beforeSequence: number | undefined) => Promise<readonly ReadKey[]>

/** An object that was looked up by itself has no `packed`. */
type ReadKey = Omit<ScannedKey, 'packed'> & Partial<ScannedKey>

/** Creation times may deviate from the order of creation by this much: clocks are set, and nodes differ. */
const clockSlackMs = 3600_000

/**
 * Lists newest first. States depend on the clock, so this function compares them and not the store. A page reads a bounded number
 * of objects; it may hold fewer than the limit, or none, and still name the next page.
 */
export async function listKeys(
  keys: Reader,
  instanceId: string,
  query: KeySearch,
  beforeSequence: number | undefined,
  /** The keys of the machines whose name contains the text of `contains`. */
  ofMachines: ReadonlySet<string> = new Set(),
): Promise<{ readonly views: readonly ListedKey[]; readonly after: number | null }> {
  const includeDestroyed = query.recoverable !== undefined || query.state?.startsWith('Destroyed') === true
  const read: Step = stepOf(keys, { instanceId, includeDestroyed }, query)
  const fits = filter(query, ofMachines)
  const mayFit = prefilter(query, ofMachines)
  const isCounted = query.state !== undefined || query.recoverable !== undefined
  const sinceMs = query.createdSince === undefined ? -Infinity : Date.parse(query.createdSince) - clockSlackMs
  let before = beforeSequence ?? (await beginning(keys, { instanceId, includeDestroyed }, query.createdUntil))
  const most = await mostOf(keys, instanceId, query)
  // The store knows the number of objects in the state, so the search for a rare state ends with the last of them.
  let left = beforeSequence === undefined ? most : most > 0 ? Infinity : 0
  if (left === 0) return { views: [], after: null }
  let counted = 0
  const views: ListedKey[] = []
  for (let seen = 0; seen < listScannedMax; seen += listStepObjects) {
    const page = await read(before)
    for (const key of page) {
      before = key.sequence
      if (key.createdMs < sinceMs) return { views, after: null }
      if (!isCounted && !mayFit(key)) continue
      const view = key.view()
      if (query.recoverable === undefined ? view.state === query.state : view.recoverableUntilMs !== null) {
        left--
        counted++
      }
      if (fits(view)) views.push(view)
      // More objects may have come into the state meanwhile, before the last counted one.
      if (left === 0) left = (await mostOf(keys, instanceId, query)) - counted
      if (left <= 0) return { views, after: null }
      if (views.length === query.limit) return { views, after: view.sequence }
    }
    if (page.length < listStepObjects) return { views, after: null }
    await pause(keys.turns)
  }
  return { views, after: before ?? null }
}

/** The most objects that the search can find, as far as the store counts them. */
async function mostOf(keys: Reader, instanceId: string, { state, recoverable }: KeySearch): Promise<number> {
  if (recoverable !== undefined) return (await keys.recoverable(instanceId)).count
  return state === undefined ? Infinity : ((await keys.objectCounts(instanceId))[state] ?? 0)
}

interface Where {
  readonly instanceId: string
  readonly includeDestroyed: boolean
}

function stepOf(keys: Reader, where: Where, query: KeySearch): Step {
  const entries = [
    nameEntry(query.name),
    customEntry(vsphereNames.name, query.vsphereName),
    customEntry(vsphereNames.component, query.vsphereComponent),
    customEntry(vsphereNames.identifier, query.vsphereIdentifier),
  ].filter((entry): entry is IndexEntry => entry !== undefined)
  const limit = listStepObjects
  const narrowed =
    (index: readonly IndexEntry[]): Step =>
    async (before) =>
      keys.scan({ ...where, limit, index, ...(before !== undefined && { beforeSequence: before }) })
  const { search } = query
  if (search === undefined) return narrowed(entries)
  const anywhere = [nameEntry(search), ...Object.values(vsphereNames).map((key) => customEntry(key, search))]
  const byIndex = anywhere.flatMap((entry) => (entry ? [narrowed([entry])] : []))
  return newestOf([...byIndex, byIdentifier(keys, where.instanceId, search)])
}

function nameEntry(name: string | undefined): IndexEntry | undefined {
  return name === undefined
    ? undefined
    : indexEntry('Name', { NameValue: name, NameType: 'UninterpretedTextString' })
}

function customEntry(key: string, text: string | undefined): IndexEntry | undefined {
  return text === undefined ? undefined : indexEntry(key, { type: 'TextString', value: text })
}

/** Combines the results of the steps, each object once. */
function newestOf(steps: readonly Step[]): Step {
  return async (before) => {
    const byRow = new Map<number, ReadKey>()
    for (const step of steps) for (const key of await step(before)) byRow.set(key.sequence, key)
    return [...byRow.values()].toSorted((a, b) => b.sequence - a.sequence).slice(0, listStepObjects)
  }
}

function byIdentifier(keys: Reader, instanceId: string, identifier: string): Step {
  return async (before) => {
    const view = await keys.show(instanceId, identifier)
    return view && (before === undefined || view.sequence < before) ? [keyOf(view)] : []
  }
}

function keyOf(view: ListedKey): ReadKey {
  const { sequence, uniqueIdentifier, createdMs, lastFetchedMs } = view
  return { sequence, uniqueIdentifier, createdMs, lastFetchedMs, view: () => view }
}

/** Finds the first object that was created by then, by binary search. */
async function beginning(keys: Reader, where: Where, until: string | undefined): Promise<number | undefined> {
  if (until === undefined) return undefined
  const untilMs = Date.parse(until) + clockSlackMs
  const newestBelow = async (beforeSequence: number | undefined) =>
    (await keys.scan({ ...where, limit: 1, ...(beforeSequence !== undefined && { beforeSequence }) }))[0]
  const newest = await newestBelow(undefined)
  if (!newest || newest.createdMs <= untilMs) return undefined
  let low = 0
  let high = newest.sequence
  // All objects from `high` on are too young; none up to `low` is.
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2)
    const view = await newestBelow(middle + 1)
    if (view && view.sequence > low && view.createdMs > untilMs) high = view.sequence
    else low = middle
  }
  return high
}

/** Checks an object before its slow decoding: returns false only if `filter` would too. */
function prefilter(query: KeySearch, ofMachines: ReadonlySet<string>): (key: ReadKey) => boolean {
  const part = query.contains === undefined ? undefined : folded(query.contains)
  const [fetchedSince, notFetchedSince] = [ms(query.fetchedSince), ms(query.notFetchedSince)]
  const hasText = part === undefined ? undefined : textSearch(part)
  return ({ uniqueIdentifier, lastFetchedMs, packed }) => {
    if (fetchedSince !== undefined && (lastFetchedMs === null || lastFetchedMs < fetchedSince)) return false
    if (notFetchedSince !== undefined && lastFetchedMs !== null && lastFetchedMs >= notFetchedSince)
      return false
    if (!hasText || part === undefined || packed === undefined || ofMachines.has(uniqueIdentifier))
      return true
    return folded(uniqueIdentifier).includes(part) || hasText(packed)
  }
}

/**
 * The characters that become ASCII only by folding, as UTF-8 read as Latin-1: the Kelvin sign, I with a dot above, the Greek
 * question mark and varia.
 */
const asciiOnceFolded = '\u00e2\u0084\u00aa|\u00c4\u00b0|\u00cd\u00be|\u00e1\u00bf\u00af'

/** Whether packed attributes may contain this folded part of a text. Each text stands whole among other bytes there. */
function textSearch(part: string): (packed: Uint8Array) => boolean {
  // People mostly search for ASCII, which this finds without reading UTF-8.
  if (/^[ -~]*$/.test(part)) {
    const pattern = new RegExp(`${part.replaceAll(/[$()*+./?[\\\]^{|}-]/g, '\\$&')}|${asciiOnceFolded}`, 'i')
    return (packed) => pattern.test(bufferOf(packed).toString('latin1'))
  }
  // The lower case of a sigma depends on the letters around it. A mark and the end of a syllable compose with the characters
  // before them, which may be other bytes here.
  if (/[σς]|^[\p{M}\u1160-\u11ff]/u.test(part)) return () => true
  return (packed) => {
    const text = bufferOf(packed).toString('utf8')
    return text.toLowerCase().includes(part) || folded(text).includes(part)
  }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function filter(query: KeySearch, ofMachines: ReadonlySet<string>): (view: KeyView) => boolean {
  const tests: ((view: KeyView) => boolean)[] = []
  const add = <T>(value: T | undefined, fits: (view: KeyView, value: T) => boolean): void => {
    if (value !== undefined) tests.push((view) => fits(view, value))
  }
  const part = query.contains === undefined ? undefined : folded(query.contains)
  add(query.state, (view, state) => view.state === state)
  add(query.recoverable, (view) => view.recoverableUntilMs !== null)
  add(query.name, (view, name) => nameValues(view).includes(name))
  add(query.vsphereName, (view, text) => customText(view.attributes, vsphereNames.name) === text)
  add(query.vsphereComponent, (view, text) => customText(view.attributes, vsphereNames.component) === text)
  add(query.vsphereIdentifier, (view, text) => customText(view.attributes, vsphereNames.identifier) === text)
  add(query.search, (view, text) => wordsOf(view).includes(text))
  add(
    part,
    (view, text) =>
      ofMachines.has(view.uniqueIdentifier) || wordsOf(view).some((word) => folded(word).includes(text)),
  )
  add(ms(query.createdSince), (view, at) => view.createdMs >= at)
  add(ms(query.createdUntil), (view, at) => view.createdMs <= at)
  add(ms(query.fetchedSince), (view, at) => view.lastFetchedMs !== null && view.lastFetchedMs >= at)
  add(ms(query.notFetchedSince), (view, at) => view.lastFetchedMs === null || view.lastFetchedMs < at)
  return (view) => tests.every((fits) => fits(view))
}

/** The texts that `search` and `contains` compare. */
function wordsOf(view: KeyView): readonly string[] {
  const noted = Object.values(vsphereNames).map((key) => customText(view.attributes, key))
  return [view.uniqueIdentifier, ...nameValues(view), ...noted.filter((text) => text !== null)]
}

function ms(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text)
}
