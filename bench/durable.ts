// Measures the work that waits for the disk, beside what SQLite commits by itself: `node bench/durable.ts [SECONDS] [ROUNDS]` (1.5 and 5). A Create,
// whose rows SQLite commits in groups of as many as there are connections; and a Get with `audit.reads = "durable"`, beside
// the slower of a bare TLS server and of SQLite with one audit entry for each.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { measure, middleOf } from './measure.ts'
import { markdownRow, writePart } from './results.ts'
import { makeFolder, nodeFlags, onCore, startBare, startMortise } from './servers.ts'

const seconds = Number(process.argv[2] ?? 1.5)
const rounds = Number(process.argv[3] ?? 5)
const creates = ['--mix', 'create', '--connections', '32']
const gets = ['--mix', 'get', '--connections', '8']

using folder = await makeFolder()
using mortise = await startMortise(folder)
using durable = await startMortise(folder, { MORTISE_AUDIT_READS: 'durable' })
using bare = await startBare(folder)

function sqlite(what: 'create' | 'entry'): number {
  const script = path.join(import.meta.dirname, 'sqlite-commits.ts')
  const [program, ...args] = onCore(0, process.execPath, ...nodeFlags, script, what, String(seconds))
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

const rates = {
  create: [] as number[],
  rows: [] as number[],
  get: [] as number[],
  entry: [] as number[],
  echo: [] as number[],
}
for (let round = 0; round < rounds; round++) {
  rates.create.push((await measure(mortise, seconds, creates)).perSecond)
  rates.rows.push(sqlite('create'))
  rates.get.push((await measure(durable, seconds, gets)).perSecond)
  rates.entry.push(sqlite('entry'))
  rates.echo.push((await measure(bare, seconds, gets)).perSecond)
}
const [create, rows] = [middleOf(rates.create), middleOf(rates.rows)]
const [get, entry, echo] = [middleOf(rates.get), middleOf(rates.entry), middleOf(rates.echo)]

writePart(
  'What waits for the disk',
  `
Written by \`node bench/durable.ts ${seconds} ${rounds}\` on ${new Date().toISOString().slice(0, 10)}: medians of ${rounds} runs of ${seconds} s. SQLite runs the store's
own statements with values that were recorded before, in one thread and without a server.

${markdownRow('', 'per second', 'SQLite alone, grouped', 'bare TLS server')}
${markdownRow('---', '--:', '--:', '--:')}
${markdownRow('Create, 32 connections', create.toFixed(0), rows.toFixed(0), '-')}
${markdownRow('Get with audit.reads = "durable", 8 connections', get.toFixed(0), entry.toFixed(0), echo.toFixed(0))}

${markdownRow('', 'rate / the lowest of the others')}
${markdownRow('---', '--:')}
${markdownRow('Create, 32 connections', (create / rows).toFixed(2))}
${markdownRow('Get with audit.reads = "durable", 8 connections', (get / Math.min(entry, echo)).toFixed(2))}
`,
)
