// The instances' own API keys for the services of their root keys. The server's secrets hold one for each pair of instance and
// service instance, so that a moving instance has a key for both sides. Only ibm.ts, which calls the services, receives them.

import { EnvelopeError } from '../sealing/envelope.ts'
import { StoreConflict, StoreUnavailable, type Store, type Write } from '../ports/store.ts'
import { RootKeyError } from '../ports/root-key.ts'
import type { Secrets } from '../sealing/secrets.ts'
import { standardKeyPages } from '../custody/keyprotect/pages.ts'
import type { Access } from '../trust/access.ts'
import type { Instance } from '../trust/rows.ts'

/** Whose API key an instance uses: its own, the server's, or none because its root key needs none. */
export type ApiKeySource = 'instance' | 'server' | 'none'

export interface ApiKeysOptions {
  readonly store: Pick<Store, 'secrets' | 'standardKeys' | 'dataKeys'>
  readonly secrets: Pick<Secrets, 'fresh' | 'seal' | 'remove'>
  readonly access: Pick<Access, 'snapshot'>
  /** The id of the service instance that a root key's URI names; undefined where it needs no API key. */
  readonly serviceOf: (rootKeyUri: string) => string | undefined
  /** Called when nothing that was read for the instance before may be used any more. */
  readonly onChange: (instanceId: string) => void
}

const prefix = 'ibm-api-key/'

interface StoredApiKeysOptions extends Pick<ApiKeysOptions, 'serviceOf'> {
  readonly store: Pick<Store, 'secrets'>
  readonly secrets: Pick<Secrets, 'fresh'>
}

/** The API keys that the store holds. */
export class StoredApiKeys {
  readonly #options: StoredApiKeysOptions

  constructor(options: StoredApiKeysOptions) {
    this.#options = options
  }

