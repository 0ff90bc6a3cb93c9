// The change-over with numbers, from any old server to Mortise: a simulated vCenter makes keys without pause, at the old address
// before and at Mortise after the change, while everything is adopted; hosts reboot; the old server is switched off. What
// counts at the end: failed tasks, missing keys, changed bytes. Every piece of work has a connection of its own, as vCenter's.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Address } from '../../../src/base/kmip-address.ts'
import type { ServerTrust } from '../../../src/outside/kmip-client/tls.ts'
import type { SavedKey } from '../../../src/tools/vsphere/key-inventory.ts'
import type { SimulationReport } from '../../../src/tools/vsphere/report.ts'
import { chooseScenarios } from '../../../src/tools/vsphere/scenarios/all.ts'
import { simulate } from '../../../src/tools/vsphere/simulate.ts'
import type { TestServer } from '../server/server.ts'

export interface OldSide {
  readonly address: Address
  readonly trust: ServerTrust
  /** How the command line recognizes it: `ca` or `fingerprint`, and its value. */
  readonly recognize: readonly [by: 'ca' | 'fingerprint', value: string]
  /** Files of a client that may read every key. */
  readonly cert: string
  readonly key: string
  /** For good. */
  readonly stop: () => Promise<unknown>
}

export interface ChangeOver {
  readonly old: OldSide
  readonly mine: TestServer
  /** The certificate of vCenter, which both servers trust; files. */
  readonly vcenter: { readonly cert: string; readonly key: string }
  readonly vms: number
  /** Called when the adoption begins. */
  readonly onAdopt?: () => void
}

export interface Numbers {
  /** Keys that the old server had at the end, and those of them that came over on demand. */
  readonly old: number
  readonly onDemand: number
  /** Keys that vCenter made at Mortise after the change. */
  readonly madeHere: number
  readonly failedTasks: number
  readonly violations: number
  readonly missing: number
  readonly changed: number
  readonly tasks: number
  readonly seconds: { readonly adopt: number; readonly reboot: number }
}

export async function changeOver({ old, mine, vcenter, vms, onAdopt }: ChangeOver): Promise<Numbers> {
  const site = new Vcenter(vcenter)
  const here = { address: mine.kmip, trust: { by: 'fingerprint', sha256: mine.serverCertSha256 } } as const
  await site.play(old, 'e,f,h,i', vms)
  const creating = site.createWithoutPause(old)
  const [by, value] = old.recognize
  const as = (prefix: string) => [
    `--${prefix}cert`,
    old.cert,
    `--${prefix}key`,
    old.key,
    `--${prefix}${by}`,
    value,
  ]
  const address = `${old.address.host}:${old.address.port}`
  const begunMs = performance.now()
  onAdopt?.()
  await mine.json('adopt', 'kmip', address, ...as(''), '--instance', 'default')
  const adopt = seconds(begunMs)
  await mine.json('instance', 'set', 'default', '--upstream', `kmip://${address}`, ...as('upstream-'))
  // vCenter still makes keys at the old server, which nobody adopts but on demand.
  await creating.until(site.keys.length + 12)
  creating.at(here)
  const atChange = site.keys.length
  await creating.until(atChange + 12)
  const before = await site.expect(here)
  const rebootMs = performance.now()
  await site.play(here, 'c,g', 8)
  const reboot = seconds(rebootMs)
  await creating.stop()
  const { compared } = (await mine.json('adopt', 'check', '--digests', '--instance', 'default')) as {
    compared: { equal: number; different: { count: number } }
  }
  const onDemand = await adoptedOnDemand(mine)
  await mine.json('instance', 'set', 'default', '--no-upstream')
  await old.stop()
  const after = await site.expect(here)
  await site.play(here, 'e', 4)
  const lost = [before, after].map(({ expected }) => expected ?? assert.fail('nothing was expected'))
  return {
    old: compared.equal,
    onDemand,
    madeHere: site.keys.length - compared.equal,
    failedTasks: site.failed,
    violations: site.violations,
    missing: lost.reduce((sum, { missing }) => sum + missing.length, 0),
    changed: lost.reduce((sum, { changed }) => sum + changed.length, compared.different.count),
    tasks: site.done,
    seconds: { adopt, reboot },
  }
}

type Side = Pick<OldSide, 'address' | 'trust'>

/** One vCenter for all of it: its keys, and what went wrong. */
class Vcenter {
  readonly #files: { readonly cert: Buffer; readonly key: Buffer }
  keys: readonly SavedKey[] = []
  failed = 0
  violations = 0
  done = 0
  #seed = 1

  constructor({ cert, key }: ChangeOver['vcenter']) {
    this.#files = { cert: readFileSync(cert), key: readFileSync(key) }
  }

  async play(side: Side, letters: string, vms: number): Promise<void> {
    const found = chooseScenarios(letters)
    assert.ok('chosen' in found)
    const report = await this.#run(side, { scenarios: found.chosen, vms })
    const known = new Set(this.keys.map(({ id }) => id))
    this.keys = [...this.keys, ...report.keys.filter(({ id }) => !known.has(id))]
  }

  /** Hosts and vCenter fetch each key again. */
  expect(side: Side): Promise<SimulationReport> {
    return this.#run(side, { scenarios: [], vms: 1, expect: this.keys })
  }

  createWithoutPause(first: Side) {
    let side = first
    const stopping = new AbortController()
    const loop = (async () => {
      while (!stopping.signal.aborted) await this.play(side, 'e', 3)
    })()
    return {
      at: (other: Side) => {
        side = other
      },
      until: async (count: number) => {
        while (this.keys.length < count) await new Promise((resolve) => setTimeout(resolve, 20))
      },
      stop: async () => {
        stopping.abort()
        await loop
      },
    }
  }

  async #run(
    { address, trust }: Side,
    more: Pick<Parameters<typeof simulate>[0], 'scenarios' | 'vms' | 'expect'>,
  ): Promise<SimulationReport> {
    const common = {
      addresses: [address],
      trust,
      ...this.#files,
      profile: '7.0.3',
      hosts: 4,
      speed: 1000,
    } as const
    const report = await simulate({ ...common, seed: this.#seed++, ...more })
    this.failed += report.pieces.failed
    this.done += report.pieces.done
    this.violations += report.violations.length
    assert.deepEqual([report.failures, report.violations], [[], []])
    return report
  }
}

async function adoptedOnDemand(mine: TestServer): Promise<number> {
  const shown = (await mine.json('instance', 'show', 'default')) as { upstream: { adopted: number } }
  return shown.upstream.adopted
}

function seconds(sinceMs: number): number {
  return Math.round((performance.now() - sinceMs) / 100) / 10
}
