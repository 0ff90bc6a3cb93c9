// Lists run to their end, stop where --limit says, and say how to see the rest. One page is in memory at a time.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Run } from '../../../../src/doors/cli/command.ts'
import {
  batches,
  onePage,
  writeList,
  type Columns,
  type ReadPage,
} from '../../../../src/doors/cli/text/list.ts'
import { leaveDoor, startDoor, type TestDoor } from '../../../support/server/admin-door.ts'
import { command } from '../../../support/server/command.ts'
import type { CommandResult } from '../../../support/server/server.ts'

/** Numbers from 0, as an API that pages returns them: a full page always names the next. */
function numbers(count: number, asked: { limit: number; after?: string }[] = []): ReadPage<number> {
  return async (query) => {
    asked.push({ ...query })
    const from = query.after === undefined ? 0 : Number(query.after)
    const items = Array.from({ length: Math.max(0, Math.min(query.limit, count - from)) }, (_, i) => from + i)
    return { items, after: items.length === query.limit ? String(from + items.length) : null }
  }
}

async function collect(read: ReadPage<number>, range: { limit: number; after?: string }) {
  const source = batches(read, range)
  const found: number[] = []
  let step = await source.next()
  for (; step.done !== true; step = await source.next()) found.push(...step.value)
  return { found, rest: step.value }
}

test('a list is read to its end in pages of at most 500', async () => {
  const asked: { limit: number; after?: string }[] = []
  const { found, rest } = await collect(numbers(1200, asked), { limit: Number.POSITIVE_INFINITY })
  assert.deepEqual([found.length, found[0], found.at(-1), rest], [1200, 0, 1199, null])
  assert.deepEqual(asked, [{ limit: 500 }, { limit: 500, after: '500' }, { limit: 500, after: '1000' }])
})

test('a limit stops it, and tells where it goes on', async () => {
  const { found, rest } = await collect(numbers(1200), { limit: 700 })
  assert.deepEqual([found.length, rest], [700, { count: 1, more: true, after: '700' }])
  const next = await collect(numbers(1200), { limit: 700, after: '700' })
  assert.deepEqual([next.found[0], next.found.length, next.rest], [700, 500, null])
})

test('a list that ends exactly at its limit has no rest', async () => {
  assert.deepEqual((await collect(numbers(500), { limit: 500 })).rest, null)
  assert.deepEqual((await collect(numbers(10), { limit: 10 })).rest, null)
})

/** Three empty pages before the only item, as a search through many keys returns them. */
const late: ReadPage<number> = async ({ after = '0' }) =>
  after === '3' ? { items: [1], after: null } : { items: [], after: String(Number(after) + 1) }

test('pages that hold nothing do not end it', async () => {
  assert.deepEqual(await collect(late, { limit: 5 }), { found: [1], rest: null })
})

test('of an answer that is not paged the number of the rest is known', async () => {
  const { found, rest } = await collect(onePage([1, 2, 3, 4, 5]), { limit: 2 })
  assert.deepEqual([found, rest], [[1, 2], { count: 3, more: false, after: null }])
})

const columns: Columns<number> = {
  headings: ['NUMBER', 'SQUARE'],
  rows: (number) => [[String(number), String(number * number)]],
  empty: 'None.\n',
  below: 'Below.\n',
}

interface Written {
  readonly limit?: string
  readonly all?: boolean
  readonly json?: boolean
  /** The command of the pager. */
  readonly pager?: string
  readonly first?: number
}

async function written(read: ReadPage<number>, { pager, first, ...options }: Written) {
  const out: string[] = []
  const err: string[] = []
  const world = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
    user: { pager: pager === undefined ? undefined : { command: pager, env: {} } },
  }
  const run = { world, json: options.json === true } as unknown as Run
  await writeList(run, options, { ...columns, ...(first !== undefined && { first }) }, async () => read)
  return { out, err: err.join('') }
}

