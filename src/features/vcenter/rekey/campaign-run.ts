// Works on one campaign in one session: has vCenter make a key for each machine, sees to it that a backup elsewhere has it, and then gives
// the machine the key. A part's items are stored before each change and after it, so that a run that is killed goes on where it was: what a
// machine has is read from vCenter, and not counted. Not here: when a campaign runs, and on which node (rekey-runner.ts).

import { Refusal } from '../../../base/refusal.ts'
import { KeyedMutex } from '../../../base/keyed-mutex.ts'
import { isVsphereTrouble, VsphereError } from '../../../outside/vsphere-api/errors.ts'
import { objectsNamed, type InventoryObject } from '../../../outside/vsphere-api/inventory.ts'
import type { KeyProviders } from '../../../outside/vsphere-api/key-providers.ts'
import {
  encryptedMachine,
  keyOf,
  keysOf,
  machinePaths,
  recryptMachine,
  rekeyCluster,
  rekeyHost,
  vsanConfig,
} from '../../../outside/vsphere-api/recrypt.ts'
import type { VsphereSession } from '../../../outside/vsphere-api/session.ts'
import { elementAt, textAt, type Ref } from '../../../outside/vsphere-api/values.ts'
import type { Campaign, RekeyItem } from './campaign.ts'
import type { Campaigns } from './campaigns.ts'
import { obstacle } from './obstacles.ts'

/** Machines that fail one after the other, before the campaign is paused: something is wrong that concerns all. */
const failuresInARowMax = 5
/** vCenter is at another change of the machine, or its configuration changed since it was read: both pass. */
const passingFaults: ReadonlySet<string> = new Set(['TaskInProgress', 'ConcurrentAccess'])
const goneFault = 'ManagedObjectNotFound'

/** The campaign cannot go on before a person acts. The message is a sentence for people, without a full stop. */
export class CampaignStop extends Error {
  override readonly name = 'CampaignStop'
}

export interface CampaignRunParts {
  readonly campaign: Campaign
  readonly campaigns: Pick<Campaigns, 'part' | 'putPart'>
  readonly session: VsphereSession
  readonly providers: Pick<KeyProviders, 'makeKey'>
  /** Whether the instance has this key, and a machine can use it. */
  readonly isUsable: (key: string) => Promise<boolean>
  /** Null: every key is in a backup that was copied elsewhere; otherwise why not. */
  readonly copyKeys: () => Promise<string | null>
  /** Records the change of vCenter before and after. */
  readonly change: <T>(detail: Readonly<Record<string, string>>, work: () => Promise<T>) => Promise<T>
  /** Asked before each change: false if it is paused or ended, its window is closed, or another node works on it. */
  readonly mayGoOn: () => Promise<boolean>
  readonly signal: AbortSignal
}

/** The keys of a thing as vCenter says now, and why it can get no other one. */
interface Look {
  readonly keys: readonly string[]
  readonly why: string | undefined
  /** Gives it the key. */
  readonly rekey: (key: string) => Promise<void>
}

export class CampaignRun {
  readonly #parts: CampaignRunParts
  readonly #saving = new KeyedMutex()
  #part = 0
  #items: RekeyItem[] = []
  #failuresInARow = 0

  constructor(parts: CampaignRunParts) {
    this.#parts = parts
  }

