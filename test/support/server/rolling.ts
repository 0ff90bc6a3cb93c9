// Restarts two nodes one after the other, perhaps as another version, while vCenter and its hosts go on with their work. A task
// has failed only if neither node did it: vCenter tries the other one by itself.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { SimulationReport } from '../../../src/tools/vsphere/report.ts'
import type { Nodes } from './nodes.ts'
import type { ClientFiles, StartOptions } from './server.ts'
import { playVsphere } from '../clients/vsphere.ts'

const root = path.resolve(import.meta.dirname, '../../..')
/** What vCenter and its hosts do all day: machines are encrypted, started, moved, rekeyed, and keys fetched again. */
const scenarios = 'b,e,f,g,h,i,j,m,n,o'

const archiveBytesMax = 256 * 1024 * 1024

/** How often vSphere did all of `scenarios` meanwhile. Rejects if a task failed. */
export async function roll(nodes: Nodes, files: ClientFiles, to: StartOptions['command']): Promise<number> {
  const over = new AbortController()
  const addresses = nodes.both.map(({ server }) => server.kmip)
  const running: Promise<SimulationReport>[] = []
  let plays = 0
  const play = async (player: number) => {
    do {
      // The list of key servers begins with another one each time.
      const order = plays % 2 === 0 ? addresses : addresses.toReversed()
      running[player] = playVsphere(files.tls, order, scenarios, { seed: plays + 1 })
      const report = await running[player]
      assert.deepEqual([report.failures, report.violations], [[], []])
      plays += 1
    } while (!over.signal.aborted)
  }
  const played = Promise.all([play(0), play(1)])
  const restarted = (async () => {
    for (const node of nodes.both) {
      assert.equal(await node.server.stop(), 0, node.server.stderr())
      node.command = to
      await node.start()
      // A task that met neither node while this one was away may not meet the next one's stop.
      await Promise.all(running)
    }
  })()
  try {
    await Promise.race([restarted, played])
    await restarted
  } finally {
    over.abort()
  }
  await played
  return plays
}

/** Starts the server of an older commit: its sources, with its own packages. Throws if the clone lacks the commit. */
export function commandOf(commit: string): NonNullable<StartOptions['command']> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-older-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const archive = execFileSync('git', ['archive', commit, 'src', 'package.json', 'package-lock.json'], {
    cwd: root,
    maxBuffer: archiveBytesMax,
  })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  const install = [
    'ci',
    '--omit=dev',
    '--omit=optional',
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
  ]
  execFileSync('npm', install, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  const flags = ['--disable-sigusr1', '--disable-warning=ExperimentalWarning']
  const main = ['src/program/main.ts', 'src/main.ts']
    .map((name) => path.join(folder, name))
    .find((file) => existsSync(file))
  if (main === undefined) throw new Error(`${commit} has no program`)
  return [process.execPath, ...flags, main]
}
