// Asks a live vCenter all that this feature reads, and says how it answered: times, counts, and names of faults, so that a person can send
// it to the developers. It has no names of machines, providers, hosts or users, and no identifiers of keys. It changes nothing.

import { keyChanges } from '../../outside/vsphere-api/changes.ts'
import { VsphereError } from '../../outside/vsphere-api/errors.ts'
import { inventoryObjects, type InventoryObject } from '../../outside/vsphere-api/inventory.ts'
import { KeyProviders } from '../../outside/vsphere-api/key-providers.ts'
import { missingPrivileges, type VsphereSession } from '../../outside/vsphere-api/session.ts'
import { elementAt, elementsOf, textAt } from '../../outside/vsphere-api/values.ts'
import type { XmlElement } from '../../outside/vsphere-api/xml.ts'
import type { Clock } from '../../core/ports/clock.ts'
import { setupPrivileges } from './common-steps.ts'
import { vsanConfig } from '../../outside/vsphere-api/recrypt.ts'
import { diskConfig, disksOn, readPrivileges } from './machines.ts'

/** `counts`: what was answered, in numbers. */
export interface TrialAnswer {
  readonly question: string
  readonly milliseconds: number
  readonly counts: Readonly<Record<string, number>>
  /** `VsphereError`'s kind and the name of vCenter's fault; null: it answered. */
  readonly fault: string | null
}

export interface TrialReport {
  readonly product: string
  readonly version: string
  readonly build: string
  readonly apiVersion: string
  readonly answers: TrialAnswer[]
}

/** Providers that are asked for their status and certificate: each status is a task. */
const providersAskedMax = 8
/** First-class disks whose keys are asked for: each is a call. */
const disksAskedMax = 50
/** A state is a word of vCenter's API. Another text might be a name, and is not repeated. */
const stateForm = /^\w{1,40}$/
/** Different counts of one answer; a vCenter that lies could have a state for each machine. */
const countsMax = 100

const purposes = {
  inventory: readPrivileges,
  setup: setupPrivileges,
  campaign: ['Cryptographer.Recrypt', 'Cryptographer.ManageKeys', 'Cryptographer.RegisterHost'],
} as const

const machinePaths = [
  'config.keyId',
  'config.template',
  'config.changeTrackingEnabled',
  'config.hardware.device',
  'runtime.cryptoState',
  'runtime.powerState',
  'snapshot',
] as const

/** Rejects only where `signal` is aborted; all else is an answer. */
export async function trialReport(
  session: VsphereSession,
  clock: Pick<Clock, 'monotonic'>,
  signal: AbortSignal,
): Promise<TrialReport> {
  const answers: TrialAnswer[] = []
  const ask = async (question: string, count: (counts: Counts) => Promise<void>): Promise<void> => {
    const counts = new Counts()
    const atMs = clock.monotonic()
    const fault = await count(counts).then(
      () => null,
      (error: unknown) => faultText(error, signal),
    )
    answers.push({
      question,
      milliseconds: Math.round(clock.monotonic() - atMs),
      counts: counts.all(),
      fault,
    })
  }
  await askPrivileges(session, ask)
  await askProviders(session, ask)
  await ask('VirtualMachine', (counts) =>
    countObjects(session, 'VirtualMachine', machinePaths, counts, signal),
  )
  const hostPaths = ['runtime.cryptoState', 'runtime.cryptoKeyId'] as const
  await ask('HostSystem', (counts) => countObjects(session, 'HostSystem', hostPaths, counts, signal))
  await ask('VsanClusterGetConfig', async (counts) => {
    const query = { type: 'ClusterComputeResource', paths: ['name'], signal }
    for await (const { ref } of inventoryObjects(session, query)) {
      counts.add('clusters')
      const config = await vsanConfig(session, ref, signal)
      if (elementAt(config, 'dataEncryptionConfig')) counts.add('dataEncryptionConfig')
      if ((textAt(config, 'dataEncryptionConfig', 'kekId') ?? '') !== '') counts.add('kekId')
    }
  })
  if (session.content.vStorageObjectManager)
    await ask('ListVStorageObject', (counts) => countDisks(session, counts, signal))
  await ask('WaitForUpdatesEx', async (counts) => {
    const changes = keyChanges(session, signal)
    await changes.next()
    counts.add('followed')
    await changes.return(undefined as never)
  })
  const { product, version, build, apiVersion } = session.about
  return { product, version, build, apiVersion, answers }
}

