// The leases of this node: it takes them when work begins, renews them while the work lasts, and gives them back when the node
// stops. This node counts the time from before its request, so it stops believing in a lease before the database gives it to
// another node. If this node slept, or could not reach the database, the fence in its commits still refuses them. If one process
// has the store alone, it has every lease at once and as long as it runs.

import { backgroundLeaseMs } from '../../base/bounds.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import {
  apartFromLease,
  isLeaseOver,
  LeaseElsewhere,
  underLease,
  type Lease,
  type LeaseName,
  type Leases,
  type LeaseWrite,
  type NodeRecord,
  type NodeSign,
} from '../ports/leases.ts'
import { StoreConflict, type Store } from '../ports/store.ts'

/** Interval of a node's signs that it does its background work. */
export const leaseRenewMs = 4_000
/** A node without a sign for this long disappears from the list. */
const nodeListedMs = 7 * 24 * 3600_000

export interface NodeLeasesOptions {
  readonly store: Pick<Store, 'node' | 'leases' | 'nodes' | 'commit'>
  readonly clock: Clock
  /** Called when a lease could not be renewed or given back because the store fails. */
  readonly failed: (error: unknown) => void
}

/** A node of this store. */
export interface ServingNode extends NodeRecord {
  readonly isThis: boolean
  /** Whether it gave a sign recently. */
  readonly serves: boolean
  /** The background work that it does, or would do now. */
  readonly work: readonly string[]
}

interface Held extends Lease {
  untilMs: number
}

export class NodeLeases implements Leases {
  readonly #options: NodeLeasesOptions
  readonly #held = new Map<string, Held>()
  readonly #asking = new Map<string, Promise<Lease | undefined>>()
  readonly #users = new Map<LeaseName, number>()
  #sign: NodeSign | undefined
  #timer: Timer | undefined
  #stopped = false

  constructor(options: NodeLeasesOptions) {
    this.#options = options
  }

  /** From now on, renews the held leases. */
  start(): void {
    const { store, clock } = this.#options
    if (store.node !== null) this.#timer = clock.every(leaseRenewMs, () => void this.renew())
  }

  hold(name: LeaseName): Promise<Lease | undefined> {
    const held = this.#held.get(name)
    if (held?.isHeld()) return Promise.resolve(held)
    const pending = this.#asking.get(name)
    if (pending) return pending
    const asking = this.#take(name).finally(() => this.#asking.delete(name))
    this.#asking.set(name, asking)
    return asking
  }

  /** Holds the lease while `work` runs, which may be several times at once. Throws LeaseElsewhere. */
  async during<T>(name: LeaseName, work: () => Promise<T>): Promise<T> {
    // Counts first, so that work that ends meanwhile does not give back the lease that this work takes.
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1)
    try {
      const lease = await this.hold(name)
      if (!lease) throw new LeaseElsewhere()
      return await underLease(lease, work)
    } finally {
      const left = (this.#users.get(name) ?? 1) - 1
      this.#users.set(name, left)
      const now = this.#held.get(name)
      if (left === 0 && now) await this.giveBack(now)
    }
  }

  async giveBack({ name, fence }: Lease): Promise<void> {
    // No other process could take it, and each new lease is a commit.
    if (this.#options.store.node === null || this.#held.get(name)?.fence !== fence) return
    this.#held.delete(name)
    await this.#tell({ type: 'lease-returned', name, fence })
  }

  /** Never rejects. */
  async renew(): Promise<void> {
    const forMs = backgroundLeaseMs
    void this.#giveSign()
    await Promise.all(
      [...this.#held.values()].map(async (held) => {
        const { name, fence } = held
        const untilMs = this.#options.clock.monotonic() + forMs
        const answer = await this.#tell({ type: 'lease-renewed', name, fence, forMs })
        if (answer === 'done') held.untilMs = untilMs
        else if (answer === 'lost' && this.#held.get(name) === held) this.#held.delete(name)
      }),
    )
  }

  /** From now on until it stops, announces this node to the others. Never rejects. */
  async announce(sign: Omit<NodeSign, 'name'>): Promise<void> {
    const { node: name } = this.#options.store
    if (name === null) return
    this.#sign = { name, ...sign }
    await this.#giveSign()
  }

  /** The nodes of this store, with the background work of each; empty if one process has the store alone. */
  async nodes(): Promise<readonly ServingNode[]> {
    const { store } = this.#options
    if (store.node === null) return []
    const [nodes, leases] = await Promise.all([store.nodes(), store.leases()])
    return nodes
      .filter(({ agoMs }) => agoMs < nodeListedMs)
      .map((node) => ({
        ...node,
        isThis: node.name === store.node,
        serves: node.agoMs <= backgroundLeaseMs,
        work: leases
          .filter(({ holder, leftMs }) => holder === node.name && !isOver(leftMs))
          .map(({ name }) => name),
      }))
  }

  /** The other node that holds the lease now; null: no node holds it, or this one does. */
  async elsewhere(name: LeaseName): Promise<string | null> {
    const { store } = this.#options
    if (store.node === null) return null
    const { holder = null, leftMs = 0 } = (await store.leases()).find((one) => one.name === name) ?? {}
    return !isOver(leftMs) && holder !== store.node ? holder : null
  }

  /** Gives all leases back, so that other nodes need not wait. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await Promise.allSettled(this.#asking.values())
    await Promise.all([...this.#held.values()].map((held) => this.giveBack(held)))
    this.#held.clear()
    if (this.#sign) await this.#tell({ type: 'node-gone', name: this.#sign.name })
  }

  async #take(name: LeaseName): Promise<Lease | undefined> {
    const { store, clock } = this.#options
    if (this.#stopped) return undefined
    const last = (await store.leases()).find((one) => one.name === name)
    const holder = store.node ?? 'this server'
    if (last && last.holder !== null && last.holder !== holder && !isOver(last.leftMs)) return undefined
    const fence = (last?.fence ?? 0) + 1
    const untilMs = store.node === null ? Infinity : clock.monotonic() + backgroundLeaseMs
    const isHeld = () => this.#held.get(name) === held && clock.monotonic() < held.untilMs
    const held: Held = { name, fence, untilMs, isHeld }
    try {
      await this.#commit({ type: 'lease-taken', name, holder, fence, forMs: backgroundLeaseMs })
    } catch (error) {
      if (error instanceof StoreConflict) return undefined
      throw error
    }
    this.#held.set(name, held)
    return held
  }

  /** A failing store reports itself, so this ignores its failures. */
  async #giveSign(): Promise<void> {
    if (this.#sign) await this.#commit({ type: 'node-sign', node: this.#sign }).catch(() => undefined)
  }

  async #tell(write: LeaseWrite): Promise<'done' | 'lost' | 'unknown'> {
    try {
      await this.#commit(write)
      return 'done'
    } catch (error) {
      if (error instanceof StoreConflict) return 'lost'
      this.#options.failed(error)
      return 'unknown'
    }
  }

  #commit(write: LeaseWrite): Promise<void> {
    const { store } = this.#options
    return apartFromLease(() => store.commit({ writes: [write], entries: [], durability: 'process' }))
  }
}

function isOver(leftMs: number): boolean {
  return isLeaseOver(leftMs, backgroundLeaseMs)
}
