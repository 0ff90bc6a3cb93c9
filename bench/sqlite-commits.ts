// Measures how fast SQLite alone commits what Mortise writes: `node bench/sqlite-commits.ts WHAT SECONDS`, with WHAT `create` (all rows of a
// Create, in groups of 32) or `entry` (one audit entry, in groups of 8). The statements and their values are the store's own,
// recorded beforehand; what is measured is running and committing them durably. Prints how many pieces of work it commits in a
// second. durable.ts runs it.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { StatementSync } from 'node:sqlite'
import { openFile } from '../src/outside/store/sqlite/file.ts'
import { statementSql, type Query } from '../src/outside/store/steps.ts'
import { record, works } from './recorded-writes.ts'

function commit(file: string, groups: readonly (readonly Query[])[], group: number, seconds: number): number {
  const opened = openFile(file)
  const { database } = opened
  const prepared = new Map<string, StatementSync>()
  for (const { name } of groups.flat())
    if (!prepared.has(name)) prepared.set(name, database.prepare(statementSql[name]))
  const [begin, end] = [database.prepare('BEGIN IMMEDIATE'), database.prepare('COMMIT')]
  database.exec('PRAGMA synchronous = FULL')
  const begunMs = performance.now()
  let committed = 0
  for (const queries of groups) {
    if (performance.now() - begunMs > seconds * 1000) break
    begin.run()
    for (const { name, values } of queries) prepared.get(name)?.run(...values)
    end.run()
    committed += group
  }
  const perSecond = (committed * 1000) / (performance.now() - begunMs)
  opened.close()
  return perSecond
}

const [what, seconds = '1'] = process.argv.slice(2)
if (what !== 'create' && what !== 'entry') throw new Error('create or entry')
const work = works[what]
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-sqlite-'))
try {
  const groups = record(path.join(folder, 'recorded.db'), work)
  const perSecond = commit(path.join(folder, 'measured.db'), groups, work.group, Number(seconds))
  process.stdout.write(`${perSecond.toFixed(0)}\n`)
} finally {
  rmSync(folder, { recursive: true })
}