type Ask = (question: string, count: (counts: Counts) => Promise<void>) => Promise<void>

async function askPrivileges(session: VsphereSession, ask: Ask): Promise<void> {
  for (const [purpose, ids] of Object.entries(purposes))
    await ask(`HasPrivilegeOnEntities, ${purpose}`, async (counts) => {
      const missing = await missingPrivileges(session, session.content.rootFolder, ids)
      for (const id of ids) counts.add(missing.includes(id) ? `lacks ${id}` : `has ${id}`)
    })
}

async function askProviders(session: VsphereSession, ask: Ask): Promise<void> {
  const names: string[] = []
  await ask('ListKmipServers', async (counts) => {
    for (const { name, isDefault, servers } of await new KeyProviders(session).list()) {
      names.push(name)
      counts.add('providers')
      counts.add('servers', servers.length)
      if (isDefault) counts.add('defaults')
    }
  })
  if (names.length === 0) return
  const first = names.slice(0, providersAskedMax)
  await ask('RetrieveKmipServersStatus_Task', async (counts) => {
    for (const name of first) {
      const { health, servers } = await new KeyProviders(session).status(name)
      counts.add(`provider ${health}`)
      for (const server of servers) {
        counts.add(`server ${server.health}`)
        counts.add(`clientTrustServer ${String(server.clientTrustsServer ?? 'not said')}`)
        counts.add(`serverTrustClient ${String(server.serverTrustsClient ?? 'not said')}`)
      }
    }
  })
  await ask('RetrieveClientCert', async (counts) => {
    for (const name of first)
      counts.add((await new KeyProviders(session).clientCertificate(name)) ? 'certificates' : 'without one')
  })
}

async function countDisks(session: VsphereSession, counts: Counts, signal: AbortSignal): Promise<void> {
  let left = disksAskedMax
  const query = { type: 'Datastore', paths: ['name'], signal }
  for await (const { ref: datastore } of inventoryObjects(session, query)) {
    counts.add('datastores')
    const ids = await disksOn(session, datastore, signal)
    if (!ids) counts.add('datastores without an answer')
    counts.add('disks', ids?.length ?? 0)
    for (const id of ids?.slice(0, left) ?? []) {
      const config = await diskConfig(session, { id, datastore }, signal)
      counts.add(elementAt(config, 'backing', 'keyId') ? 'disks with a key' : 'disks without a key')
      left--
    }
  }
}

async function countObjects(
  session: VsphereSession,
  type: string,
  paths: readonly string[],
  counts: Counts,
  signal: AbortSignal,
): Promise<void> {
  for await (const object of inventoryObjects(session, { type, paths, signal }))
    countObject(object, paths, counts)
}

function countObject(
  { values, unreadable }: InventoryObject,
  paths: readonly string[],
  counts: Counts,
): void {
  counts.add('objects')
  for (const path of paths) {
    const value = values.get(path)
    if (unreadable.includes(path)) counts.add(`not readable: ${path}`)
    else if (value && value.text !== 'false') counts.add(valueName(path, value))
  }
  const devices = values.get('config.hardware.device')?.children ?? []
  for (const device of devices.filter((one) => one.class === 'VirtualDisk')) {
    counts.add('disks')
    if (elementAt(device, 'backing', 'keyId')) counts.add('disks with a key')
  }
  if (devices.some((one) => one.class === 'VirtualTPM')) counts.add('machines with a vTPM')
  counts.add('snapshots at the root', elementsOf(values.get('snapshot'), 'rootSnapshotList').length)
}

/** States are counted by their words, and all else by its path. */
function valueName(path: string, { text, children }: XmlElement): string {
  if (!path.startsWith('runtime.') || children.length > 0) return path
  return `${path} ${stateForm.test(text) ? text : 'with another text'}`
}

class Counts {
  readonly #counts = new Map<string, number>()

  add(name: string, count = 1): void {
    if (count === 0) return
    const counted = this.#counts.has(name) || this.#counts.size < countsMax ? name : 'others'
    this.#counts.set(counted, (this.#counts.get(counted) ?? 0) + count)
  }

  all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts)
  }
}

/** No words of vCenter: they may have names in them. */
function faultText(error: unknown, signal: AbortSignal): string {
  signal.throwIfAborted()
  if (!(error instanceof VsphereError)) throw error
  return error.fault === undefined ? error.kind : `${error.kind}: ${error.fault}`
}
