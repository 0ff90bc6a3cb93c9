// Plans a campaign: reads in a vCenter which machines, hosts and clusters have keys and fit, and finds those that cannot get another key.

import { Refusal } from '../../../base/refusal.ts'
import { globMatches, parseGlob } from '../../../core/pki/match.ts'
import type { InventoryObject } from '../../../outside/vsphere-api/inventory.ts'
import {
  encryptedMachine,
  keyOf,
  keysOf,
  type ProvidedKey,
  machinePaths,
  vsanConfig,
} from '../../../outside/vsphere-api/recrypt.ts'
import type { VsphereSession } from '../../../outside/vsphere-api/session.ts'
import { booleanAt, elementAt, textAt } from '../../../outside/vsphere-api/values.ts'
import { objects } from '../machines.ts'
import { rekeyItemsMax, type RekeyChoices, type RekeyItem } from './campaign.ts'
import { guestPaths, partIn, type NeededHosts } from '../runs-here.ts'
import { obstacle } from './obstacles.ts'

export interface Planning {
  readonly session: VsphereSession
  readonly choices: RekeyChoices
  readonly needed: NeededHosts
  /** Called with the number of machines, hosts and clusters that were read. */
  readonly onProgress: (seen: number) => void
  readonly signal: AbortSignal
}

/** The items that get another key come first, and then the ones that cannot. Rejects with VsphereError, and with Refusal if none fits. */
export async function plannedItems(planning: Planning): Promise<readonly RekeyItem[]> {
  const { choices, onProgress } = planning
  const filters = choices.machines.map((text) => new MachineFilter(text))
  const items: RekeyItem[] = []
  let seen = 0
  for await (const item of allItems(planning, filters)) {
    onProgress(++seen)
    if (!item) continue
    items.push(item)
    if (items.length > rekeyItemsMax)
      throw new Refusal(
        'refused',
        `more than ${String(rekeyItemsMax)} machines fit`,
        'Plan fewer at a time: --machines NAME',
      )
  }
  const unused = filters.find(({ isUsed }) => !isUsed)
  if (unused)
    throw new Refusal(
      'not-found',
      `no encrypted machine, host or cluster fits ${unused.text}`,
      'See which are encrypted: mortise vcenter inventory NAME, and then mortise inventory report.',
    )
  return [
    ...items.filter(({ state }) => state === 'planned'),
    ...items.filter(({ state }) => state !== 'planned'),
  ]
}

class MachineFilter {
  readonly text: string
  readonly #glob
  isUsed = false

  constructor(text: string) {
    this.text = text
    this.#glob = parseGlob(text.toLowerCase())
  }

  fits({ id, name }: Pick<RekeyItem, 'id' | 'name'>): boolean {
    return [id, name].some((word) => globMatches(this.#glob, word.toLowerCase()))
  }

  isName({ id, name }: Pick<RekeyItem, 'id' | 'name'>): boolean {
    return [id, name].some((word) => word.toLowerCase() === this.text.toLowerCase())
  }
}

/** undefined: it does not fit, or has no key. */
async function* allItems(
  planning: Planning,
  filters: readonly MachineFilter[],
): AsyncGenerator<RekeyItem | undefined> {
  const { session, signal } = planning
  const paths = [...machinePaths, ...guestPaths]
  for await (const vm of objects(session, 'VirtualMachine', paths, signal))
    yield fitting(filters, machineItem(planning, filters, vm))
  const hostPaths = ['name', 'runtime.cryptoKeyId', 'runtime.connectionState']
  for await (const host of objects(session, 'HostSystem', hostPaths, signal))
    yield fitting(filters, hostItem(planning, host))
  for await (const cluster of objects(session, 'ClusterComputeResource', ['name'], signal))
    yield fitting(filters, await clusterItem(planning, cluster))
}

function fitting(filters: readonly MachineFilter[], item: RekeyItem | undefined): RekeyItem | undefined {
  const fit = item ? filters.filter((filter) => filter.fits(item)) : []
  for (const filter of fit) filter.isUsed = true
  return fit.length > 0 ? item : undefined
}

function machineItem(
  { choices, needed }: Planning,
  filters: readonly MachineFilter[],
  object: InventoryObject,
): RekeyItem | undefined {
  const machine = encryptedMachine(object)
  const place = { kind: 'vm', id: object.ref.id, name: machine.name } as const
  const isNamed = filters.some((filter) => filter.isName(place))
  const why = obstacle(machine, { isDeep: choices.isDeep, isNamed, runs: partIn(needed, object) })
  return itemOf(choices, place, keysOf(machine), why)
}

function hostItem({ choices }: Planning, { ref, values }: InventoryObject): RekeyItem | undefined {
  const key = keyOf(values.get('runtime.cryptoKeyId'))
  const connection = values.get('runtime.connectionState')?.text ?? 'connected'
  const why = connection === 'connected' ? undefined : `vCenter says that it is ${connection}`
  return itemOf(choices, { kind: 'host', ...namesOf({ ref, values }) }, key ? [key] : [], why)
}

async function clusterItem(
  { session, choices, signal }: Planning,
  cluster: InventoryObject,
): Promise<RekeyItem | undefined> {
  const encryption = elementAt(await vsanConfig(session, cluster.ref, signal), 'dataEncryptionConfig')
  const provider = textAt(encryption, 'kmsProviderId', 'id') ?? ''
  const keys = ['kekId', 'hostKeyId'].map((field) => ({ key: textAt(encryption, field) ?? '', provider }))
  const why =
    booleanAt(encryption, 'changing') === true
      ? 'vSAN changes its encryption now'
      : clusterObstacle(choices, provider)
  return itemOf(
    choices,
    { kind: 'vsan-cluster', ...namesOf(cluster) },
    keys.filter(({ key }) => key !== ''),
    why,
  )
}

function clusterObstacle(
  { isDeep, provider: chosen, withoutCopy }: RekeyChoices,
  provider: string,
): string | undefined {
  if (!withoutCopy)
    return 'vCenter makes its new keys and uses them in one step, before any backup can have them: --without-copy takes it too'
  return isDeep && provider !== chosen ? 'a change of its key provider is never a deep rekey' : undefined
}

function namesOf({ ref, values }: Pick<InventoryObject, 'ref' | 'values'>): Pick<RekeyItem, 'id' | 'name'> {
  return { id: ref.id, name: values.get('name')?.text ?? ref.id }
}

/** undefined: it has no key, or none of the chosen key provider. */
function itemOf(
  { from }: RekeyChoices,
  place: Pick<RekeyItem, 'kind' | 'id' | 'name'>,
  keys: readonly ProvidedKey[],
  why: string | undefined,
): RekeyItem | undefined {
  if (!keys.some(({ provider }) => from === undefined || provider === from)) return undefined
  const old = keys.map(({ key }) => key)
  return why === undefined
    ? { ...place, old, state: 'planned' }
    : { ...place, old, state: 'cannot', reason: why }
}
