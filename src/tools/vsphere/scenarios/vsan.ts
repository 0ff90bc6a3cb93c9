// vSAN data-at-rest encryption: hosts ask by themselves, from their own addresses, with vCenter's certificate.

import { attempt, type Scenario } from '../scenario.ts'
import { fetchVsanKeys, fetchVsanKeysAtBoot, makeVsanKeys, newKey, fetchAndActivate } from '../sequences.ts'
import type { Host, Site, VsanKeys } from '../site.ts'
import { together } from '../together.ts'

/** Hosts that vCenter informs of new keys begin within this time. */
const toldWithinMs = 500
/** After a power failure all hosts come back within seconds. */
const bootWithinMs = 2_000

async function enable(site: Site): Promise<void> {
  await attempt(async () => {
    const keys = await makeVsanKeys(site)
    site.vsan = keys
    await onEachHost(site, toldWithinMs, (host) => fetchVsanKeys(host, keys))
  })
}

async function bootAll(site: Site): Promise<void> {
  const keys = await ensureEnabled(site)
  if (keys) await onEachHost(site, bootWithinMs, (host) => fetchVsanKeysAtBoot(host, keys))
}

/** Shallow: a new key encryption key. The hosts open their disks' keys with the old one once more. */
async function rekey(site: Site): Promise<void> {
  const before = await ensureEnabled(site)
  if (!before) return
  await attempt(async () => {
    const keyEncryptionKey = await newKey(site, 'vSAN cluster', 'vSAN')
    await fetchAndActivate(site, keyEncryptionKey)
    const after = { ...before, keyEncryptionKey }
    site.vsan = after
    await onEachHost(site, toldWithinMs, async (host) => {
      await fetchVsanKeys(host, before)
      await fetchVsanKeys(host, after)
    })
  })
}

/** New keys from the new provider (here the same servers), while the old one still serves the old keys. */
async function changeProvider(site: Site): Promise<void> {
  const before = await ensureEnabled(site)
  if (!before) return
  await attempt(async () => {
    const after = await makeVsanKeys(site)
    await onEachHost(site, toldWithinMs, async (host) => {
      await fetchVsanKeys(host, before)
      await fetchVsanKeys(host, after)
    })
    site.vsan = after
    await onEachHost(site, toldWithinMs, (host) => fetchVsanKeys(host, after))
  })
}

async function ensureEnabled(site: Site): Promise<VsanKeys | undefined> {
  if (!site.vsan) await enable(site)
  return site.vsan
}

/** All at once, each a little after the previous one. */
async function onEachHost(
  { hosts, tempo }: Site,
  withinMs: number,
  run: (host: Host) => Promise<void>,
): Promise<void> {
  await together(
    hosts.map(async (host, index) => {
      await tempo.gap((withinMs * index) / hosts.length)
      await attempt(() => run(host))
    }),
  )
}

export const vsanScenarios: readonly Scenario[] = [
  {
    id: 'i',
    name: 'vsan-enable',
    title: 'vSAN encryption is switched on; every host fetches its keys',
    run: enable,
  },
  { id: 'j', name: 'vsan-boot', title: 'all vSAN hosts boot within seconds', run: bootAll },
  { id: 'o', name: 'vsan-rekey', title: 'a shallow rekey of vSAN', run: rekey },
  { id: 'p', name: 'vsan-provider', title: 'vSAN changes its key provider', run: changeProvider },
]
