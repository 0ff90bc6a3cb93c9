// Begins and ends long work on an instance: a move to another root key or custody, or a rewrap of all keys by the newest
// version of their root key. New keys follow it at once; worker.ts brings the existing ones along in the background.

import { randomUUID } from 'node:crypto'
import type { Custodies } from '../custody/custodies.ts'
import { serverActor, type By } from '../audit/actor.ts'
import { requireNoDelayFor } from './destroy-delay.ts'
import type { WrittenToo } from './instance-changes.ts'
import type { Keyring } from '../sealing/keyring.ts'
import type { Store, Write } from '../ports/store.ts'
import type { TrustSnapshot } from '../trust/rows.ts'
import type { Instance, InstanceWork } from '../trust/rows.ts'
import {
  requireInstance,
  TrustRefused,
  type Present,
  type TrustDraft,
  type TrustWriter,
} from '../trust/writer.ts'

/** The root key and custody that an instance moves to. */
export interface WorkTarget extends WrittenToo {
  readonly rootKeyUri: string
  readonly custody: Instance['custody']
}

/** Counts for the audit entry at the end of the work. */
export type WorkCounts = Readonly<Record<string, number>>

/** The audit's name for each kind of work; `.done` is appended at its end. */
const workActions = {
  move: 'instance.set-root-key',
  rewrap: 'instance.rewrap',
} as const satisfies Record<InstanceWork['kind'], string>

export class InstanceWorkChanges {
  readonly #writer: TrustWriter
  readonly #store: Pick<Store, 'dataKeys' | 'recoverable'>
  readonly #keyring: Pick<Keyring, 'make'>
  readonly #custodies: Custodies

  constructor(
    writer: TrustWriter,
    {
      store,
      keyring,
      custodies,
    }: {
      readonly store: Pick<Store, 'dataKeys' | 'recoverable'>
      readonly keyring: Pick<Keyring, 'make'>
      readonly custodies: Custodies
    },
  ) {
    this.#writer = writer
    this.#store = store
    this.#keyring = keyring
    this.#custodies = custodies
  }

  /** Throws TrustRefused if destroyed keys of the instance wait, or will, which the custody could not bring back. */
  async requireMayMove(instance: Instance, custody: Instance['custody']): Promise<void> {
    await requireNoDelayFor(this.#store, instance, custody, this.#custodies)
  }

  /**
   * Gives the instance this root key and custody, and its own data key under it. Replaces work in progress: a move gets another
   * target, or goes back. Throws RootKeyError when the root key cannot seal.
   */
  async setRootKey<A = Instance>(
    by: By,
    instanceId: string,
    target: WorkTarget,
    present?: Present<Instance, A>,
  ): Promise<A> {
    const { rootKeyUri, custody, writes = [], detail = {} } = target
    const dataKey = await this.#keyring.make({ id: instanceId, rootKeyUri })
    const decide = async (snapshot: TrustSnapshot, startedMs: number): Promise<TrustDraft<Instance>> => {
      const before = requireInstance(snapshot, instanceId)
      // While the trust stays at this version, no destroyed key begins to wait in an instance without a delay.
      await this.requireMayMove(before, custody)
      const work: InstanceWork = {
        kind: 'move',
        id: randomUUID(),
        fromRootKeyUri: before.rootKeyUri,
        fromCustody: before.custody,
        startedMs,
      }
      const instance: Instance = { ...before, rootKeyUri, custody, work }
      return {
        put: [{ kind: 'instance', value: instance }],
        writes: [
          ...writes,
          await this.#newest(instanceId, dataKey),
          ...(await this.#custodies.moving(before, target)),
        ],
        action: workActions.move,
        object: instanceId,
        instanceId,
        detail: {
          work: work.id,
          rootKey: rootKeyUri,
          custody,
          fromRootKey: before.rootKeyUri,
          fromCustody: before.custody,
          ...detail,
        },
        result: instance,
      }
    }
    return this.#writer.change(by, decide, present)
  }

  /** Begins to bring all keys under the newest version of the root key. If that is in progress already, it continues. */
  async rewrap<A = Instance>(by: By, instanceId: string, present?: Present<Instance, A>): Promise<A> {
    const decide = (snapshot: TrustSnapshot, startedMs: number): TrustDraft<Instance> => {
      const before = requireInstance(snapshot, instanceId)
      if (before.work?.kind === 'move')
        throw new TrustRefused(
          'in-use',
          `the instance ${before.name} is on its way to the root key ${before.rootKeyUri}`,
          'What is moved is sealed by the newest version anyway. Begin when the move is done, for what was there before.',
        )
      const { rootKeyUri, custody } = before
      const work: InstanceWork = {
        kind: 'rewrap',
        id: randomUUID(),
        fromRootKeyUri: rootKeyUri,
        fromCustody: custody,
        startedMs,
      }
      const instance: Instance = { ...before, work: before.work ?? work }
      return {
        put: [{ kind: 'instance', value: instance }],
        action: workActions.rewrap,
        object: instanceId,
        instanceId,
        detail: { work: instance.work?.id ?? work.id, rootKey: rootKeyUri, custody },
        result: instance,
      }
    }
    return this.#writer.change(by, decide, present)
  }

  /** Ends the work. Returns false, and writes nothing, if other work has replaced it. */
  async finish(instanceId: string, work: InstanceWork, counts: WorkCounts): Promise<boolean> {
    try {
      await this.#writer.change(serverActor, (snapshot) => {
        const { work: now, ...instance } = requireInstance(snapshot, instanceId)
        if (now?.id !== work.id) throw new TrustRefused('not-found', 'this work was replaced')
        return {
          put: [{ kind: 'instance', value: instance }],
          action: `${workActions[work.kind]}.done`,
          object: instanceId,
          instanceId,
          detail: { work: work.id, rootKey: instance.rootKeyUri, custody: instance.custody, ...counts },
          result: undefined,
        }
      })
      return true
    } catch (error) {
      if (error instanceof TrustRefused && error.why === 'not-found') return false
      throw error
    }
  }

  /** Makes this data key the newest, even if another request made one meanwhile or the clock was set back. */
  async #newest(instanceId: string, write: Write): Promise<Write> {
    if (write.type !== 'data-key') return write
    const made = (await this.#store.dataKeys(instanceId)).map(({ createdMs }) => createdMs + 1)
    return { ...write, record: { ...write.record, createdMs: Math.max(write.record.createdMs, ...made) } }
  }
}
