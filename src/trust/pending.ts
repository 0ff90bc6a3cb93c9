// Pending clients: unknown certificates that knocked, so that an administrator can trust one by its SHA-256. Kept in
// memory, written at most once a second, bounded so that a stranger can neither fill it nor push out a certificate
// that keeps knocking (design: section 3). It grants nothing.

import { createHash } from 'node:crypto'
import { limits } from '../limits.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { PendingClient } from '../ports/trust.ts'
import type { Store } from '../ports/store.ts'

export class Pending {
  readonly #store: Store
  readonly #clock: Clock
  readonly #clients: Map<string, PendingClient>
  readonly #failed: (error: unknown) => void
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()

  private constructor(
    store: Store,
    clock: Clock,
    clients: readonly PendingClient[],
    failed: (error: unknown) => void,
  ) {
    this.#store = store
    this.#clock = clock
    this.#clients = new Map(clients.map((client) => [client.sha256, client]))
    this.#failed = failed
  }

  /** `failed` is told when the list could not be written; the list goes on in memory. */
  static async open(store: Store, clock: Clock, failed: (error: unknown) => void): Promise<Pending> {
    const kept = await store.pending()
    return new Pending(store, clock, kept.filter(isWhole), failed)
  }

  /** Notes a knock. Returns true when this certificate was not on the list before and now is. */
  knock(certificate: { readonly der: Uint8Array; readonly sha256: string }, address: string): boolean {
    const nowMs = this.#clock.now()
    const { sha256 } = certificate
    const known = this.#clients.get(sha256)
    if (!known && !this.#makeRoom(address, nowMs)) return false
    // A known one does not move to an address that has its share: two addresses could fill the list with moves.
    const moves = known && this.#of(address).length < limits.pendingPerAddressMax
    this.#clients.set(sha256, {
      sha256,
      certificate: known?.certificate ?? certificate.der,
      address: known && !moves ? known.address : address,
      firstMs: known?.firstMs ?? nowMs,
      lastMs: nowMs,
      knocks: (known?.knocks ?? 0) + 1,
    })
    this.#writeSoon()
    return !known
  }

  /** Newest knock first. */
  list(): readonly PendingClient[] {
    return [...this.#clients.values()].toSorted((a, b) => b.lastMs - a.lastMs)
  }

  get(sha256: string): PendingClient | undefined {
    return this.#clients.get(sha256)
  }

  /** Takes a certificate off the list: it was trusted or blocked. */
  remove(sha256: string): void {
    if (this.#clients.delete(sha256)) this.#writeSoon()
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    if (this.#timer) {
      this.#timer.cancel()
      this.#write()
    }
    await this.#writing
  }

  #makeRoom(address: string, nowMs: number): boolean {
    const all = [...this.#clients.values()]
    const ofAddress = this.#of(address)
    if (ofAddress.length >= limits.pendingPerAddressMax) return this.#evict(ofAddress, nowMs)
    return all.length < limits.pendingClientsMax || this.#evict(all, nowMs)
  }

  #of(address: string): readonly PendingClient[] {
    return [...this.#clients.values()].filter((client) => client.address === address)
  }

  /** Drops the one that knocked longest ago, unless each knocked again within the hour. */
  #evict(candidates: readonly PendingClient[], nowMs: number): boolean {
    const free = candidates
      .filter(({ knocks, lastMs }) => knocks < 2 || nowMs - lastMs > limits.pendingProtectedMs)
      .toSorted((a, b) => a.lastMs - b.lastMs)[0]
    return free !== undefined && this.#clients.delete(free.sha256)
  }

  #writeSoon(): void {
    this.#timer ??= this.#clock.after(limits.pendingWriteEveryMs, () => this.#write())
  }

  #write(): void {
    this.#timer = undefined
    const clients = [...this.#clients.values()]
    this.#writing = this.#writing
      .then(() =>
        this.#store.commit({ writes: [{ type: 'pending', clients }], entries: [], durability: 'process' }),
      )
      .catch(this.#failed)
  }
}

/** These rows carry no MAC; but what is trusted by its SHA-256 must be the certificate that people were shown. */
function isWhole({ sha256, certificate }: PendingClient): boolean {
  return createHash('sha256').update(certificate).digest('hex') === sha256
}
