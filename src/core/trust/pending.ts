// Pending clients: unknown certificates that connected, so that an administrator can trust one by its SHA-256. The list is in
// memory, and its changes are written at most once a second for the other nodes (`follow`). Subnets share it, so unknown peers
// can neither fill it nor keep a newcomer off it (design: section 3). The list grants nothing.

import { createHash } from 'node:crypto'
import type { Clock, Timer } from '../ports/clock.ts'
import type { PendingClient } from '../ports/trust.ts'
import type { Store } from '../ports/store.ts'

export const pendingClientsMax = 100
/** A subnet is an IPv4 address or an IPv6 /64. */
export const pendingPerSubnetMax = 5
/** A certificate that returned within this time is the last of its subnet to lose its place. */
export const pendingSettledMs = 60 * 60_000
export const pendingWriteEveryMs = 1_000
/** Unwritten changes of the list while the store refuses writes. */
export const pendingUnwrittenMax = 1_000

/** The certificate's own claims about its subject, unverified and made safe to show. */
export interface PendingSubject {
  readonly subject: string
  readonly issuer: string
  readonly notAfterMs: number
}

export interface ListedClient extends PendingClient {
  /** Null: the certificate cannot be read, so it cannot be trusted either. */
  readonly says: PendingSubject | null
}

interface Entry extends ListedClient {
  readonly subnet: string
}

export interface PendingOptions {
  readonly store: Pick<Store, 'pending' | 'commit'>
  readonly clock: Clock
  /** Reads an unknown certificate once, when it enters the list. Never throws, whatever the bytes. */
  readonly describe: (der: Uint8Array) => PendingSubject | null
  /** The group of addresses that shares one part of the list. */
  readonly subnetOf: (address: string) => string
  /** Called if writing the list failed. The list continues in memory. */
  readonly failed: (error: unknown) => void
}

export class Pending {
  readonly #options: PendingOptions
  readonly #clients = new Map<string, Entry>()
  /** Certificates that the store may have. */
  readonly #stored = new Set<string>()
  /** Certificates whose addition or removal the store does not have yet. */
  readonly #unwritten = new Set<string>()
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()

  private constructor(options: PendingOptions) {
    this.#options = options
  }

  static async open(options: PendingOptions): Promise<Pending> {
    const pending = new Pending(options)
    await pending.follow()
    return pending
  }

