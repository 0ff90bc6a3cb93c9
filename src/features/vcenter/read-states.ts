// Reads the states that conditions say (states.ts), in a session that is open: of machines, of hosts, of a key provider. A machine is kept
// no longer than it takes to count it.

import { VsphereError } from '../../outside/vsphere-api/errors.ts'
import { inventoryObjects, type InventoryObject } from '../../outside/vsphere-api/inventory.ts'
import { KeyProviders } from '../../outside/vsphere-api/key-providers.ts'
import type { VsphereSession } from '../../outside/vsphere-api/session.ts'
import { vcenterWords } from '../../outside/vsphere-api/soap.ts'
import { textAt } from '../../outside/vsphere-api/values.ts'
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
  ...guestPaths,
] as const
const hostPaths = ['name', 'runtime.connectionState', 'runtime.cryptoState', 'runtime.cryptoKeyId'] as const

/**
 * A property that vCenter does not tell, or not to this user, is unknown, and raises nothing. Undefined: this vCenter has no such
 * properties, as those before 6.7. Rejects with VsphereError.
 */
export async function machineStates(
  session: VsphereSession,
  needed: NeededHosts,
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
  hosts: NeededHosts,
  signal: AbortSignal,
): Promise<MachineStates> {
  const locked = new FirstNames()
  const needed: NeededMachine[] = []
  const encryptedHosts = new Set<string>()
  for await (const vm of inventoryObjects(session, { type: 'VirtualMachine', paths: machinePaths, signal })) {
    if (valueOf(vm, 'runtime.cryptoState') === 'locked') locked.add(nameOf(vm))
    const host = valueOf(vm, 'runtime.host')
    const runs = valueOf(vm, 'runtime.powerState') === 'poweredOn'
    const key = keyIn(vm, 'config.keyId')
    const part = key === '' ? undefined : partIn(hosts, vm)
    if (part !== undefined && needed.length < neededMachinesMax) needed.push({ name: nameOf(vm), part, key })
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