  /** Whether nothing is left to do. Rejects with CampaignStop, Refusal and VsphereError: what was done stays. */
  async run(): Promise<boolean> {
    const { campaign, campaigns } = this.#parts
    let isDone = true
    for (this.#part = 0; this.#part < campaign.parts; this.#part++) {
      this.#items = [...(await campaigns.part(campaign.vcenterId, this.#part))]
      if (!this.#items.some(isLeft)) continue
      if (!(await this.#runPart())) return false
      isDone &&= !this.#items.some(isLeft)
    }
    return isDone
  }

  /** False: it may not go on now. */
  async #runPart(): Promise<boolean> {
    const { choices } = this.#parts.campaign
    for (const [at, item] of this.#items.entries())
      if (item.state === 'planned' && item.kind !== 'vsan-cluster') {
        if (!(await this.#parts.mayGoOn())) return false
        await this.#makeKey(at, item)
      }
    if (!choices.withoutCopy && this.#items.some(({ state }) => state === 'keyed')) {
      const why = await this.#parts.copyKeys()
      if (why !== null) throw new Refusal('refused', `the new keys are in no backup elsewhere: ${why}`)
    }
    return this.#rekeyAll(choices.width)
  }

  async #rekeyAll(width: number): Promise<boolean> {
    const left = [...this.#items.entries()].filter(([, item]) => isLeft(item)).values()
    let mayGoOn = true
    const work = async () => {
      for (const [at, item] of left) {
        mayGoOn &&= await this.#parts.mayGoOn()
        if (!mayGoOn) return
        await this.#rekey(at, item)
      }
    }
    const ended = await Promise.allSettled(Array.from({ length: width }, work))
    const failed = ended.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
    return mayGoOn
  }

  /** The key is noted before it is used: killed between the two calls, one key is left unused. */
  async #makeKey(at: number, item: RekeyItem): Promise<void> {
    const look = await this.#look(item)
    if (!(await this.#canGo(at, item, look))) return
    const { providers, campaign, change, isUsable } = this.#parts
    const { provider } = campaign.choices
    const detail = { call: 'GenerateKey', provider, machine: item.name, machineId: item.id }
    const key = await change(detail, () => providers.makeKey(provider)).catch((error: unknown) => {
      if (error instanceof VsphereError && !isVsphereTrouble(error)) throw new CampaignStop(error.message)
      throw error
    })
    if (!(await isUsable(key)))
      throw new CampaignStop(
        `vCenter made the key ${key} at the provider ${provider}, but not in this instance: another server answers there, or another instance trusts it`,
      )
    await this.#put(at, { ...item, state: 'keyed', made: key })
  }

  async #rekey(at: number, item: RekeyItem): Promise<void> {
    const look = await this.#look(item)
    if (look && this.#hasNewKeys(item, look.keys)) return this.#done(at, item, look.keys)
    if (!look || !(await this.#canGo(at, item, look))) return this.#gone(at, item, look)
    const { isUsable, campaign } = this.#parts
    if (item.made !== undefined && !(await isUsable(item.made)))
      return this.#failed(
        at,
        item,
        `the key ${item.made} that vCenter made for it is not usable here any more`,
      )
    const key = item.made ?? ''
    const detail = {
      machine: item.name,
      machineId: item.id,
      provider: campaign.choices.provider,
      oldKeys: item.old.slice(0, keysToldMax).join(' '),
      ...(key !== '' && { newKey: key }),
    }
    try {
      await this.#parts.change({ call: calls[item.kind], ...detail }, () => look.rekey(key))
    } catch (error) {
      if (!(error instanceof VsphereError) || isVsphereTrouble(error)) throw error
      const mayPass = passingFaults.has(error.fault ?? '') || error.kind === 'answer'
      if (!mayPass) return this.#failed(at, item, error.message)
      await this.#put(at, { ...item, reason: `${error.message}; the server looks again` })
      return error.kind === 'answer' ? this.#countFailure(item, error.message) : undefined
    }
    const after = await this.#look(item)
    if (!after || !this.#hasNewKeys(item, after.keys))
      return this.#failed(at, item, 'vCenter says that it is done, but the machine has an old key still')
    this.#failuresInARow = 0
    await this.#done(at, item, after.keys)
  }

  /** vCenter makes the keys of a cluster by itself. */
  async #done(at: number, item: RekeyItem, keys: readonly string[]): Promise<void> {
    const { kind, id, name, old } = item
    await this.#put(at, { kind, id, name, old, state: 'done', made: item.made ?? keys[0] ?? '' })
  }

  #hasNewKeys({ kind, made, old }: RekeyItem, keys: readonly string[]): boolean {
    if (keys.length === 0) return false
    return kind === 'vsan-cluster'
      ? !keys.some((key) => old.includes(key))
      : keys.every((key) => key === made)
  }

  /** Whether it may get its key now. If not, its item says why. */
  async #canGo(at: number, item: RekeyItem, look: Look | undefined): Promise<boolean> {
    if (!look) {
      await this.#gone(at, item, look)
      return false
    }
    const known = new Set([...item.old, ...(item.made === undefined ? [] : [item.made])])
    if (look.keys.length === 0 || look.keys.some((key) => !known.has(key))) {
      await this.#put(at, { ...item, state: 'changed', reason: 'its keys changed since the plan' })
      return false
    }
    if (look.why === undefined) return true
    await this.#put(at, { ...item, state: 'cannot', reason: look.why })
    return false
  }

  async #gone(at: number, item: RekeyItem, look: Look | undefined): Promise<void> {
    if (!look) await this.#put(at, { ...item, state: 'changed', reason: 'it is not in vCenter any more' })
  }

  async #failed(at: number, item: RekeyItem, reason: string): Promise<void> {
    await this.#put(at, { ...item, state: 'failed', reason })
    this.#countFailure(item, reason)
  }

  /** Throws CampaignStop. */
  #countFailure(item: RekeyItem, reason: string): void {
    if (++this.#failuresInARow >= failuresInARowMax)
      throw new CampaignStop(
        `${String(failuresInARowMax)} machines failed one after the other, the last one ${item.name}: ${reason}`,
      )
  }

  async #put(at: number, item: RekeyItem): Promise<void> {
    const part = this.#part
    this.#items[at] = item
    await this.#saving.run('part', () =>
      this.#parts.campaigns.putPart(this.#parts.campaign.vcenterId, part, this.#items),
    )
  }

  // -------------------------------------------------------------- Looks

  /** undefined: it is not there any more. */
  async #look(item: RekeyItem): Promise<Look | undefined> {
    try {
      return await this.#looks[item.kind](item)
    } catch (error) {
      if (error instanceof VsphereError && error.fault === goneFault) return undefined
      throw error
    }
  }