test('a table is written page by page, with its headings once', async () => {
  const { out, err } = await written(numbers(1001), {})
  assert.equal(err, '')
  assert.equal(out.length, 4, 'three pages, and what stands below')
  const lines = out.join('').split('\n')
  assert.equal(lines.filter((line) => line.startsWith('NUMBER')).length, 1)
  assert.deepEqual([lines[1], lines[1001], lines.at(-2)], ['0       0', '1000    1000000', 'Below.'])
})

test('an empty list says so, as text and as JSON', async () => {
  assert.deepEqual((await written(numbers(0), {})).out, ['None.\n'])
  assert.deepEqual(JSON.parse((await written(numbers(0), { json: true })).out.join('')), [])
})

test('JSON is one array, also over several pages', async () => {
  const { out } = await written(numbers(1001), { json: true })
  assert.equal((JSON.parse(out.join('')) as number[]).length, 1001)
})

test('what is left out is said on standard error', async () => {
  for (const json of [false, true]) {
    assert.equal(
      (await written(numbers(9), { limit: '4', json })).err,
      '… there are more; use --limit or --after 4\n',
    )
    assert.equal(
      (await written(onePage([1, 2, 3]), { limit: '1', json })).err,
      '… there are 2 more; use --limit\n',
    )
  }
})

test('a list that begins with its first items says how many more there are, and how to see them', async () => {
  const { out, err } = await written(numbers(120), { first: 50 })
  assert.equal(out.join('').split('\n').length, 1 + 50 + 2)
  assert.equal(err, '… there are 70 more; use --all, --limit or --after 50\n')
  assert.equal((await written(numbers(51), { first: 50 })).err.slice(0, 18), '… there is 1 more;')
  assert.match((await written(numbers(1000), { first: 50 })).err, /^… there are at least 500 more;/)
  for (const options of [{ all: true }, { json: true }, { limit: '120' }]) {
    const whole = await written(numbers(120), { first: 50, ...options })
    assert.deepEqual([whole.err, /119\b/.test(whole.out.join(''))], ['', true])
  }
})

test('a pager gets all of a table, and neither JSON nor an empty list', async () => {
  const file = path.join(data, 'paged')
  const paged = await written(numbers(1001), { pager: `cat > '${file}'` })
  assert.deepEqual(paged, { out: [], err: '' })
  assert.deepEqual(readFileSync(file, 'utf8'), (await written(numbers(1001), {})).out.join(''))
  const broken = 'exit 1'
  assert.deepEqual((await written(numbers(0), { pager: broken })).out, ['None.\n'])
  const { out } = await written(numbers(3), { pager: broken, json: true })
  assert.deepEqual(JSON.parse(out.join('')), [0, 1, 2])
})

const breaking: ReadPage<number> = async ({ after }) => {
  if (after !== undefined) throw new Error('the server went away')
  return { items: [1], after: '1' }
}

test('a pager that ends early ends the list, and one that is not there is named', async () => {
  const asked: { limit: number; after?: string }[] = []
  const listeners = process.listenerCount('SIGINT')
  const { out, err } = await written(numbers(100_000_000, asked), { pager: 'head -n 3 > /dev/null' })
  assert.deepEqual([out, err], [[], ''])
  assert(asked.length < 1000, `it read ${asked.length} pages`)
  await assert.rejects(written(numbers(3), { pager: 'no-such-pager 2> /dev/null' }), {
    message: 'the pager no-such-pager 2> /dev/null cannot be run',
  })
  await assert.rejects(written(breaking, { pager: 'cat > /dev/null' }), /went away/)
  assert.equal(process.listenerCount('SIGINT'), listeners)
})

// ------------------------------------------------------------- against the admin API

let door: TestDoor
const data = mkdtempSync(path.join(tmpdir(), 'mortise-list-'))
const tokens = 130
before(async () => {
  door = await startDoor()
  await leaveDoor(door, data)
  for (let made = 1; made < tokens; made++) await door.token('viewer')
})
after(async () => {
  await door.close()
  rmSync(data, { recursive: true, force: true })
})

