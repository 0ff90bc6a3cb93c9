// Encrypted virtual machines: the first one on each host, further ones, a host that boots, and a rekey whose old key is
// still needed.

import { attempt, type Scenario } from '../scenario.ts'
import { encrypt, encryptFirstOnHost, fetchAgain, hostNotes, vmNotes } from '../sequences.ts'
import type { Host, Site, VirtualMachine } from '../site.ts'
import type { Note } from '../vcenter-session.ts'
import { forEach } from '../together.ts'

/** How many tasks of one vCenter run at once; they share its connections. */
const tasksMax = 3

async function encryptFirst(site: Site): Promise<void> {
  await forEach(firstOnEachHost(site), tasksMax, async (vm) => {
    const encrypted = vm.key === undefined && (await attempt(() => encryptFirstOnHost(site, vm)))
    if (encrypted) await attempt(() => readNotesBack(site, vm))
  })
}

/**
 * vCenter does not do this. It adds notes to a key and activates it at the same time, and only this check reveals a
 * server that loses one of the two.
 */
async function readNotesBack(site: Site, vm: VirtualMachine): Promise<void> {
  if (site.profile.productVersion === undefined) return
  await compareNotes(site, vm.key, vmNotes(vm))
  await compareNotes(site, vm.host.hostKey, hostNotes(vm.host))
}

async function compareNotes(
  { vcenter, runLog, profile }: Site,
  key: string | undefined,
  notes: readonly Note[],
): Promise<void> {
  if (key === undefined) return
  await vcenter.work('read notes back', async (session) => {
    for (const [name, value] of [['x-Product_Version', profile.productVersion], ...notes] as const) {
      const attribute = await session.attribute(key, name)
      if (attribute.length === 0) runLog.remark('AddAttribute', 'a note is missing from the key')
      else if (!attribute.includes(value ?? '')) runLog.violation('AddAttribute', 'a note was changed')
    }
    if ((await session.state(key)) !== 'Active')
      runLog.violation('Activate', 'the key is not Active, though it was activated')
  })
}

async function encryptOthers(site: Site): Promise<void> {
  await ensureFirst(site)
  const others = site.vms.filter(({ key }) => key === undefined)
  // If all have a key already, this adds a disk to one of them, so to say.
  const chosen = others.length > 0 ? others : site.vms.slice(0, 1)
  await forEach(chosen, tasksMax, async (vm) => void (await attempt(() => encrypt(site, vm))))
}

async function rebootHosts(site: Site): Promise<void> {
  await ensureFirst(site)
  for (const host of site.hosts)
    await attempt(async () => {
      await fetchAgain(site, keysOn(site, host))
    })
}

async function rekey(site: Site): Promise<void> {
  await ensureFirst(site)
  await forEach(
    site.vms.filter(({ key }) => key !== undefined),
    tasksMax,
    async (vm) => {
      await attempt(() => encrypt(site, vm))
      await attempt(() => fetchAgain(site, [...vm.formerKeys, ...(vm.key === undefined ? [] : [vm.key])]))
    },
  )
}

function firstOnEachHost({ hosts, vms }: Site): readonly VirtualMachine[] {
  return hosts.flatMap((host) => vms.find((vm) => vm.host === host) ?? [])
}

function keysOn({ vms }: Site, host: Host): readonly string[] {
  const keys = [
    host.hostKey,
    ...vms.filter((vm) => vm.host === host).flatMap((vm) => [vm.key, ...vm.formerKeys]),
  ]
  return keys.filter((key) => key !== undefined)
}

/** Prepares what a scenario needs, if no earlier one has. */
async function ensureFirst(site: Site): Promise<void> {
  if (site.vms.every(({ key }) => key === undefined)) await encryptFirst(site)
}

export const machineScenarios: readonly Scenario[] = [
  {
    id: 'e',
    name: 'first-vm',
    title: 'the first encrypted virtual machine on each host',
    run: encryptFirst,
  },
  {
    id: 'f',
    name: 'more-vms',
    title: 'more encrypted virtual machines on hosts that have their key',
    run: encryptOthers,
  },
  { id: 'g', name: 'host-reboot', title: 'hosts reboot and need all their keys again', run: rebootHosts },
  { id: 'h', name: 'rekey', title: 'a shallow rekey; snapshots still need the old keys', run: rekey },
]