  readonly #looks: Readonly<Record<RekeyItem['kind'], (item: RekeyItem) => Promise<Look | undefined>>> = {
    vm: (item) => this.#lookAtMachine(item),
    host: (item) => this.#lookAtHost(item),
    'vsan-cluster': (item) => this.#lookAtCluster(item),
  }

  async #lookAtMachine({ id }: RekeyItem): Promise<Look | undefined> {
    const object = await this.#object({ type: 'VirtualMachine', id }, machinePaths)
    if (!object) return undefined
    const machine = encryptedMachine(object)
    const { session, campaign, signal } = this.#parts
    const { isDeep, provider } = campaign.choices
    // The plan left out the machines that a person has to name.
    const why = obstacle(machine, { isDeep, isNamed: true, runs: undefined })
    return {
      keys: keysOf(machine).map(({ key }) => key),
      why,
      rekey: (key) => recryptMachine(session, machine, { key, provider }, { isDeep, signal }),
    }
  }

  async #lookAtHost({ id }: RekeyItem): Promise<Look | undefined> {
    const ref = { type: 'HostSystem', id }
    const object = await this.#object(ref, ['runtime.cryptoKeyId', 'runtime.connectionState'])
    if (!object) return undefined
    const key = keyOf(object.values.get('runtime.cryptoKeyId'))?.key
    const connection = object.values.get('runtime.connectionState')?.text ?? 'connected'
    const { session, campaign } = this.#parts
    const { provider } = campaign.choices
    return {
      keys: key === undefined ? [] : [key],
      why: connection === 'connected' ? undefined : `vCenter says that it is ${connection}`,
      rekey: (made) => rekeyHost(session, ref, { key: made, provider }),
    }
  }

  async #lookAtCluster({ id }: RekeyItem): Promise<Look | undefined> {
    const ref = { type: 'ClusterComputeResource', id }
    const { session, campaign, signal } = this.#parts
    const encryption = elementAt(await vsanConfig(session, ref, signal), 'dataEncryptionConfig')
    const { isDeep, provider: chosen } = campaign.choices
    const now = textAt(encryption, 'kmsProviderId', 'id')
    const provider = now === chosen ? undefined : chosen
    return {
      keys: ['kekId', 'hostKeyId'].flatMap((field) => textAt(encryption, field) ?? []).filter(isText),
      why: undefined,
      rekey: () => rekeyCluster(session, ref, { isDeep, signal, provider }),
    }
  }

  async #object(ref: Ref, paths: readonly string[]): Promise<InventoryObject | undefined> {
    const { session, signal } = this.#parts
    const [object] = await objectsNamed(session, [ref], { type: ref.type, paths, signal })
    if (object && object.unreadable.length > 0)
      throw new CampaignStop(`the user may not read ${object.unreadable.join(', ')} of ${ref.type} ${ref.id}`)
    return object
  }
}

/** Keys that an audit entry names. */
const keysToldMax = 20

const calls: Readonly<Record<RekeyItem['kind'], string>> = {
  vm: 'ReconfigVM_Task',
  host: 'ConfigureCryptoKey',
  'vsan-cluster': 'VsanEncryptedClusterRekey_Task',
}

/** Whether the run has something to do for it. */
function isLeft({ state }: RekeyItem): boolean {
  return state === 'planned' || state === 'keyed'
}

function isText(text: string): boolean {
  return text !== ''
}
