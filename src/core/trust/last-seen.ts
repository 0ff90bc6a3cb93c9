// Records when and from where each trusted certificate and token was last used (a token by the SHA-256 in the store), and each
// client with its certificate, since a CA vouches for certificates that no row names. It is kept in memory and written every few
// seconds. It decides nothing. A kill loses a few seconds of it at most.

import type { CertificateSeen, ClientSeen } from '../ports/trust.ts'
import type { Clock, Timer } from '../ports/clock.ts'
import type { Store, Write } from '../ports/store.ts'

const writeEveryMs = 5_000

export class LastSeen {
  readonly #store: Store
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  readonly #unwritten = new Map<string, CertificateSeen>()
  readonly #unwrittenClients = new Map<string, ClientSeen>()
  #timer: Timer | undefined

  /** Calls `failed` if a write failed. The next write tries the same entries again. */
  constructor(store: Store, clock: Clock, failed: (error: unknown) => void) {
    this.#store = store
    this.#clock = clock
    this.#failed = failed
  }

  note(sha256: string, address: string): void {
    this.#unwritten.set(sha256, { sha256, lastMs: this.#clock.now(), address })
    this.#schedule()
  }

  noteClient(clientId: string, certificateSha256: string, address: string): void {
    const lastMs = this.#clock.now()
    this.#unwrittenClients.set(clientId, { clientId, lastMs, address, certificateSha256 })
    this.#schedule()
  }

  /** The last use of each of these certificates. Unused ones are absent. */
  async of(sha256s: readonly string[]): Promise<ReadonlyMap<string, CertificateSeen>> {
    const written = await this.#store.seen(sha256s)
    const all = new Map(written.map((seen) => [seen.sha256, seen]))
    for (const sha256 of sha256s) {
      const newer = this.#unwritten.get(sha256)
      if (newer) all.set(sha256, newer)
    }
    return all
  }

  /** Undefined: the client never connected. */
  async ofClient(clientId: string): Promise<ClientSeen | undefined> {
    const [written] = await this.#store.clientsSeen([clientId])
    return this.#unwrittenClients.get(clientId) ?? written
  }

  async flush(): Promise<void> {
    const certificates = [...this.#unwritten.values()]
    const clients = [...this.#unwrittenClients.values()]
    const writes: Write[] = [
      ...(certificates.length === 0 ? [] : [{ type: 'seen', certificates } as const]),
      ...(clients.length === 0 ? [] : [{ type: 'clients-seen', clients } as const]),
    ]
    if (writes.length === 0) return
    await this.#store.commit({ writes, entries: [], durability: 'process' })
    for (const seen of certificates)
      if (this.#unwritten.get(seen.sha256) === seen) this.#unwritten.delete(seen.sha256)
    for (const seen of clients)
      if (this.#unwrittenClients.get(seen.clientId) === seen) this.#unwrittenClients.delete(seen.clientId)
  }

  #schedule(): void {
    if (this.#timer) return
    this.#timer = this.#clock.after(writeEveryMs, () => {
      this.#timer = undefined
      this.flush().catch(this.#failed)
    })
  }
}
