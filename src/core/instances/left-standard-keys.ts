// Standard keys that the server must still delete at a service instance of Key Protect or HPCS. A service instance that is gone
// for good does not say so, and the sweep would retry for ever. A manager may say it: then one commit removes the rows of these
// keys, and of the markers there.

import { counted } from '../../base/text/counted.ts'
import type { By } from '../audit/actor.ts'
import { auditTextCharactersMax } from '../../base/bounds.ts'
import type { StandardKeyRecord } from '../ports/secrets.ts'
import { RootKeyError } from '../ports/root-key.ts'
import type { Write } from '../ports/store.ts'
import { whyNoAnswer } from '../custody/keyprotect/copies.ts'
import { eachOf } from '../custody/keyprotect/each-of.ts'
import { allStandardKeys } from '../custody/keyprotect/pages.ts'
import { refOf } from '../custody/keyprotect/records.ts'
import type { Grantor } from '../trust/grantor.ts'
import type { Instance, TrustTables } from '../trust/rows.ts'
import { TrustRefused, type TrustEvent, type TrustWriter } from '../trust/writer.ts'
import type { ApiKeysOptions } from './api-keys.ts'
import type { InstanceParts } from './instance-changes.ts'

/** A service instance at which standard keys are still to be deleted. */
export interface LeftThere {
  /** Its GUID. */
  readonly service: string
  /** The root keys beside which they are stored. */
  readonly rootKeyUris: readonly string[]
  readonly left: number
  /** The keys that are left, by instance. */
  readonly instances: readonly CountOfInstance[]
  /** Keys in use that are stored there, by instance; 0: it will store new ones there. */
  readonly inUse: readonly CountOfInstance[]
  /** Why the service instance did not delete them at the last call, for people; null: this node does not know. */
  readonly cause: string | null
}

interface CountOfInstance {
  readonly id: string
  /** null: the instance is deleted. */
  readonly name: string | null
  readonly count: number
}

export type LeftOptions = InstanceParts & Pick<ApiKeysOptions, 'access' | 'serviceOf'>

const atOnce = 16

export class LeftStandardKeys {
  readonly #writer: TrustWriter
  readonly #options: LeftOptions

  constructor(writer: TrustWriter, options: LeftOptions) {
    this.#writer = writer
    this.#options = options
  }

