// The machines of a vCenter and their keys, as rows of an inventory: VMs and templates with their disks and snapshots, hosts, clusters
// with vSAN, and first-class disks, which a machine may have or not. Not here: when they are read (readings.ts).

import { Refusal } from '../../base/refusal.ts'
import type { InventoryRow } from '../../core/ports/inventory.ts'
import { VsphereError } from '../../outside/vsphere-api/errors.ts'
import { inventoryObjects, objectsNamed, type InventoryObject } from '../../outside/vsphere-api/inventory.ts'
import { vsanConfig } from '../../outside/vsphere-api/recrypt.ts'
import type { VsphereSession } from '../../outside/vsphere-api/session.ts'
import { elementAt, elementsOf, ref, refOf, textAt, type Ref } from '../../outside/vsphere-api/values.ts'
import { xml, type XmlElement, type XmlNode } from '../../outside/vsphere-api/xml.ts'

/** Parents of a disk, and levels of snapshots: vSphere allows 32 snapshots in a chain. */
const chainMax = 64
const snapshotsPerMachineMax = 1_000
/** First-class disks of one vCenter. Each is one call. */
const disksMax = 50_000
/** Calls about disks at the same time. */
const diskCallsMax = 4
/** The privileges that a reading needs on the vCenter itself, and below it. */
export const readPrivileges = ['System.View', 'System.Read'] as const
const configPaths = ['config.keyId', 'config.hardware.device'] as const

interface Machine {
  readonly kind: string
  readonly name: string
  readonly machineId: string
}

/**
 * The rows with keys, in no order. Calls `onNoDisks` if vCenter does not let the user list first-class disks. Rejects with VsphereError,
 * and with Refusal where the user may not read everything else.
 */
export async function* keyRows(
  session: VsphereSession,
  signal: AbortSignal,
  onNoDisks = () => {},
): AsyncGenerator<InventoryRow, void, undefined> {
  yield* machineRows(session, signal)
  for await (const host of objects(session, 'HostSystem', ['name', 'runtime.cryptoKeyId'], signal))
    yield* keyOf(machineOf('host', host), '', host.values.get('runtime.cryptoKeyId'))
  yield* clusterAndDiskRows(session, signal, onNoDisks)
}

/** The rows of vSAN clusters and of first-class disks, of whose changes vCenter does not tell. Rejects as `keyRows` does. */
export async function* clusterAndDiskRows(
  session: VsphereSession,
  signal: AbortSignal,
  onNoDisks = () => {},
): AsyncGenerator<InventoryRow, void, undefined> {
  for await (const cluster of objects(session, 'ClusterComputeResource', ['name'], signal))
    yield* vsanRows(session, cluster, signal)
  yield* diskRows(session, signal, onNoDisks)
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
    yield* chainRows(machine, disk, elementAt(device, 'backing'))
  }
}

/** The keys of a disk's file and of the files below it. */
function* chainRows(
  machine: Machine,
  disk: string,
  file: XmlElement | undefined,
): Generator<InventoryRow, void, undefined> {
  let backing = file
  for (let depth = 0; backing && depth < chainMax; depth++) {
    yield* keyOf(machine, disk, elementAt(backing, 'keyId'))
    backing = elementAt(backing, 'parent')
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

// ---------------------------------------------------------------- First-class disks

interface FirstClassDisk {
  readonly id: string
  readonly datastore: Ref
}

async function* diskRows(
  session: VsphereSession,
  signal: AbortSignal,
  onNoDisks: () => void,
): AsyncGenerator<InventoryRow, void, undefined> {
  const disks = await firstClassDisks(session, signal)
  if (!disks) {
    onNoDisks()
    return
  }
  for (let from = 0; from < disks.length; from += diskCallsMax) {
    const some = disks.slice(from, from + diskCallsMax)
    const configs = await Promise.all(some.map((disk) => diskConfig(session, disk, signal)))
    for (const [index, { id }] of some.entries()) {
      const config = configs[index]
      const machine = { kind: 'disk', name: textAt(config, 'name') ?? id, machineId: id }
      yield* chainRows(machine, '', elementAt(config, 'backing'))
    }
  }
}

/**
 * A user who may list the disks of no datastore has a role for the machines alone, since vCenter asks for a privilege here with which
 * files are deleted, too. Then this is undefined. Rejects if the user may list them on some datastores and not on others.
 */
async function firstClassDisks(
  session: VsphereSession,
  signal: AbortSignal,
): Promise<readonly FirstClassDisk[] | undefined> {
  if (!session.content.vStorageObjectManager) return []
  const disks: FirstClassDisk[] = []
  let [listed, refusal]: [number, VsphereError | undefined] = [0, undefined]
  for await (const { ref: datastore } of objects(session, 'Datastore', ['name'], signal)) {
    try {
      const ids = await disksOn(session, datastore, signal)
      if (ids) listed++
      for (const id of ids ?? []) disks.push({ id, datastore })
    } catch (error) {
      if (!(error instanceof VsphereError) || error.kind !== 'privilege') throw error
      refusal ??= error
    }
    if (disks.length > disksMax)
      throw new Refusal('refused', `it has more than ${disksMax} first-class disks`)
  }
  if (refusal && listed > 0) throw refusal
  return refusal ? undefined : disks
}

/**
 * The identifiers of the first-class disks on a datastore; undefined: vCenter cannot reach it, or it takes no such disks. Rejects with
 * VsphereError.
 */
export async function disksOn(
  session: VsphereSession,
  datastore: Ref,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const ids = await orUndefined(
    noDisksThere,
    diskCall(session, 'ListVStorageObject', [ref('datastore', datastore)], signal),
  )
  return ids?.flatMap((id) => textAt(id, 'id') ?? [])
}

/** VStorageObjectConfigInfo; undefined: the disk is gone. Rejects with VsphereError. */
export async function diskConfig(
  session: VsphereSession,
  { id, datastore }: FirstClassDisk,
  signal: AbortSignal,
): Promise<XmlElement | undefined> {
  const args = [xml('id', [xml('id', id)]), ref('datastore', datastore)]
  const values = await orUndefined(diskIsGone, diskCall(session, 'RetrieveVStorageObject', args, signal))
  return elementAt(values?.[0], 'config')
}

const noDisksThere: ReadonlySet<string> = new Set([
  'InvalidDatastore',
  'InaccessibleDatastore',
  'NotSupported',
])
const diskIsGone: ReadonlySet<string> = new Set(['NotFound', 'FileNotFound', 'InvalidDatastore'])

async function diskCall(
  session: VsphereSession,
  method: string,
  args: readonly XmlNode[],
  signal: AbortSignal,
): Promise<readonly XmlElement[]> {
  const manager = session.content.vStorageObjectManager
  return manager ? session.call(manager, method, args, { signal }) : []
}

/** undefined: vCenter answers one of these faults. */
async function orUndefined<T>(faults: ReadonlySet<string>, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (error instanceof VsphereError && faults.has(error.fault ?? '')) return undefined
    throw error
  }
}
