// Reads the states that conditions say (states.ts), in a session that is open: of machines, of hosts, of a key provider. A machine is kept
// no longer than it takes to count it.

import { VsphereError } from '../../outside/vsphere-api/errors.ts'
import { inventoryObjects, type InventoryObject } from '../../outside/vsphere-api/inventory.ts'
import { KeyProviders } from '../../outside/vsphere-api/key-providers.ts'
import type { VsphereSession } from '../../outside/vsphere-api/session.ts'
import { vcenterWords } from '../../outside/vsphere-api/soap.ts'
import { elementsOf, refOf, textAt } from '../../outside/vsphere-api/values.ts'
import { guestPaths, partIn, type NeededHosts } from './runs-here.ts'
import {
  isNotGreen,
  isNotSafe,
  FirstNames,
  shownStatus,
  type MachineStates,
  type NeededMachine,
} from './states.ts'

/** vSphere's names have 80 characters at most, some of which take three in a text. */
const nameCharactersMax = 240
/** Hosts that are kept while the states are read, and identifiers of those that are not safe: a vCenter has 2,500 hosts at most. */
const hostsMax = 10_000
/** Machines that run parts of this server and are kept while the states are read. */
const neededMachinesMax = 100

const machinePaths = [
  'name',
  'config.keyId',
  'runtime.cryptoState',
  'runtime.powerState',
  'runtime.host',
  'datastore',
  ...guestPaths,
] as const
const hostPaths = ['name', 'runtime.connectionState', 'runtime.cryptoState', 'runtime.cryptoKeyId'] as const

/** The parts of the site that a reading looks for. */
export interface NeededParts {
  readonly hosts: NeededHosts
  /** The keys of encrypted vSAN clusters, by the clusters' identifiers. */
  readonly vsanKeys: ReadonlyMap<string, string>
}

/**
 * A property that vCenter does not tell, or not to this user, is unknown, and raises nothing. Undefined: this vCenter has no such
 * properties, as those before 6.7. Rejects with VsphereError.
 */
export async function machineStates(
  session: VsphereSession,
  needed: NeededParts,
  signal: AbortSignal,
): Promise<MachineStates | undefined> {
  try {
    return await statesNow(session, needed, signal)
  } catch (error) {
    if (error instanceof VsphereError && error.fault === 'InvalidProperty') return undefined
    throw error
  }
}

/**
 * vCenter's words about a key provider that is not green. Null: it is green, or nothing is known, since the user lacks
 * Cryptographer.ManageKeyServers, or vCenter does not know the provider. Rejects with VsphereError.
 */
export async function providerTrouble(
  session: VsphereSession,
  provider: string,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const status = await new KeyProviders(session).status(provider, signal)
    return isNotGreen(status) ? vcenterWords(shownStatus(status)) : null
  } catch (error) {
    if (error instanceof VsphereError && (error.kind === 'privilege' || error.kind === 'fault')) return null
    throw error
  }
}

async function statesNow(
  session: VsphereSession,
  { hosts, vsanKeys }: NeededParts,
  signal: AbortSignal,
): Promise<MachineStates> {
  const datastoreKeys = await keysOfDatastores(session, vsanKeys, signal)
  const locked = new FirstNames()
  const needed: NeededMachine[] = []
  const encryptedHosts = new Set<string>()
  for await (const vm of inventoryObjects(session, { type: 'VirtualMachine', paths: machinePaths, signal })) {
    if (valueOf(vm, 'runtime.cryptoState') === 'locked') locked.add(nameOf(vm))
    const host = valueOf(vm, 'runtime.host')
    const runs = valueOf(vm, 'runtime.powerState') === 'poweredOn'
    const key = keyIn(vm, 'config.keyId')
    const startKey = key === '' ? datastoreKey(vm, datastoreKeys) : key
    const part = startKey === undefined ? undefined : partIn(hosts, vm)
    // Hosts fetch the keys of vSAN without vCenter.
    const isNeeded = part !== undefined && (key !== '' || part !== 'vCenter')
    if (isNeeded && needed.length < neededMachinesMax)
      needed.push({ name: nameOf(vm), part, key: startKey ?? '' })
    if (runs && host !== undefined && key !== '' && encryptedHosts.size < hostsMax) encryptedHosts.add(host)
  }
  const notSafe = new Map<string, string>()
  for await (const host of inventoryObjects(session, { type: 'HostSystem', paths: hostPaths, signal })) {
    const state = {
      connection: valueOf(host, 'runtime.connectionState'),
      crypto: valueOf(host, 'runtime.cryptoState'),
      hasKey: keyIn(host, 'runtime.cryptoKeyId') !== '',
      runsEncrypted: encryptedHosts.has(host.ref.id),
    }
    if (isNotSafe(state) && notSafe.size < hostsMax) notSafe.set(host.ref.id, nameOf(host))
  }
  return { locked, notSafe, needed }
}

/** The keys of encrypted vSAN datastores, by the datastores' identifiers. A cluster has datastores of other kinds, too. */
async function keysOfDatastores(
  session: VsphereSession,
  vsanKeys: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const keys = new Map<string, string>()
  if (vsanKeys.size === 0) return keys
  const vsan = new Set<string>()
  for await (const store of inventoryObjects(session, { type: 'Datastore', paths: ['summary.type'], signal }))
    if (valueOf(store, 'summary.type') === 'vsan') vsan.add(store.ref.id)
  const clusters = { type: 'ClusterComputeResource', paths: ['datastore'], signal }
  for await (const cluster of inventoryObjects(session, clusters)) {
    const key = vsanKeys.get(cluster.ref.id)
    if (key !== undefined) for (const id of datastoresOf(cluster)) if (vsan.has(id)) keys.set(id, key)
  }
  return keys
}

function datastoresOf({ values }: InventoryObject): readonly string[] {
  const listed = values.get('datastore')
  return elementsOf(listed, 'ManagedObjectReference').flatMap((one) => refOf(one)?.id ?? [])
}

function datastoreKey(vm: InventoryObject, keys: ReadonlyMap<string, string>): string | undefined {
  for (const id of datastoresOf(vm)) if (keys.has(id)) return keys.get(id)
  return undefined
}

function valueOf({ values }: InventoryObject, path: string): string | undefined {
  return values.get(path)?.text
}

/** The identifier in a CryptoKeyId; empty: it has none. */
function keyIn({ values }: InventoryObject, path: string): string {
  return textAt(values.get(path), 'keyId') ?? ''
}

function nameOf(object: InventoryObject): string {
  return vcenterWords((valueOf(object, 'name') ?? object.ref.id).slice(0, nameCharactersMax))
}