  /** The service instances at which standard keys are left. */
  async list(): Promise<readonly LeftThere[]> {
    const { store } = this.#options
    const instances = await this.#instances()
    const rows = await allStandardKeys(store, { kind: 'object', state: 'unwanted' })
    const services = new Set(rows.map(({ rootKeyUri }) => this.#options.serviceOf(rootKeyUri)))
    const named = [...services].filter((service) => service !== undefined)
    const there = await Promise.all(named.map((service) => this.#there(service, instances)))
    return there.filter(({ left }) => left > 0)
  }

  /**
   * Removes the rows of the standard keys that are left at a service instance, so that the server stops trying to delete them.
   * `named`: the GUID of the service instance, or a URI in it. `left`: the count that the manager saw. Throws TrustRefused, also
   * while the service instance answers, or stores keys in use.
   */
  async forget(
    by: By | Grantor,
    { service: named, left }: { readonly service: string; readonly left: number | undefined },
  ): Promise<LeftThere> {
    const service = this.#options.serviceOf(named) ?? named.toLowerCase()
    requireForgettable(await this.#there(service, await this.#instances()), left)
    const cause = await this.#requireNoAnswer(service)
    const forgotten = await this.#writer.change(by, async ({ tables }) => {
      const there = await this.#there(service, tables.instance)
      requireForgettable(there, left)
      const pairs = pairsOf(await this.#rows(service))
      const writes = pairs.map(({ instanceId, rootKeyUri }): Write => {
        return { type: 'standard-keys-forgotten', instanceId, rootKeyUri }
      })
      const [first, ...also] = there.instances.map(({ id: instanceId, count }): TrustEvent => {
        const said = cause.slice(0, auditTextCharactersMax)
        const detail = { left: count, said }
        return { action: 'standard-key.forget', object: service, instanceId, detail }
      })
      if (!first) throw new Error('something is left, of some instance')
      return { ...first, also, writes, result: there }
    })
    // The removal is committed. The next pass of the sweep handles the rest.
    await this.#options.custodies.forgotten().catch(() => undefined)
    return { ...forgotten, cause }
  }

  async #instances(): Promise<TrustTables['instance']> {
    return (await this.#options.access.snapshot()).tables.instance
  }

  /** Rows of objects and markers. */
  async #rows(service: string): Promise<readonly StandardKeyRecord[]> {
    const rows = await allStandardKeys(this.#options.store, {})
    return rows.filter(({ rootKeyUri }) => this.#options.serviceOf(rootKeyUri) === service)
  }

  async #there(service: string, instances: TrustTables['instance']): Promise<LeftThere> {
    const rows = (await this.#rows(service)).filter(({ kind }) => kind === 'object')
    const used = new Map<string, number>()
    for (const instance of instances.values()) if (this.#storesAt(service, instance)) used.set(instance.id, 0)
    const left = new Map<string, number>()
    await eachOf(rows, atOnce, async (row) => {
      const counts = (await this.#isInUse(row, instances)) ? used : left
      counts.set(row.instanceId, (counts.get(row.instanceId) ?? 0) + 1)
    })
    const ofInstances = (counts: ReadonlyMap<string, number>): readonly CountOfInstance[] =>
      [...counts].map(([id, count]) => ({ id, name: instances.get(id)?.name ?? null, count }))
    const { standardKeys } = this.#options.keyring.status
    const unwanted = rows.filter(({ state }) => state === 'unwanted')
    return {
      service,
      rootKeyUris: [...new Set(unwanted.map(({ rootKeyUri }) => rootKeyUri))].toSorted(),
      left: [...left.values()].reduce((sum, count) => sum + count, 0),
      instances: ofInstances(left),
      inUse: ofInstances(used),
      cause:
        [...left.keys()].map((id) => standardKeys.causeOfLeft(id)).find((cause) => cause !== null) ?? null,
    }
  }

  #storesAt(service: string, { custody, rootKeyUri }: Instance): boolean {
    return custody === 'keyprotect' && this.#options.serviceOf(rootKeyUri) === service
  }

  /** An unwanted key is in use if its object points to it: a commit whose answer was lost may have done that. */
  async #isInUse(
    { instanceId, identifier, id, state }: StandardKeyRecord,
    instances: TrustTables['instance'],
  ): Promise<boolean> {
    if (state !== 'unwanted') return true
    if (!instances.has(instanceId)) return false
    return refOf(await this.#options.store.object(instanceId, identifier))?.standardKeyId === id
  }

  /** Calls the service as the sweep does, with the access of each instance. Returns why there was no answer. */
  async #requireNoAnswer(service: string): Promise<string> {
    const { openRootKey } = this.#options.keyring
    const causes: RootKeyError[] = []
    await eachOf(pairsOf(await this.#rows(service)), atOnce, async ({ instanceId, rootKeyUri }) => {
      const why = await whyNoAnswer(openRootKey, rootKeyUri, instanceId)
      if (why) causes.push(why)
      else
        throw new TrustRefused(
          'unfit',
          `the service instance ${service} answers, so it is not gone`,
          'The server deletes what is left there by itself, every minute; mortise status says what keeps it from that.',
        )
    })
    return causes[0]?.message ?? ''
  }
}

/** Each root key with each instance that has rows beside it. */
function pairsOf(
  rows: readonly StandardKeyRecord[],
): readonly Pick<StandardKeyRecord, 'instanceId' | 'rootKeyUri'>[] {
  const pairs = rows.map(
    ({ instanceId, rootKeyUri }) =>
      [JSON.stringify([instanceId, rootKeyUri]), { instanceId, rootKeyUri }] as const,
  )
  return [...new Map(pairs).values()]
}

function requireForgettable({ service, left, inUse }: LeftThere, named: number | undefined): void {
  if (inUse.length > 0) {
    const whose = inUse.map(({ id, name, count }) => `${name ?? id} (${String(count)})`)
    throw new TrustRefused(
      'in-use',
      `keys that are in use are stored at the service instance ${service}, those of ${whose.join(', ')}`,
      'Move such an instance to another root key (mortise instance set-root-key). If its keys are lost: mortise instance delete NAME --shred NAME. What they encrypt can never be read again.',
    )
  }
  if (left === 0)
    throw new TrustRefused(
      'not-found',
      `no standard keys are left at the service instance ${service}`,
      'See where some are: mortise root-key left',
    )
  if (left === named) return
  const many = counted(left, 'standard key is', 'standard keys are')
  throw new TrustRefused(
    'in-use',
    `${many} left at the service instance ${service}, and can be opened there unless it is gone for good`,
    named === undefined
      ? `If it is, name their number: --left ${String(left)} (left in a request).`
      : `The request named ${String(named)}. Look again: mortise root-key left`,
  )
}
