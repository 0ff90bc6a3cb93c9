// Lists: one generator over the pages of an answer, and one writer. A list runs to its end unless --limit stops it or it says
// itself how many of it come first. Only one page of it is in memory: nothing piles up before a slow reader.

import { wholeNumber, type Run } from '../command.ts'
import { plain, plainJson, tableInParts, type Fit } from './output.ts'
import { openPaged, type PagedOutput } from './pager.ts'
import { UsageError } from '../world.ts'

export interface ListOptions {
  readonly limit?: string
  readonly all?: boolean
  readonly after?: string
}

export const limitFlag = ['--limit <n>', 'show at most n (default: all)'] as const
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
  readonly count: number
  /** There may be others beside these. */
  readonly more: boolean
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
  /** This many are printed without --limit or --all, but all with --json; left out: all. */
  readonly first?: number
  /** For a terminal that is narrower than the table. */
  readonly narrow?: {
    /** The rows with shorter texts. */
    readonly rows: (item: T) => readonly (readonly string[])[]
    readonly cut: Fit['cut']
  }
}

const pageItems = 500

/**
 * The items in batches, at most `limit` in all. Returns what the limit left out, of which it counts the first `countMax` (1 if left
 * out), or null at the end of the list.
 */
export async function* batches<T>(
  read: ReadPage<T>,
  range: { readonly limit: number; readonly after?: string | undefined; readonly countMax?: number },
): AsyncGenerator<readonly T[], Rest | null> {
  const { limit, after, countMax = 1 } = range
  let left = limit
  let place = after
  for (;;) {
    const query = { limit: Math.min(left, pageItems), ...(place !== undefined && { after: place }) }
    const page = await read(query)
    const batch = page.items.slice(0, left)
    left -= batch.length
    yield batch
    const surplus = page.items.length - batch.length
    if (surplus > 0) return { count: surplus, more: page.after !== null, after: null }
    if (page.after === null) return null
    place = page.after
    if (left === 0) return restAfter(read, place, countMax)
  }
}

/** A page that is exactly full names a next one even if nothing follows. */
async function restAfter<T>(read: ReadPage<T>, after: string, countMax: number): Promise<Rest | null> {
  const next = await read({ limit: countMax, after })
  const [count, more] = [next.items.length, next.after !== null]
  return count === 0 && !more ? null : { count, more, after }
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
  const { first } = columns
  const shortened = first !== undefined && options.all !== true && !run.json
  const limit = limitOf(options, shortened ? first : Number.POSITIVE_INFINITY)
  const range = { limit, after: options.after, ...(first !== undefined && { countMax: pageItems }) }
  const source = batches(await open(), range)
  const rest = run.json ? await writeArray(run, source) : await writeTable(run, source, columns)
  if (rest !== null)
    run.world.stderr.write(restText(rest, first === undefined ? '--limit' : '--all, --limit'))
}

/** The number of entries to show; `otherwise` without --limit. Throws UsageError for a limit of 0. */
export function limitOf({ limit: text }: ListOptions, otherwise: number): number {
  if (text === undefined) return otherwise
  const limit = wholeNumber('--limit', text)
  if (limit === 0) throw new UsageError('--limit takes a number above 0')
  return limit
}

function restText({ count, more, after }: Rest, flags: string): string {
  const exactly = more ? (count > 1 ? `are at least ${count}` : 'are') : count === 1 ? 'is 1' : `are ${count}`
  const use = after === null ? flags : `${flags} or --after ${after}`
  return plain`… there ${exactly} more; use ${use}\n`
}

type Source<T> = ReturnType<typeof batches<T>>

async function writeArray<T>({ world }: Run, source: Source<T>): Promise<Rest | null> {
  let before = '[\n'
  const rest = await each(source, (items) => {
    for (const item of items) {
      world.stdout.write(`${before}${plainJson(JSON.stringify(item))}`)
      before = ',\n'
    }
    return true
  })
  world.stdout.write(before === '[\n' ? '[]\n' : '\n]\n')
  return rest
}

async function writeTable<T>(
  { world }: Run,
  source: Source<T>,
  { headings, rows, narrow, empty, below = '' }: Columns<T>,
): Promise<Rest | null> {
  const part = tableInParts(headings, narrow && { columns: world.stdout.columns, cut: narrow.cut })
  let output: PagedOutput | undefined
  try {
    const rest = await each(source, async (items) => {
      if (items.length === 0) return true
      // Only now: a list that is refused, or empty, needs no pager.
      output ??= await openPaged(world)
      return output.write(part(items.flatMap(rows), () => items.flatMap(narrow?.rows ?? rows)))
    })
    if (output) await output.write(below)
    else world.stdout.write(empty)
    return rest
  } finally {
    await output?.close()
  }
}

/** Ends early once `write` resolves with false: there is no reader any more. */
async function each<T>(
  source: Source<T>,
  write: (items: readonly T[]) => boolean | Promise<boolean>,
): Promise<Rest | null> {
  let step = await source.next()
  while (step.done !== true) {
    if (!(await write(step.value))) return null
    step = await source.next()
  }
  return step.value
}
