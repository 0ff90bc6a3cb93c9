// Does what vCenter and hosts do, connection by connection, with the pauses and overlaps of recorded connections of 6.7,
// 7.0.3 and 8.0.1. A comment says "presumed" where there is no recording. Each function rejects with PieceFailed if the
// real task would fail.

import type { Host, Site, VirtualMachine, VsanKeys } from './site.ts'
import type { KeyKind } from './key-inventory.ts'
import type { KmipEndpoint } from './endpoint.ts'
import type { Note, VCenterSession } from './vcenter-session.ts'
import { together } from './together.ts'

// ---------------------------------------------------------------- The provider

/** "Add Standard Key Provider" and "Trust": the first look at a server. */
export async function addProvider({ vcenter, tempo }: Site): Promise<string | undefined> {
  await vcenter.handshake()
  await tempo.gap(126)
  await together([vcenter.handshake(), tempo.gap(2).then(() => sayVersionsTwice(vcenter))])
  await tempo.gap(103)
  const vendor = await vcenter.work('ask for the vendor', (session) => session.vendor())
  await tempo.gap(236)
  await vcenter.handshake()
  await tempo.gap(46)
  await sayVersionsTwice(vcenter)
  await tempo.gap(79)
  await vcenter.handshake()
  return vendor
}

/** Each time a user views the provider in the vSphere Client. */
export async function refreshStatus({ vcenter, tempo }: Site): Promise<void> {
  await vcenter.handshake()
  await tempo.gap(102)
  await sayVersionsTwice(vcenter)
  await tempo.gap(238)
  await vcenter.handshake()
}

export const healthCheckEveryMs = 300_000

export async function checkHealth({ vcenter, tempo }: Site): Promise<void> {
  await vcenter.handshake()
  await tempo.gap(50)
  await sayVersionsTwice(vcenter)
}

function sayVersionsTwice(vcenter: KmipEndpoint): Promise<void> {
  return vcenter.work('ask for versions', (session) => session.discoverVersions(false))
}

// ---------------------------------------------------------------- Encrypted virtual machines

/** The first one on a host, which needs a key of its own for core dumps. Also a virtual TPM. */
export async function encryptFirstOnHost(site: Site, vm: VirtualMachine): Promise<void> {
  if (vm.host.hostKey !== undefined) return encrypt(site, vm)
  const { tempo, profile } = site
  const key = await newKey(site, vm.name, 'virtual machine')
  await tempo.gap(35)
  if (profile.order === 'together') {
    const hostKey = await newKey(site, vm.host.name, 'host')
    await useAndNote(site, hostKey)
    await noteOwner(site, hostKey, hostNotes(vm.host))
    vm.host.hostKey = hostKey
    await useAndNote(site, key)
    await tempo.gap(1_590)
  } else {
    const making = tempo.gap(45).then(() => newKey(site, vm.host.name, 'host'))
    const [hostKey] = await together([making, noteProduct(site, key)])
    await tempo.gap(104)
    await together([fetchAndActivate(site, hostKey), tempo.gap(10).then(() => noteProduct(site, hostKey))])
    vm.host.hostKey = hostKey
    await tempo.gap(195)
    await noteOwner(site, hostKey, hostNotes(vm.host))
    await tempo.gap(267)
    await fetchAndActivate(site, key)
    await tempo.gap(1_590)
  }
  await noteOwner(site, key, vmNotes(vm))
  vm.key = key
}

/** Another one on a host that has its key (presumed: the same without the host's part). Also a shallow rekey. */
export async function encrypt(site: Site, vm: VirtualMachine): Promise<void> {
  const { tempo, profile } = site
  const key = await newKey(site, vm.name, 'virtual machine')
  await tempo.gap(35)
  if (profile.order === 'together') await useAndNote(site, key)
  else {
    await noteProduct(site, key)
    await tempo.gap(267)
    await fetchAndActivate(site, key)
  }
  await tempo.gap(1_590)
  await noteOwner(site, key, vmNotes(vm))
  if (vm.key !== undefined) vm.formerKeys.push(vm.key)
  vm.key = key
}