const cli = (...words: string[]): Promise<CommandResult> => command(words, { data })

test('audit list shows the newest fifty, all of them with --all, --json or --csv', async () => {
  const all = await cli('audit', 'list', '--action', 'token.create', '--json')
  assert.deepEqual([all.code, all.stderr], [0, ''])
  const entries = JSON.parse(all.stdout) as { hash: string; object: string }[]
  assert.equal(entries.length, tokens)
  const first = await cli('audit', 'list', '--action', 'token.create')
  assert.match(
    first.stderr,
    new RegExp(`^… there are ${tokens - 50} more; use --all, --limit or --after \\d+\n$`),
  )
  const rows = first.stdout.split('\n').slice(1, -1)
  assert.equal(rows.length, 50)
  for (const [index, row] of rows.entries()) assert(row.includes(entries[index]?.object ?? 'none'))
  for (const flag of ['--all', '--csv']) {
    const whole = await cli('audit', 'list', '--action', 'token.create', flag)
    assert.deepEqual([whole.stderr, whole.stdout.split('\n').length], ['', tokens + 2])
  }
  const some = await cli('audit', 'list', '--action', 'token.create', '--limit', '120', '--json')
  const [, place = ''] = /there are 10 more; use --all, --limit or --after (\S+)\n/.exec(some.stderr) ?? []
  const rest = await cli('audit', 'list', '--action', 'token.create', '--after', place, '--json')
  assert.deepEqual(
    [...(JSON.parse(some.stdout) as { hash: string }[]), ...(JSON.parse(rest.stdout) as { hash: string }[])],
    entries,
  )
})

test('on a terminal the pager of the user shows it; --follow, --csv and --json have none', async () => {
  const file = path.join(data, 'paged')
  const onTerminal = (pager: string, ...words: string[]) =>
    command(['audit', 'list', ...words], { data, columns: 120, env: { MORTISE_PAGER: pager } })
  const paged = await onTerminal(`cat > '${file}'`, '--all')
  assert.deepEqual([paged.code, paged.stdout, paged.stderr], [0, '', ''])
  assert.equal(readFileSync(file, 'utf8'), (await cli('audit', 'list', '--all')).stdout)
  for (const words of [['--json'], ['--csv']])
    assert.equal(
      (await onTerminal('exit 127', ...words)).stdout,
      (await cli('audit', 'list', ...words)).stdout,
    )
  const missing = await onTerminal('no-such-pager 2> /dev/null')
  assert.deepEqual([missing.code, missing.stdout], [1, ''])
  assert.match(missing.stderr, /^mortise: the pager no-such-pager .* cannot be run\n +.*MORTISE_PAGER=cat/)
})

test('a place that no list named is refused, in words', async () => {
  const { code, stderr } = await cli('key', 'list', '--instance', 'red', '--after', 'zzz')
  assert.equal(code, 1)
  assert.match(stderr, /--after: it is not the number that an earlier page of this list named/)
})

test('flags of audit list that contradict each other are refused', async () => {
  for (const [words, why] of [
    [['--all', '--limit', '3'], /--all or --limit, not both/],
    [['--all', '--follow'], /--follow goes with none of --all, --after and --until/],
    [['--limit', '0'], /--limit takes a number above 0/],
    [['--limit', 'all'], /--limit takes a whole number, not all/],
  ] as const) {
    const { code, stdout, stderr } = await cli('audit', 'list', ...words)
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, why)
  }
})

test('lists that the API does not page take a limit too', async () => {
  const some = await cli('token', 'list', '--limit', '10', '--json')
  assert.equal((JSON.parse(some.stdout) as unknown[]).length, 10)
  assert.equal(some.stderr, `… there are ${tokens - 10} more; use --limit\n`)
})
