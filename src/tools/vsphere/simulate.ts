// A run of the simulator: creates a site, plays scenarios on it one after the other, fetches the keys of an earlier run
// again, and sums everything up. It needs only a server that trusts it.

import { addressText } from '../../base/kmip-address.ts'
import { openConnection } from '../../outside/kmip-client/connection.ts'
import {
  isNotFound,
  KmipRefused,
  KmipTransportError,
  noneAnswered,
} from '../../outside/kmip-client/errors.ts'
import { RunLog } from './run-log.ts'
import type { SavedKey } from './key-inventory.ts'
import { markKeys } from './marks.ts'
import { sumUp, type ExpectedReport, type SimulationReport, type ScenarioReport } from './report.ts'
import { attempt, type Scenario } from './scenario.ts'
import { Site, type SiteOptions } from './site.ts'
import { forEach } from './together.ts'

export interface SimulationOptions extends Omit<SiteOptions, 'runLog'> {
  readonly scenarios: readonly Scenario[]
  /** Keys that the server must still serve unchanged. */
  readonly expect?: readonly SavedKey[] | undefined
  /** Called when a scenario ends. */
  readonly ended?: (scenario: ScenarioReport) => void
}

/** Throws TlsOptionsError. A server that does not answer is part of the report. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const { scenarios, expect, addresses, profile, seed, hosts, vms, signal } = options
  const runLog = new RunLog()
  const site = await Site.open({ ...options, runLog })
  const isThere = await reach(site)
  const played: ScenarioReport[] = []
  const marked = new Set<string>()
  for (const scenario of isThere ? scenarios : []) {
    if (signal?.aborted) break
    const report = await play(scenario, site)
    played.push(report)
    await markKeys(site, marked)
    options.ended?.(report)
  }
  const fetched = expect === undefined ? null : await fetchExpected(site, isThere ? expect : [])
  const interrupted = signal?.aborted === true
  // After an interruption the simulator did not ask for the rest, so it knows nothing of them.
  const expected = interrupted ? null : fetched
  return sumUp(runLog, {
    interrupted,
    server: addresses.map(addressText),
    profile,
    seed,
    hosts,
    vms,
    scenarios: played,
    expected,
    keys: expect === undefined ? site.inventory.saved() : merged(expect, site.inventory.saved()),
  })
}

/** If no address admits the client, every scenario would fail, each after a time-out. So find out first. */
async function reach({ addresses, tls, runLog }: Site): Promise<boolean> {
  const attempts: KmipTransportError[] = []
  for (const address of addresses) {
    try {
      const connection = await openConnection(address, { tls })
      await connection.close()
      return true
    } catch (error) {
      if (!(error instanceof KmipTransportError)) throw error
      attempts.push(error)
    }
  }
  runLog.begin('-')
  runLog.failed('reach the server', `${noneAnswered(attempts).message}; nothing was played`)
  return false
}

async function play({ id, name, title, run }: Scenario, site: Site): Promise<ScenarioReport> {
  const begunMs = performance.now()
  const counts = site.runLog.begin(id)
  await run(site)
  return { id, name, title, ...counts, ms: Math.round(performance.now() - begunMs) }
}

/** Like after a reboot: each key on a connection of its own. */
async function fetchExpected(site: Site, expect: readonly SavedKey[]): Promise<ExpectedReport> {
  const missing: SavedKey[] = []
  const changed: SavedKey[] = []
  const unanswered: SavedKey[] = []
  site.runLog.begin('expect')
  await forEach(expect, 3, async (key) => {
    const served = await attempt(() =>
      site.vcenter.work('fetch a key of an earlier run', async (session) => {
        try {
          if ((await session.get(key.id)) !== key.sha256) changed.push(key)
          const state = await session.state(key.id)
          if (state !== key.state) site.runLog.remark('State', `a key changed from ${key.state} to ${state}`)
        } catch (error) {
          if (!(error instanceof KmipRefused)) throw error
          site.runLog.refused(error)
          const isGone = isNotFound(error) || error.reason === 'ObjectDestroyed'
          if (isGone) missing.push(key)
          else unanswered.push(key)
        }
      }),
    )
    if (!served) unanswered.push(key)
  })
  return { checked: expect.length, missing, changed, unanswered }
}

/** The file that is written afterwards also holds the earlier keys. */
function merged(before: readonly SavedKey[], now: readonly SavedKey[]): readonly SavedKey[] {
  const ids = new Set(now.map(({ id }) => id))
  return [...before.filter(({ id }) => !ids.has(id)), ...now]
}
