// `npm run conformance`: starts the real server and runs the OASIS cases of KMIP 1.x against it, with the runner in the
// folder beside the project, where that is there. Prints the totals. For information: always ends well, and in bounded
// time.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { startServer } from '../test/support/server.ts'

const reference = path.resolve(import.meta.dirname, '../../shared/kmip')
const runner = path.join(reference, 'runner/kmip_acceptance.py')
const timeLimitMs = 10 * 60_000

if (!existsSync(runner)) say('the OASIS cases are not here: nothing to measure')
else if (spawnSync('python3', ['--version']).status !== 0) say('there is no python3: nothing is measured')
else
  await measure(process.argv.slice(2)).catch((error: unknown) =>
    say(`could not be measured: ${String(error)}`),
  )

async function measure(more: readonly string[]): Promise<void> {
  const cases = readdirSync(path.join(reference, 'cases'))
    .filter((name) => name.startsWith('v1.'))
    .map((name) => path.join(reference, 'cases', name))
  const smoke = spawnSync('python3', ['-B', runner, '--check', '-q', ...cases], { encoding: 'utf8' })
  if (smoke.status !== 0) throw new Error(`the runner's own check failed: ${smoke.stderr}`)
  await using server = await startServer()
  const { caFile, certFile, keyFile } = await server.issue('conformance')
  const tls = ['--ca', caFile, '--cert', certFile, '--key', keyFile]
  const port = ['--port', String(server.kmip.port)]
  const child = spawn(
    'python3',
    ['-B', runner, ...port, ...tls, ...(more.length > 0 ? more : ['-q']), ...cases],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: timeLimitMs,
    },
  )
  // Only the totals: a line for each failed case is for those who ask (`npm run conformance -- --report FILE`).
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    if (more.length > 0 || /^KMIP |passed/.test(line)) say(line)
  })
  await once(child, 'close')
  if (child.signalCode !== null) say(`stopped after ${timeLimitMs / 60_000} minutes`)
}

/** Marked, so that nobody takes these totals for those of the project's own tests. */
function say(line: string): void {
  process.stdout.write(`oasis cases | ${line}\n`)
}
