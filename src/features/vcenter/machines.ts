// The machines of a vCenter and their keys, as rows of an inventory: VMs and templates with their disks and snapshots, hosts, and clusters
// with vSAN. Not here: disks that no machine has (first-class disks).

import { Refusal } from '../../base/refusal.ts'
import type { InventoryRow } from '../../core/ports/inventory.ts'
import { inventoryObjects, objectsNamed, type InventoryObject } from '../../outside/vsphere-api/inventory.ts'
import { vsanConfig } from '../../outside/vsphere-api/recrypt.ts'
import type { VsphereSession } from '../../outside/vsphere-api/session.ts'
import { elementAt, elementsOf, refOf, textAt, type Ref } from '../../outside/vsphere-api/values.ts'
import type { XmlElement } from '../../outside/vsphere-api/xml.ts'

/** Parents of a disk, and levels of snapshots: vSphere allows 32 snapshots in a chain. */
const chainMax = 64
const snapshotsPerMachineMax = 1_000
/** The privileges that a reading needs on the vCenter itself, and below it. */
export const readPrivileges = ['System.View', 'System.Read'] as const
const configPaths = ['config.keyId', 'config.hardware.device'] as const

interface Machine {
  readonly kind: string
  readonly name: string
  readonly machineId: string
}

/** The rows with keys, in no order. Rejects with VsphereError, and with Refusal where the user may not read everything. */
export async function* keyRows(
  session: VsphereSession,
  signal: AbortSignal,
): AsyncGenerator<InventoryRow, void, undefined> {
  yield* machineRows(session, signal)
  for await (const host of objects(session, 'HostSystem', ['name', 'runtime.cryptoKeyId'], signal))
    yield* keyOf(machineOf('host', host), '', host.values.get('runtime.cryptoKeyId'))
  for await (const cluster of objects(session, 'ClusterComputeResource', ['name'], signal))
    yield* vsanRows(session, cluster, signal)
}

async function* machineRows(
  session: VsphereSession,
  signal: AbortSignal,
): AsyncGenerator<InventoryRow, void, undefined> {
  const paths = ['name', ...configPaths, 'snapshot'] as const
  for await (const vm of objects(session, 'VirtualMachine', paths, signal)) {
    const machine = machineOf('vm', vm)
    yield* configRows(machine, '', vm)
    const snapshots = snapshotsOf(vm.values.get('snapshot'))
    const query = { type: 'VirtualMachineSnapshot', paths: configPaths, signal }
    for (const snapshot of await objectsNamed(
      session,
      [...snapshots.values()].map(({ ref }) => ref),
      query,
    )) {
      requireReadable(snapshot)
      yield* configRows(machine, `snapshot ${snapshots.get(snapshot.ref.id)?.name ?? ''}`, snapshot)
    }
  }
}

export async function* objects(
  session: VsphereSession,
  type: string,
  paths: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<InventoryObject, void, undefined> {
  for await (const object of inventoryObjects(session, { type, paths, signal })) {
    requireReadable(object)
    yield object
  }
}

/** A machine whose key cannot be read would look like one without a key. Throws Refusal. */
function requireReadable({ ref, unreadable }: InventoryObject): void {
  if (unreadable.length === 0) return
  throw new Refusal(
    'refused',
    `the user may not read ${unreadable.join(', ')} of ${ref.type} ${ref.id}: the inventory would not be whole`,
    'Give the user the role Read-only on the vCenter itself, with Propagate to children, and Cryptographer.Access where vCenter asks for it.',
  )
}

function machineOf(kind: string, { ref, values }: InventoryObject): Machine {
  return { kind, name: values.get('name')?.text ?? ref.id, machineId: ref.id }
}

// ---------------------------------------------------------------- Keys

/** `snapshot` begins what the rows name as the disk; empty: the machine as it is now. */
function* configRows(
  machine: Machine,
  snapshot: string,
  { values }: InventoryObject,
): Generator<InventoryRow, void, undefined> {
  yield* keyOf(machine, snapshot, values.get('config.keyId'))
  const devices = values.get('config.hardware.device')?.children ?? []
  for (const device of devices.filter((one) => one.class === 'VirtualDisk')) {
    const label = textAt(device, 'deviceInfo', 'label') ?? ''
    const disk = [snapshot, label].filter((part) => part !== '').join(', ')
    let backing = elementAt(device, 'backing')
    for (let depth = 0; backing && depth < chainMax; depth++) {
      yield* keyOf(machine, disk, elementAt(backing, 'keyId'))
      backing = elementAt(backing, 'parent')
    }
  }
}

/** `id`: a CryptoKeyId; undefined where there is no key. */
function* keyOf(
  machine: Machine,
  disk: string,
  id: XmlElement | undefined,
): Generator<InventoryRow, void, undefined> {
  const key = textAt(id, 'keyId') ?? ''
  if (key !== '') yield { ...machine, disk, key, provider: textAt(id, 'providerId', 'id') ?? '' }
}

async function* vsanRows(
  session: VsphereSession,
  cluster: InventoryObject,
  signal: AbortSignal,
): AsyncGenerator<InventoryRow, void, undefined> {
  const config = await vsanConfig(session, cluster.ref, signal)
  const encryption = elementAt(config, 'dataEncryptionConfig')
  const provider = textAt(encryption, 'kmsProviderId', 'id') ?? ''
  const machine = machineOf('vsan-cluster', cluster)
  for (const [field, disk] of [
    ['kekId', ''],
    ['hostKeyId', 'host key'],
  ] as const) {
    const key = textAt(encryption, field) ?? ''
    if (key !== '') yield { ...machine, disk, key, provider }
  }
}

/** By their ids. */
function snapshotsOf(
  info: XmlElement | undefined,
): ReadonlyMap<string, { readonly ref: Ref; readonly name: string }> {
  const all = new Map<string, { readonly ref: Ref; readonly name: string }>()
  const walk = (trees: readonly XmlElement[]): void => {
    for (const tree of trees) {
      const ref = refOf(elementAt(tree, 'snapshot'))
      if (all.size >= snapshotsPerMachineMax)
        throw new Refusal('refused', `a machine has more than ${snapshotsPerMachineMax} snapshots`)
      if (ref) all.set(ref.id, { ref, name: textAt(tree, 'name') ?? '' })
      walk(elementsOf(tree, 'childSnapshotList'))
    }
  }
  walk(elementsOf(info, 'rootSnapshotList'))
  return all
}
