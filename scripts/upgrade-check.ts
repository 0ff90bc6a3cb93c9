// `npm run upgrade-check`: two nodes of the commit that test/system/upgrade-from names are restarted one after the other as
// this version, and back again, while vCenter and its hosts go on with their work: no task may fail, no key may be lost, and
// each version must serve what the other one made.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { argumentsOf } from './arguments.ts'
import { startNodes } from '../test/support/server/nodes.ts'
import { startPostgres } from '../test/support/postgresql/server.ts'
import { commandOf, roll } from '../test/support/server/rolling.ts'

argumentsOf('upgrade-check', {})
const startedMs = Date.now()
process.env['NODE_COMPILE_CACHE'] ??= path.join(import.meta.dirname, '../node_modules/.cache/compiled')
const commit = readFileSync(path.join(import.meta.dirname, '../test/system/upgrade-from'), 'utf8').trim()
const say = (text: string): void => {
  process.stdout.write(`${((Date.now() - startedMs) / 1000).toFixed(0)} s: ${text}\n`)
}

const older = commandOf(commit)
const database = await startPostgres({ skip: (why) => say(why ?? 'skipped') })
if (!database) process.exit(process.env['CI'] === 'true' ? 1 : 0)
try {
  await using nodes = await startNodes(database, { command: older })
  const files = await nodes.one.server.issue('vcenter')
  say(`two nodes of ${commit.slice(0, 10)} serve`)
  for (const [what, to] of [
    ['this version', undefined],
    ['the older one again', older],
    ['this version again', undefined],
  ] as const)
    say(
      `both are ${what}; meanwhile vSphere did its work ${await roll(nodes, files, to)} times, and nothing failed`,
    )
  for (const { server } of nodes.both) await server.json('audit', 'verify')
  say('the audit of both verifies')
} finally {
  await database.stop('immediate')
}
