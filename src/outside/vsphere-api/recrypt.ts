// Gives machines, hosts and vSAN clusters another key, as vCenter's API does it, and reads of a machine what decides whether that is
// possible. It does what it is asked, once. Names and shapes: govmomi's vim25/types and vsan/types. Not here: which machines get another
// key, and when.

import type { InventoryObject } from './inventory.ts'
import type { VsphereSession } from './session.ts'
import { taskResult } from './tasks.ts'
import { booleanAt, elementAt, elementsOf, ref, requiredRef, textAt, typed, type Ref } from './values.ts'
import { xml, type XmlElement, type XmlNode } from './xml.ts'

/** Parents of a disk, and levels of snapshots: vSphere allows 32 snapshots in a chain. */
const chainMax = 64
/** A shallow recrypt writes headers alone. A deep one writes all data again. */
const shallowMs = 15 * 60_000
const deepMs = 7 * 24 * 3600_000
/** vCenter hands a host its key at once, and vSAN's hosts theirs in a task. */
const hostMs = 180_000
const vsan: Ref = { type: 'VsanVcClusterConfigSystem', id: 'vsan-cluster-config-system' }

/** A CryptoKeyId. */
export interface ProvidedKey {
  readonly key: string
  /** The name of its key provider; '' where vCenter names none. */
  readonly provider: string
}

export interface EncryptedDisk {
  readonly label: string
  /** The keys of the disk and of the disks below it, whose changes it has. */
  readonly keys: readonly ProvidedKey[]
  /** How many disks are below it. */
  readonly parents: number
  readonly device: XmlElement
}

/** A machine as a recrypt needs it. */
export interface EncryptedMachine {
  readonly ref: Ref
  readonly name: string
  /** The identifier that vCenter gives to a configuration. */
  readonly changeVersion: string
  readonly home: ProvidedKey | undefined
  /** The disks that have a key. */
  readonly disks: readonly EncryptedDisk[]
  readonly isTemplate: boolean
  readonly tracksChanges: boolean
  readonly isOff: boolean
  readonly isLocked: boolean
  /** `connected`, `disconnected`, `inaccessible`, `invalid`, `orphaned` */
  readonly connection: string
  readonly snapshots: number
  /** Some snapshot has two after it. */
  readonly hasBranches: boolean
  readonly hasIde: boolean
}

export const machinePaths = [
  'name',
  'config.changeVersion',
  'config.keyId',
  'config.template',
  'config.changeTrackingEnabled',
  'config.hardware.device',
  'runtime.powerState',
  'runtime.cryptoState',
  'runtime.connectionState',
  'snapshot',
] as const

/** `object`: a VirtualMachine, read with `machinePaths`. */
export function encryptedMachine({ ref: self, values }: InventoryObject): EncryptedMachine {
  const devices = values.get('config.hardware.device')?.children ?? []
  const disks = devices.filter((device) => device.class === 'VirtualDisk')
  const ide = new Set(
    devices
      .filter((device) => device.class === 'VirtualIDEController')
      .map((controller) => textAt(controller, 'key')),
  )
  const tree = snapshotTree(values.get('snapshot'))
  return {
    ref: self,
    name: values.get('name')?.text ?? self.id,
    changeVersion: values.get('config.changeVersion')?.text ?? '',
    home: keyOf(values.get('config.keyId')),
    disks: disks.map(encryptedDisk).filter(({ keys }) => keys.length > 0),
    isTemplate: isTrue(values.get('config.template')),
    tracksChanges: isTrue(values.get('config.changeTrackingEnabled')),
    isOff: values.get('runtime.powerState')?.text === 'poweredOff',
    isLocked: values.get('runtime.cryptoState')?.text === 'locked',
    connection: values.get('runtime.connectionState')?.text ?? 'connected',
    ...tree,
    hasIde: disks.some((disk) => ide.has(textAt(disk, 'controllerKey'))),
  }
}

/** All keys of a machine, each once. */
export function keysOf({ home, disks }: Pick<EncryptedMachine, 'home' | 'disks'>): readonly ProvidedKey[] {
  const all = [...(home ? [home] : []), ...disks.flatMap(({ keys }) => keys)]
  return [...new Map(all.map((one) => [JSON.stringify([one.key, one.provider]), one])).values()]
}

/** A CryptoKeyId; undefined where there is no key. */
export function keyOf(id: XmlElement | undefined): ProvidedKey | undefined {
  const key = textAt(id, 'keyId') ?? ''
  return key === '' ? undefined : { key, provider: textAt(id, 'providerId', 'id') ?? '' }
}