  /**
   * Returns the instance's own key for a service instance; undefined if it has none. Reads it from the store each time, since
   * another node may have replaced it. Throws RootKeyError('unreachable') if the store does not give it.
   */
  async of(instanceId: string, service: string): Promise<string | undefined> {
    try {
      return (await this.#options.secrets.fresh(apiKeyName(instanceId, service)))?.toString('utf8')
    } catch (cause) {
      if (cause instanceof StoreUnavailable)
        throw new RootKeyError('unreachable', 'the API key of the instance cannot be read from the store', {
          cause,
        })
      if (!(cause instanceof EnvelopeError)) throw cause
      throw new RootKeyError(
        'unreachable',
        'the API key of the instance was altered in the database. Give it again: mortise instance set NAME --ibm-api-key-file FILE',
        { cause },
      )
    }
  }

  /** Whether the instance has a key of its own for what a root key's URI names. */
  async has(instanceId: string, rootKeyUri: string): Promise<boolean> {
    const service = this.#options.serviceOf(rootKeyUri)
    if (service === undefined) return false
    const name = apiKeyName(instanceId, service)
    return (await this.#options.store.secrets()).some((record) => record.name === name)
  }
}

export class ApiKeys {
  readonly #options: ApiKeysOptions
  readonly #stored: StoredApiKeys
  /** Keys under trial, which are not stored yet, by their later name in the store. */
  readonly #tried = new Map<string, string>()

  constructor(options: ApiKeysOptions) {
    this.#options = options
    this.#stored = new StoredApiKeys(options)
  }

  /** Returns the key under trial, or the stored key as StoredApiKeys.of does. */
  async of(instanceId: string, service: string): Promise<string | undefined> {
    return this.#tried.get(apiKeyName(instanceId, service)) ?? this.#stored.of(instanceId, service)
  }

  /** Whether the instance has a stored key, as StoredApiKeys.has, or a key under trial. */
  async has(instanceId: string, rootKeyUri: string): Promise<boolean> {
    const service = this.#options.serviceOf(rootKeyUri)
    if (service !== undefined && this.#tried.has(apiKeyName(instanceId, service))) return true
    return this.#stored.has(instanceId, rootKeyUri)
  }

  /** Says which API key each instance uses now; inside `with`, the key under trial. */
  async sources(): Promise<(instance: Pick<Instance, 'id' | 'rootKeyUri'>) => ApiKeySource> {
    const kept = (await this.#options.store.secrets()).map(({ name }) => name)
    const names = new Set([...kept, ...this.#tried.keys()])
    return ({ id, rootKeyUri }) => {
      const service = this.#options.serviceOf(rootKeyUri)
      if (service === undefined) return 'none'
      return names.has(apiKeyName(id, service)) ? 'instance' : 'server'
    }
  }

  /**
   * Runs `work` as if the instance had the key already. `work` commits `writes` with its own, or the key is not stored.
   * Afterwards the server uses nothing that it read with an older key. The URI must name a service instance.
   */
  async with<T>(
    { instanceId, rootKeyUri, apiKey }: { instanceId: string; rootKeyUri: string; apiKey: string },
    work: (writes: readonly Write[]) => Promise<T>,
  ): Promise<T> {
    const service = this.#options.serviceOf(rootKeyUri)
    if (service === undefined) throw new Error(`${rootKeyUri} needs no API key`)
    return this.withEach(instanceId, new Map([[service, apiKey]]), work)
  }

  /** Does the same as `with` for several API keys, by the id of their service instance. */
  async withEach<T>(
    instanceId: string,
    apiKeys: ReadonlyMap<string, string>,
    work: (writes: readonly Write[]) => Promise<T>,
  ): Promise<T> {
    const names = new Map([...apiKeys].map(([service, apiKey]) => [apiKeyName(instanceId, service), apiKey]))
    const writes = [...names].map(([name, apiKey]): Write => {
      const bytes = Buffer.from(apiKey)
      const record = this.#options.secrets.seal(name, bytes)
      bytes.fill(0)
      return { type: 'secret', record }
    })
    for (const [name, apiKey] of names) this.#tried.set(name, apiKey)
    try {
      return await work(writes)
    } finally {
      for (const name of names.keys()) this.#tried.delete(name)
      this.#options.onChange(instanceId)
    }
  }

  /**
   * Removes unneeded keys: those of deleted instances, and those for services that an instance has left and where the server need
   * not delete anything of it. May be called at any time.
   */
  async tidy(): Promise<void> {
    const kept = (await this.#options.store.secrets()).filter(({ name }) => name.startsWith(prefix))
    if (kept.length === 0) return
    // Read after the names: the commit of a key also commits its need.
    const { tables, intact, version } = await this.#options.access.snapshot()
    if (!intact) return
    const unneeded: string[] = []
    for (const { name } of kept) {
      const [instanceId = '', service = ''] = name.slice(prefix.length).split('/')
      if (!(await this.#isNeeded(instanceId, service, tables.instance.get(instanceId)))) unneeded.push(name)
    }
    if (unneeded.length === 0) return
    try {
      await this.#options.secrets.remove(unneeded, { trustVersion: version })
    } catch (error) {
      // An instance changed in the meantime: it may need one of the keys again.
      if (!(error instanceof StoreConflict)) throw error
    }
  }

  async #isNeeded(instanceId: string, service: string, instance: Instance | undefined): Promise<boolean> {
    const { store, serviceOf } = this.#options
    const named = instance ? [instance.rootKeyUri, instance.work?.fromRootKeyUri] : []
    if (named.some((uri) => uri !== undefined && serviceOf(uri) === service)) return true
    const dataKeys = await store.dataKeys(instanceId)
    if (dataKeys.some(({ rootKeyUri }) => serviceOf(rootKeyUri) === service)) return true
    // An instance may still move, may have left a key that its owner restores, or may have keys to delete there.
    for await (const page of standardKeyPages(store, { instanceId }))
      if (page.some(({ rootKeyUri }) => serviceOf(rootKeyUri) === service)) return true
    return false
  }
}

/** The service instances for which these secrets hold API keys of the instance. */
export function apiKeyServices(names: readonly string[], instanceId: string): readonly string[] {
  const begin = apiKeyName(instanceId, '')
  return names.filter((name) => name.startsWith(begin)).map((name) => name.slice(begin.length))
}

/** The name of the secret that holds an instance's own API key for a service instance. */
export function apiKeyName(instanceId: string, service: string): string {
  return `${prefix}${instanceId}/${service}`
}
