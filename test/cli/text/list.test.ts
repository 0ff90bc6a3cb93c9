// Lists run to their end, stop where --limit says, and say how to see the rest. One page is in memory at a time.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Run } from '../../../src/cli/command.ts'
import { batches, onePage, writeList, type Columns, type ReadPage } from '../../../src/cli/text/list.ts'
import { leaveDoor, startDoor, type TestDoor } from '../../support/admin-door.ts'
import { command } from '../../support/command.ts'
import type { CommandResult } from '../../support/server.ts'

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
  assert.deepEqual([found.length, rest], [700, { count: null, after: '700' }])
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
  assert.deepEqual([found, rest], [[1, 2], { count: 3, after: null }])
})

const columns: Columns<number> = {
  headings: ['NUMBER', 'SQUARE'],
  rows: (number) => [[String(number), String(number * number)]],
  empty: 'None.\n',
  below: 'Below.\n',
}

async function written(read: ReadPage<number>, options: { limit?: string; json?: boolean }) {
  const out: string[] = []
  const err: string[] = []
  const world = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
  }
  const run = { world, json: options.json === true } as unknown as Run
  await writeList(run, options, columns, async () => read)
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

test('audit list does not stop after a hundred entries', async () => {
  const all = await cli('audit', 'list', '--action', 'token.create', '--json')
  assert.deepEqual([all.code, all.stderr], [0, ''])
  const entries = JSON.parse(all.stdout) as { hash: string }[]
  assert.equal(entries.length, tokens)
  const table = await cli('audit', 'list', '--action', 'token.create')
  assert.equal(table.stdout.split('\n').length, tokens + 2)
  const some = await cli('audit', 'list', '--action', 'token.create', '--limit', '120', '--json')
  const [, place = ''] = /there are more; use --limit or --after (\S+)\n/.exec(some.stderr) ?? []
  const rest = await cli('audit', 'list', '--action', 'token.create', '--after', place, '--json')
  assert.deepEqual(
    [...(JSON.parse(some.stdout) as { hash: string }[]), ...(JSON.parse(rest.stdout) as { hash: string }[])],
    entries,
  )
})

test('lists that the API does not page take a limit too', async () => {
  const some = await cli('token', 'list', '--limit', '10', '--json')
  assert.equal((JSON.parse(some.stdout) as unknown[]).length, 10)
  assert.equal(some.stderr, `… there are ${tokens - 10} more; use --limit\n`)
})