  /** Takes over the additions and removals of other nodes, except for its own unwritten changes. Throws StoreUnavailable. */
  async follow(): Promise<void> {
    const own = new Set(this.#unwritten)
    const kept = await this.#options.store.pending()
    for (const sha256 of this.#unwritten) own.add(sha256)
    const names = new Set(kept.map(({ sha256 }) => sha256))
    for (const sha256 of this.#clients.keys())
      if (!names.has(sha256) && !own.has(sha256)) {
        this.#clients.delete(sha256)
        this.#stored.delete(sha256)
      }
    for (const client of kept.filter(isWhole)) {
      const { sha256, certificate } = client
      this.#stored.add(sha256)
      const known = this.#clients.get(sha256)
      if (!own.has(sha256)) this.#put(client, known ? known.says : this.#read(certificate))
    }
  }

  /** Records `times` connections with an unknown certificate. Returns whether the certificate is new on the list. */
  recordUnknown(
    certificate: { readonly der: Uint8Array; readonly sha256: string },
    address: string,
    times = 1,
  ): boolean {
    const nowMs = this.#options.clock.now()
    const { sha256, der } = certificate
    const subnet = this.#options.subnetOf(address)
    const known = this.#clients.get(sha256)
    if (!known) this.#makeRoom(subnet, nowMs)
    // A known certificate does not move to a subnet whose share is used up. Otherwise two subnets could fill the list by
    // exchanging certificates.
    const moves = known && this.#in(subnet).length < pendingPerSubnetMax
    const client: PendingClient = {
      sha256,
      certificate: known?.certificate ?? der,
      address: known && !moves ? known.address : address,
      firstMs: known?.firstMs ?? nowMs,
      lastMs: nowMs,
      attempts: (known?.attempts ?? 0) + times,
    }
    this.#put(client, known ? known.says : this.#read(der))
    this.#unwritten.add(sha256)
    this.#writeSoon()
    return !known
  }

  /** Newest connection first. */
  list(): readonly ListedClient[] {
    return [...this.#clients.values()].toSorted((a, b) => b.lastMs - a.lastMs)
  }

  get(sha256: string): ListedClient | undefined {
    return this.#clients.get(sha256)
  }

  /** Removes a certificate from the list, because it was trusted or blocked. */
  remove(sha256: string): void {
    // Another node may have stored it.
    this.#stored.add(sha256)
    this.#takeOff(sha256)
    this.#writeSoon()
  }

  /** Writes all pending changes. */
  async close(): Promise<void> {
    if (this.#timer) {
      this.#timer.cancel()
      this.#write()
    }
    await this.#writing
  }

  /** Keeps only the parts that are shown, since a certificate may be large. */
  #read(der: Uint8Array): PendingSubject | null {
    const said = this.#options.describe(der)
    return said && { subject: said.subject, issuer: said.issuer, notAfterMs: said.notAfterMs }
  }

  #put(client: PendingClient, says: PendingSubject | null): void {
    this.#clients.set(client.sha256, { ...client, says, subnet: this.#options.subnetOf(client.address) })
  }

  #in(subnet: string): readonly Entry[] {
    return [...this.#clients.values()].filter((client) => client.subnet === subnet)
  }

  /**
   * Makes room for a newcomer of this subnet. A subnet whose share is used up loses one of its own. If the list is full, one of
   * the largest subnet is dropped, so that many addresses together cannot keep another one off the list.
   */
  #makeRoom(subnet: string, nowMs: number): void {
    const own = this.#in(subnet)
    if (own.length >= pendingPerSubnetMax) return this.#drop(own, nowMs)
    if (this.#clients.size < pendingClientsMax) return
    const groups = [...Map.groupBy(this.#clients.values(), (client) => client.subnet).values()]
    const most = Math.max(...groups.map(({ length }) => length))
    this.#drop(own.length === most ? own : groups.filter(({ length }) => length === most).flat(), nowMs)
  }

  /** Drops the certificate that connected longest ago. Spares those that connected repeatedly and recently, unless all did. */
  #drop(candidates: readonly Entry[], nowMs: number): void {
    const isSettled = ({ attempts, lastMs }: Entry) => attempts > 1 && nowMs - lastMs <= pendingSettledMs
    const [first] = candidates.toSorted(
      (a, b) => Number(isSettled(a)) - Number(isSettled(b)) || a.lastMs - b.lastMs,
    )
    if (first) this.#takeOff(first.sha256)
  }

  /** Removes a certificate, and marks the removal for writing only if the store may have it. `follow` brings back the others. */
  #takeOff(sha256: string): void {
    this.#clients.delete(sha256)
    if (this.#stored.has(sha256) && this.#unwritten.size < pendingUnwrittenMax)
      return void this.#unwritten.add(sha256)
    this.#unwritten.delete(sha256)
    this.#stored.delete(sha256)
  }

  #writeSoon(): void {
    this.#timer ??= this.#options.clock.after(pendingWriteEveryMs, () => this.#write())
  }

  #write(): void {
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#writeChanged()).catch(this.#options.failed)
  }

  async #writeChanged(): Promise<void> {
    const changed = [...this.#unwritten].map((sha256) => ({ sha256, entry: this.#clients.get(sha256) }))
    const clients = changed.flatMap(({ entry }) => {
      if (!entry) return []
      const { says: _says, subnet: _subnet, ...client } = entry
      return [client]
    })
    const removed = changed.flatMap(({ sha256, entry }) => (entry ? [] : [sha256]))
    for (const { sha256 } of clients) this.#stored.add(sha256)
    const write = { type: 'pending', clients, removed } as const
    await this.#options.store.commit({ writes: [write], entries: [], durability: 'process' })
    for (const { sha256, entry } of changed) {
      if (this.#clients.get(sha256) !== entry) continue
      this.#unwritten.delete(sha256)
      if (!entry) this.#stored.delete(sha256)
    }
  }
}

/** These rows carry no MAC, so the certificate must match the SHA-256 by which administrators trust it. */
function isWhole({ sha256, certificate }: PendingClient): boolean {
  return createHash('sha256').update(certificate).digest('hex') === sha256
}
