// All comparisons, one after the other: `npm run bench`, about half an hour; `npm run bench -- --quick`, about five minutes.
// Each writes its part of RESULTS.md and says what became worse. With --server: that server beside Mortise and PyKMIP's.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { argumentsOf } from '../scripts/arguments.ts'
import { otherServerHelp, otherServerOptions, otherServerUsage } from './other-server.ts'
import { nodeFlags } from './servers.ts'

const { quick, ...other } = argumentsOf(
  `bench -- [--quick] ${otherServerUsage}`,
  { options: { ...otherServerOptions, quick: { type: 'boolean', default: false } } },
  otherServerHelp,
).values
const otherWords = process.argv.slice(2).filter((word) => word !== '--quick')

const compare = ['compare.ts', ...(quick ? ['1', '3'] : ['2', '5'])]
const runs: readonly (readonly string[])[] =
  Object.keys(other).length > 0
    ? [[...compare, ...otherWords]]
    : [
        compare,
        ['durable.ts', ...(quick ? ['1', '1'] : ['2', '5'])],
        ['boot-storm.ts', '2000'],
        ['postgresql.ts', ...(quick ? ['1', '1'] : ['2', '5'])],
        ['large.ts', ...(quick ? ['100000', '1'] : ['1000000', '5'])],
      ]

for (const [script = '', ...words] of runs) {
  process.stdout.write(`\n${script} ${words.join(' ')}\n\n`)
  const { status } = spawnSync(
    process.execPath,
    [...nodeFlags, path.join(import.meta.dirname, script), ...words],
    {
      stdio: 'inherit',
    },
  )
  if (status !== 0) process.exitCode = 1
}
