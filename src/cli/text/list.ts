// Lists: one generator over the pages of an answer, and one writer. A list runs to its end unless --limit stops it, and
// only one page of it is in memory. Writing to a file, a pipe or a terminal is synchronous here, so nothing piles up.

import { wholeNumber, type Run } from '../command.ts'
import { plain, plainJson, tableInParts } from './output.ts'
import { UsageError } from '../world.ts'

export interface ListOptions {
  readonly limit?: string
  readonly after?: string
}

export const limitFlag = ['--limit <n>', 'stop after so many (default: all)'] as const
/** The flag of commands whose list the API gives page by page. */
export const afterFlag = ['--after <place>', 'continue where an earlier list stopped, as it said'] as const

export interface Page<T> {
  readonly items: readonly T[]
  /** Where the next page begins; null: this is the last page. */
  readonly after: string | null
}

/** Reads one page of at most `limit` items. */
export type ReadPage<T> = (query: { readonly limit: number; readonly after?: string }) => Promise<Page<T>>

/** The items that a list left out because of its limit. */
export interface Rest {
  /** null: the API does not say how many. */
  readonly count: number | null
  readonly after: string | null
}

/** How a list looks as text. */
export interface Columns<T> {
  readonly headings: readonly string[]
  readonly rows: (item: T) => readonly (readonly string[])[]
  /** Printed in place of the table when the list is empty. */
  readonly empty: string
  /** Printed below the table. */
  readonly below?: string
}

const pageItems = 500

/** The items in batches, at most `limit` in all. Returns what the limit left out, or null at the end of the list. */
export async function* batches<T>(
  read: ReadPage<T>,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
): AsyncGenerator<readonly T[], Rest | null> {
  let left = limit
  let place = after
  for (;;) {
    const query = { limit: Math.min(left, pageItems), ...(place !== undefined && { after: place }) }
    const page = await read(query)
    const batch = page.items.slice(0, left)
    left -= batch.length
    yield batch
    const surplus = page.items.length - batch.length
    if (surplus > 0) return { count: page.after === null ? surplus : null, after: null }
    if (page.after === null) return null
    place = page.after
    if (left === 0) return restAfter(read, place)
  }
}

/** A page that is exactly full names a next one even if nothing follows. */
async function restAfter<T>(read: ReadPage<T>, after: string): Promise<Rest | null> {
  const next = await read({ limit: 1, after })
  return next.items.length === 0 && next.after === null ? null : { count: null, after }
}

/** For answers that the API does not page. */
export function onePage<T>(items: readonly T[]): ReadPage<T> {
  return async () => ({ items, after: null })
}

/** Writes a list as a table or, with --json, as one array. `open` asks the server, after the options were checked. */
export async function writeList<T>(
  run: Run,
  options: ListOptions,
  columns: Columns<T>,
  open: () => Promise<ReadPage<T>>,
): Promise<void> {
  const limit = limitOf(options, Number.POSITIVE_INFINITY)
  const source = batches(await open(), { limit, after: options.after })
  const rest = run.json ? await writeArray(run, source) : await writeTable(run, source, columns)
  if (rest !== null) run.world.stderr.write(restText(rest))
}

/** How many entries are wanted; `otherwise` where nobody says it. UsageError for none at all. */
export function limitOf({ limit: text }: ListOptions, otherwise: number): number {
  if (text === undefined) return otherwise
  const limit = wholeNumber('--limit', text)
  if (limit === 0) throw new UsageError('--limit takes a number above 0')
  return limit
}

function restText({ count, after }: Rest): string {
  const more = count === null ? '… there are more' : `… there are ${count} more`
  return after === null ? `${more}; use --limit\n` : plain`${more}; use --limit or --after ${after}\n`
}

type Source<T> = ReturnType<typeof batches<T>>

async function writeArray<T>({ world }: Run, source: Source<T>): Promise<Rest | null> {
  let before = '[\n'
  const rest = await each(source, (items) => {
    for (const item of items) {
      world.stdout.write(`${before}${plainJson(JSON.stringify(item))}`)
      before = ',\n'
    }
  })
  world.stdout.write(before === '[\n' ? '[]\n' : '\n]\n')
  return rest
}

async function writeTable<T>(
  { world }: Run,
  source: Source<T>,
  { headings, rows, empty, below = '' }: Columns<T>,
): Promise<Rest | null> {
  const part = tableInParts(headings)
  let isEmpty = true
  const rest = await each(source, (items) => {
    if (items.length === 0) return
    isEmpty = false
    world.stdout.write(part(items.flatMap(rows)))
  })
  world.stdout.write(isEmpty ? empty : below)
  return rest
}

async function each<T>(source: Source<T>, write: (items: readonly T[]) => void): Promise<Rest | null> {
  let step = await source.next()
  while (step.done !== true) {
    write(step.value)
    step = await source.next()
  }
  return step.value
}