/** After a host restarted, or a virtual machine moved to it: each key on a connection of its own. */
export async function fetchAgain({ vcenter }: Site, keys: readonly string[]): Promise<void> {
  await together(keys.map((key) => vcenter.work('fetch a key again', (session) => fetchIn(session, key))))
}

/** Hosts and vCenter do this first with any key. */
export function fetchAndActivate({ vcenter, runLog }: Site, key: string): Promise<void> {
  return vcenter.work('fetch and activate a key', async (session) => {
    const state = await fetchIn(session, key)
    if (state !== 'Active') runLog.violation('GetAttributes', `the State of a new key is ${state}`)
  })
}

/** Get, State, and Activate if needed. Returns the resulting state. */
async function fetchIn(session: VCenterSession, key: string): Promise<string> {
  await session.get(key)
  const state = await session.state(key)
  if (state !== 'PreActive') return state
  await session.activate(key)
  return 'Active'
}

export function newKey({ vcenter }: Site, owner: string, kind: KeyKind): Promise<string> {
  return vcenter.work('make a key', (session) => session.create(owner, kind))
}

/** 8.0.1 does both at once, on two connections. */
async function useAndNote(site: Site, key: string): Promise<void> {
  await together([fetchAndActivate(site, key), noteProduct(site, key)])
}

// ---------------------------------------------------------------- Notes on keys

export async function noteProduct(site: Site, key: string): Promise<void> {
  const { productVersion } = site.profile
  if (productVersion === undefined) return
  await note(site, key, [
    ['x-Product_Version', productVersion],
    ['x-Vendor', 'VMware, Inc.'],
    ['x-Product', 'VMware vSphere'],
  ])
}

async function noteOwner(site: Site, key: string, notes: readonly Note[]): Promise<void> {
  if (site.profile.productVersion !== undefined) await note(site, key, notes)
}

/** Asks for each attribute first, one at a time, and adds the missing ones in one batch. */
async function note({ vcenter }: Site, key: string, notes: readonly Note[]): Promise<void> {
  await vcenter.work('note on a key', async (session) => {
    const missing: Note[] = []
    for (const one of notes) if ((await session.attribute(key, one[0])).length === 0) missing.push(one)
    if (missing.length > 0) await session.addAttributes(key, missing)
  })
}

export function vmNotes({ name, uuid }: VirtualMachine): readonly Note[] {
  return [
    ['x-Identifier', uuid],
    ['x-Component', 'Virtual Machine'],
    ['x-Name', name],
  ]
}

export function hostNotes({ name, uuid }: Host): readonly Note[] {
  return [
    ['x-Identifier', uuid],
    ['x-Component', 'ESXi Server'],
    ['x-Name', name],
  ]
}

// ---------------------------------------------------------------- vSAN (presumed: documented, never recorded)

/** vCenter's part: a key that encrypts the disks' keys, and one for the hosts' core dumps. */
export async function makeVsanKeys(site: Site): Promise<VsanKeys> {
  const keyEncryptionKey = await newKey(site, 'vSAN cluster', 'vSAN')
  const hostKey = await newKey(site, 'vSAN cluster hosts', 'vSAN')
  for (const key of [keyEncryptionKey, hostKey]) {
    await fetchAndActivate(site, key)
    await noteProduct(site, key)
  }
  return { keyEncryptionKey, hostKey }
}

/** A host's part: both keys on one connection, with vCenter's certificate, from the host's own address. */
export function fetchVsanKeys({ endpoint }: Host, { keyEncryptionKey, hostKey }: VsanKeys): Promise<void> {
  return endpoint.work('fetch the vSAN keys', async (session) => {
    for (const key of [keyEncryptionKey, hostKey]) {
      await session.get(key)
      await session.state(key)
    }
  })
}

/** The same when it boots: a connection for each key, both at once. */
export async function fetchVsanKeysAtBoot(
  { endpoint }: Host,
  { keyEncryptionKey, hostKey }: VsanKeys,
): Promise<void> {
  await together(
    [keyEncryptionKey, hostKey].map((key) =>
      endpoint.work('fetch a vSAN key at boot', async (session) => {
        await session.get(key)
        await session.state(key)
      }),
    ),
  )
}