export interface RecryptOptions {
  readonly isDeep: boolean
  /** Ends the waiting, not the task. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Gives the home of a machine and all its encrypted disks the key, in one call: vCenter allows no machine with keys of two providers.
 * vCenter refuses if the configuration changed since the machine was read. Rejects with VsphereError: kind `answer` if the task has not
 * ended in time, and it may still succeed.
 */
export async function recryptMachine(
  session: VsphereSession,
  { ref: self, changeVersion, home, disks }: EncryptedMachine,
  key: ProvidedKey,
  { isDeep, signal }: RecryptOptions,
): Promise<void> {
  const method = 'ReconfigVM_Task'
  const crypto = typed('crypto', isDeep ? 'CryptoSpecDeepRecrypt' : 'CryptoSpecShallowRecrypt', [
    keyNode('newKeyId', key),
  ])
  // In the order of VirtualMachineConfigSpec.
  const spec = xml('spec', [
    ...(changeVersion === '' ? [] : [xml('changeVersion', changeVersion)]),
    ...disks.map(({ device }) => diskEdit(device, crypto)),
    ...(home ? [crypto] : []),
  ])
  const [begun] = await session.call(self, method, [spec], { answerMs: hostMs, silenceMs: hostMs, signal })
  const withinMs = isDeep ? deepMs : shallowMs
  await taskResult(session, requiredRef(begun, 'the task'), { method, withinMs, signal })
}

/** Gives a host the key with which it encrypts its core dumps. vCenter removes the old one there. Rejects with VsphereError. */
export async function rekeyHost(session: VsphereSession, host: Ref, key: ProvidedKey): Promise<void> {
  const limits = { answerMs: hostMs, silenceMs: hostMs }
  await session.call(host, 'ConfigureCryptoKey', [keyNode('keyId', key)], limits)
}

/**
 * Has vCenter make new keys for a cluster with vSAN, at its provider or, where `provider` is another one, there: that is always shallow.
 * Rejects with VsphereError, as `recryptMachine`.
 */
export async function rekeyCluster(
  session: VsphereSession,
  cluster: Ref,
  { isDeep, signal, provider }: RecryptOptions & { readonly provider: string | undefined },
): Promise<void> {
  const method = provider === undefined ? 'VsanEncryptedClusterRekey_Task' : 'VsanClusterReconfig'
  const args =
    provider === undefined
      ? [ref('encryptedCluster', cluster), xml('deepRekey', isDeep), xml('allowReducedRedundancy', false)]
      : [ref('cluster', cluster), xml('vsanReconfigSpec', reconfigSpec(provider))]
  const [begun] = await session.call(vsan, method, args, { namespace: 'vsan', answerMs: hostMs, signal })
  const withinMs = isDeep ? deepMs : shallowMs
  await taskResult(session, requiredRef(begun, 'the task'), { method, withinMs, signal })
}

/** The VsanConfigInfoEx of a cluster. Rejects with VsphereError. */
export async function vsanConfig(
  session: VsphereSession,
  cluster: Ref,
  signal: AbortSignal,
): Promise<XmlElement | undefined> {
  const limits = { namespace: 'vsan', signal } as const
  const [config] = await session.call(vsan, 'VsanClusterGetConfig', [ref('cluster', cluster)], limits)
  return config
}

// ------------------------------------------------------------ Requests

function reconfigSpec(provider: string): readonly XmlNode[] {
  const encryption = [xml('encryptionEnabled', true), xml('kmsProviderId', [xml('id', provider)])]
  return [xml('modify', true), xml('dataEncryptionConfig', encryption)]
}

function keyNode(name: string, { key, provider }: ProvidedKey): XmlNode {
  return xml(name, [xml('keyId', key), xml('providerId', [xml('id', provider)])])
}

/** A VirtualDeviceConfigSpec that gives the disk, and those below it that have a key, the key of `crypto`. */
function diskEdit(device: XmlElement, crypto: XmlNode): XmlNode {
  const backing = backingSpec(elementAt(device, 'backing'), crypto, 0)
  return xml('deviceChange', [xml('operation', 'edit'), asNode(device, 'device'), xml('backing', backing)])
}

/** The content of a VirtualDeviceConfigSpecBackingSpec. */
function backingSpec(backing: XmlElement | undefined, crypto: XmlNode, depth: number): readonly XmlNode[] {
  const parent = elementAt(backing, 'parent')
  const below = parent && depth < chainMax ? backingSpec(parent, crypto, depth + 1) : []
  const own = keyOf(elementAt(backing, 'keyId')) ? [crypto] : []
  return [...(below.length > 0 ? [xml('parent', below)] : []), ...own]
}

/** An element as vCenter sent it, to send it back. */
function asNode({ class: kind, type, text, children, name }: XmlElement, as = name): XmlNode {
  const attributes = { ...(kind !== undefined && { 'xsi:type': kind }), ...(type !== undefined && { type }) }
  return xml(as, children.length > 0 ? children.map((child) => asNode(child)) : text, attributes)
}

// ------------------------------------------------------------ Answers

function encryptedDisk(device: XmlElement): EncryptedDisk {
  const keys: ProvidedKey[] = []
  let backing = elementAt(device, 'backing')
  let depth = 0
  for (; backing && depth < chainMax; depth++) {
    const key = keyOf(elementAt(backing, 'keyId'))
    if (key) keys.push(key)
    backing = elementAt(backing, 'parent')
  }
  return { label: textAt(device, 'deviceInfo', 'label') ?? '', keys, parents: Math.max(0, depth - 1), device }
}

function snapshotTree(info: XmlElement | undefined): Pick<EncryptedMachine, 'snapshots' | 'hasBranches'> {
  let snapshots = 0
  let hasBranches = false
  const walk = (trees: readonly XmlElement[]): void => {
    snapshots += trees.length
    hasBranches ||= trees.length > 1
    for (const tree of trees) walk(elementsOf(tree, 'childSnapshotList'))
  }
  walk(elementsOf(info, 'rootSnapshotList'))
  return { snapshots, hasBranches }
}

function isTrue(value: XmlElement | undefined): boolean {
  return booleanAt(value) === true
}
