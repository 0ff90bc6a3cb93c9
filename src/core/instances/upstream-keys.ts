// The private keys with which instances call their upstreams: secrets of the server, one for each setting of an upstream, so that
// a certificate and its key change in one commit.

import { StoreConflict, type Store, type Write } from '../ports/store.ts'
import type { Secrets } from '../sealing/secrets.ts'
import type { Access } from '../trust/access.ts'
import type { Instance } from '../trust/rows.ts'
import type { Upstream } from '../trust/upstream.ts'

const prefix = 'upstream-key/'

export interface UpstreamKeysOptions {
  readonly store: Pick<Store, 'secrets'>
  readonly secrets: Pick<Secrets, 'fresh' | 'seal' | 'remove'>
  readonly access: Pick<Access, 'snapshot'>
}

export class UpstreamKeys {
  readonly #options: UpstreamKeysOptions

  constructor(options: UpstreamKeysOptions) {
    this.#options = options
  }

  /** The key in PEM, which the caller wipes; undefined: it is gone. */
  of(upstream: Pick<Upstream, 'id'>): Promise<Buffer | undefined> {
    return this.#options.secrets.fresh(nameOf(upstream))
  }

  /** The write that stores the key, to be committed with the row that names it. */
  stored(upstream: Pick<Upstream, 'id'>, pem: Uint8Array): Write {
    return { type: 'secret', record: this.#options.secrets.seal(nameOf(upstream), pem) }
  }

  /** Removes the keys that no row names: those of instances that a restore left out. */
  async tidy(): Promise<void> {
    const kept = (await this.#options.store.secrets()).filter(({ name }) => name.startsWith(prefix))
    if (kept.length === 0) return
    // Read after the keys: the commit of a key also commits the row that names it.
    const { tables, intact, version } = await this.#options.access.snapshot()
    if (!intact) return
    const named = new Set(
      [...tables.instance.values()].flatMap(({ upstream }) => (upstream ? [nameOf(upstream)] : [])),
    )
    const unneeded = kept.map(({ name }) => name).filter((name) => !named.has(name))
    if (unneeded.length === 0) return
    try {
      await this.#options.secrets.remove(unneeded, { trustVersion: version })
    } catch (error) {
      // An instance changed meanwhile. The next start tries again.
      if (!(error instanceof StoreConflict)) throw error
    }
  }
}

/** Returns the writes that remove an instance's upstream, except for its row. */
export function withoutUpstreamKey({ upstream }: Pick<Instance, 'upstream'>): readonly Write[] {
  return upstream ? [{ type: 'secret-removed', name: nameOf(upstream) }] : []
}

function nameOf({ id }: Pick<Upstream, 'id'>): string {
  return `${prefix}${id}`
}
