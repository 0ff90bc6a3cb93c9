// The server's own secrets: CA key, TLS key, ticket keys, audit signing key, MAC key, API keys. The store holds them sealed by
// the system data key, which the server's root key seals (design: section 5). Objects of instances have data keys of their own
// (keyring.ts).

import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { Integrity } from './integrity.ts'
import { EnvelopeError, open, seal, takeKey, type DataKey, type Place } from './envelope.ts'
import { MacKey } from './mac-key.ts'
import { StoreConflict, StoreUnavailable, type Store, type Write } from '../ports/store.ts'
import type { Expectation } from '../ports/expectation.ts'
import type { AuditEntry } from '../ports/audit.ts'
import type { SecretRecord } from '../ports/secrets.ts'
import { RootKeyError, type RootKey } from '../ports/root-key.ts'

/**
 * The most MAC keys that are kept: the current one and those before it, under which a restored node may have its anchor. Each acceptance of
 * a database (restore-accept) makes a new one.
 */
export const macKeysMax = 32

/** The secret that the root key itself seals. Its record names that root key in clear. */
export const systemKeyName = 'system-data-key'
const macKeyName = 'mac-key'
/** The MAC key, then its predecessors, newest first. */
const macKeysName = 'mac-keys'
const macKeyBytes = 32
const systemKeyAad = Buffer.from('mortise system data key 1')

/** A root key other than the configured one sealed the store. The message names the one that is needed. */
export class WrongRootKey extends Error {
  override readonly name = 'WrongRootKey'
}

interface SystemKeyRecord {
  readonly format: 1
  readonly rootKeyUri: string
  readonly rootKeyId: string
  readonly dataKeyId: string
  readonly wrapped: string
}

interface Kept {
  readonly store: Store
  readonly integrity: Integrity
}

export class Secrets {
  readonly #store: Store
  readonly #dataKey: DataKey
  readonly #sealed: Map<string, Uint8Array>
  readonly #macKey: MacKey
  readonly #integrity: Integrity

  private constructor(
    { store, integrity }: Kept,
    dataKey: DataKey,
    records: readonly SecretRecord[],
    macKey: KeyObject,
  ) {
    this.#store = store
    this.#integrity = integrity
    this.#dataKey = dataKey
    this.#sealed = new Map(records.map((record) => [record.name, record.sealed]))
    this.#macKey = new MacKey(macKey)
  }

  /**
   * Opens the secrets of a store, or makes them in an empty store. Throws WrongRootKey if another root key sealed the store, and
   * RootKeyError if the root key cannot be used.
   */
  static async open(
    store: Store,
    rootKey: RootKey,
    integrity = new Integrity({ monotonic: () => performance.now() }),
  ): Promise<Secrets> {
    const kept = { store, integrity }
    // Read this first: if another node makes the secrets at this moment, it changes trust only afterwards.
    const used = (await store.trustVersion()) > 0 || (await store.auditHeads()).heads.length > 0
    const records = await store.secrets()
    if (records.length > 0) return await Secrets.#existing(kept, rootKey, records)
    if (used)
      throw new WrongRootKey('the store was used but lacks its own secrets: it was not copied as a whole')
    try {
      return await Secrets.#make(kept, rootKey)
    } catch (error) {
      // Another node made its secrets first, so those count.
      if (error instanceof StoreConflict) return Secrets.#existing(kept, rootKey, await store.secrets())
      throw error
    }
  }

  static async #existing(kept: Kept, rootKey: RootKey, records: readonly SecretRecord[]): Promise<Secrets> {
    const { store } = kept
    const { system, bytes } = await unwrapSystemKey(records, rootKey)
    await bringToNewest(store, rootKey, system, bytes)
    const dataKey = { id: system.dataKeyId, key: takeKey(bytes) }
    const mac = records.find(({ name }) => name === macKeyName)
    if (!mac) throw new WrongRootKey('the store has no MAC key: it was not copied as a whole')
    return new Secrets(kept, dataKey, records, takeKey(open(dataKey, secretPlace(macKeyName), mac.sealed)))
  }

  static async #make(kept: Kept, rootKey: RootKey): Promise<Secrets> {
    const { store } = kept
    const dataKey = { id: randomBytes(16).toString('hex'), key: takeKey(randomBytes(32)) }
    const macBytes = randomBytes(macKeyBytes)
    const records: SecretRecord[] = [
      await wrapSystemKey(dataKey, rootKey),
      { name: macKeyName, sealed: seal(dataKey, secretPlace(macKeyName), macBytes) },
    ]
    await store.commit({
      writes: records.map((record) => ({ type: 'new-secret', record })),
      entries: [],
      durability: 'disk',
    })
    return new Secrets(kept, dataKey, records, takeKey(macBytes))
  }

  /** The secret, or undefined. The caller wipes the bytes. */
  get(name: string): Buffer | undefined {
    const sealed = this.#sealed.get(name)
    return sealed && this.#opened(name, sealed)
  }

  #opened(name: string, sealed: Uint8Array): Buffer {
    const item = { instanceId: null, kind: 'secret', id: name } as const
    return this.#integrity.openingNow(item, () => open(this.#dataKey, secretPlace(name), sealed))
  }

  /** Reads the secret from the store again, since another node may have replaced or removed it. The caller wipes the bytes. */
  async fresh(name: string): Promise<Buffer | undefined> {
    const record = (await this.#store.secrets()).find((kept) => kept.name === name)
    if (record) this.#sealed.set(name, record.sealed)
    else this.#sealed.delete(name)
    return this.get(name)
  }

  /** The secrets whose names begin so, by name, read from the store again. The caller wipes the bytes. */
  async freshUnder(prefix: string): Promise<ReadonlyMap<string, Buffer>> {
    const records = (await this.#store.secrets()).filter(({ name }) => name.startsWith(prefix))
    return new Map(records.map(({ name, sealed }) => [name, this.#opened(name, sealed)]))
  }

  /**
   * Replaces the secret by the result of `changed` on its present value, together with audit entries. If another process changes
   * it at the same moment, `changed` is called again. If `changed` returns null, the secret stays and no entry is written.
   * Durable on return. Returns whether the secret changed.
   */
  async change(
    name: string,
    changed: (now: Buffer | undefined) => Uint8Array | null,
    entries: readonly AuditEntry[],
  ): Promise<boolean> {
    for (;;) {
      const was = (await this.#store.secrets()).find((kept) => kept.name === name)?.sealed
      const next = changed(was && this.#opened(name, was))
      if (!next) return false
      try {
        await this.#write(name, next, entries, was ?? null)
        return true
      } catch (error) {
        if (!(error instanceof StoreConflict && error.what === 'secret')) throw error
      }
    }
  }

  /** Seals a secret for a caller that commits it with other writes. Afterwards only `fresh` finds it. */
  seal(name: string, bytes: Uint8Array): SecretRecord {
    return { name, sealed: seal(this.#dataKey, secretPlace(name), bytes) }
  }

  /** Removes secrets for good, on the disk too. StoreConflict if `expect` does not hold any more. */
  async remove(names: readonly string[], expect: Expectation = {}): Promise<void> {
    const writes = names.map((name): Write => ({ type: 'secret-removed', name }))
    await this.#store.commit({ expect, writes, entries: [], durability: 'disk' })
    for (const name of names) this.#sealed.delete(name)
  }

  /** Stores a secret, replacing one with the same name, together with audit entries. Durable on return. */
  async put(name: string, bytes: Uint8Array, entries: readonly AuditEntry[] = []): Promise<void> {
    await this.#write(name, bytes, entries)
  }

  /** Stores a secret as `put` does, but StoreConflict if it is not the one that this process last read or stored. */
  async replace(name: string, bytes: Uint8Array, entries: readonly AuditEntry[]): Promise<void> {
    await this.#write(name, bytes, entries, this.#sealed.get(name) ?? null)
  }

  /** `was`: StoreConflict if the stored one is another; left out: it may be any. */
  async #write(name: string, bytes: Uint8Array, entries: readonly AuditEntry[], was?: Uint8Array | null) {
    const record = this.seal(name, bytes)
    const write = { type: 'secret', record, ...(was !== undefined && { was }) } as const
    await this.#store.commit({ writes: [write], entries, durability: 'disk' })
    this.#sealed.set(name, record.sealed)
  }

  /**
   * The secrets with these names. If any is missing, `make` makes all of them, and they are stored together. If two nodes do this
   * at once, both get the secrets that the first one stored.
   */
  async ensure(
    names: readonly string[],
    make: () => Promise<Readonly<Record<string, Uint8Array>>>,
  ): Promise<Record<string, Buffer>> {
    const present = this.#all(names)
    if (present) return present
    const made = await make()
    const records = names.map((name): SecretRecord => {
      const bytes = made[name]
      if (!bytes) throw new Error(`secret ${name} was not made`)
      return this.seal(name, bytes)
    })
    try {
      await this.#store.commit({
        writes: records.map((record) => ({ type: 'new-secret', record })),
        entries: [],
        durability: 'disk',
      })
      for (const { name, sealed } of records) this.#sealed.set(name, sealed)
    } catch (error) {
      if (!(error instanceof StoreConflict)) throw error
      for (const { name, sealed } of await this.#store.secrets()) this.#sealed.set(name, sealed)
    }
    const kept = this.#all(names)
    if (!kept) throw new Error(`secrets ${names.join(', ')} are kept in part only`)
    return kept
  }

  mac(fields: readonly string[]): Buffer {
    return this.#macKey.mac(fields)
  }

  macMatches(fields: readonly string[], mac: Uint8Array): boolean {
    return this.#macKey.macMatches(fields, mac)
  }

  /** The key that authenticates the records in this store's access log. */
  accessKey(): KeyObject {
    return this.#macKey.accessKey()
  }

  /** The key that signs this store's marks. */
  markKey(): KeyObject {
    return this.#macKey.markKey()
  }

  /** The key that signs this store's anchor. */
  anchorKey(): KeyObject {
    return this.#macKey.anchorKey()
  }

  /**
   * The MAC keys before the current one, newest first. After a restore, a node on which the owner has not accepted the database yet
   * has its anchor and its access log under one of them. The stored list begins with the current key: a list from another state of
   * the database begins with another one and counts as empty, as does an altered list.
   */
  replacedMacKeys(): readonly MacKey[] {
    const bytes = this.#macKeysBytes()
    if (!bytes) return []
    const count = Math.floor(bytes.length / macKeyBytes)
    const [own, ...replaced] = Array.from(
      { length: count },
      (_, n) => new MacKey(createSecretKey(bytes.subarray(n * macKeyBytes, (n + 1) * macKeyBytes))),
    )
    bytes.fill(0)
    return own?.anchorKey().equals(this.anchorKey()) ? replaced : []
  }

  #macKeysBytes(): Buffer | undefined {
    try {
      return this.get(macKeysName)
    } catch (error) {
      if (error instanceof EnvelopeError) return undefined
      throw error
    }
  }

  /** A new MAC key. The caller commits the records with rows signed under it, and then opens the store again. */
  newMacKey(): { readonly records: readonly SecretRecord[]; readonly macKey: MacKey } {
    const bytes = randomBytes(macKeyBytes)
    const keys = [bytes, this.get(macKeyName) ?? Buffer.alloc(0)]
    if (this.replacedMacKeys().length > 0)
      keys.push((this.#macKeysBytes() ?? Buffer.alloc(0)).subarray(macKeyBytes))
    const list = Buffer.concat(keys).subarray(0, macKeysMax * macKeyBytes)
    const records = [this.seal(macKeyName, bytes), this.seal(macKeysName, list)]
    for (const used of [list, ...keys.slice(1)]) used.fill(0)
    return { records, macKey: new MacKey(takeKey(bytes)) }
  }

  /** Whether the store has only the two secrets that an empty store gets first. */
  get bare(): boolean {
    return [...this.#sealed.keys()].every((name) => name === systemKeyName || name === macKeyName)
  }

  #all(names: readonly string[]): Record<string, Buffer> | undefined {
    if (!names.every((name) => this.#sealed.has(name))) return undefined
    return Object.fromEntries(names.map((name) => [name, this.get(name) ?? Buffer.alloc(0)]))
  }
}

/** The system data key of these secrets. The caller must wipe the bytes. Throws WrongRootKey and RootKeyError. */
export async function unwrapSystemKey(
  records: readonly SecretRecord[],
  rootKey: RootKey,
): Promise<{ readonly system: SystemKeyRecord; readonly bytes: Uint8Array }> {
  const record = records.find(({ name }) => name === systemKeyName)
  if (!record) throw new WrongRootKey('the store has no system data key: it was not copied as a whole')
  const system = parseSystemKey(record)
  if (system.rootKeyId !== rootKey.id)
    throw new WrongRootKey(
      `this store is sealed by the root key ${system.rootKeyUri} with the id ${system.rootKeyId}, but ` +
        `${rootKey.uri} here has the id ${rootKey.id}. Bring the root key file that belongs to this store ` +
        `(from the copy that was made of it); nothing was changed.`,
    )
  return { system, bytes: await rootKey.unwrap(Buffer.from(system.wrapped, 'base64'), systemKeyAad) }
}

/** Opens a secret that the system data key sealed, from its record alone. The caller must wipe the bytes. */
export function openSecret(systemKey: DataKey, { name, sealed }: SecretRecord): Buffer {
  return open(systemKey, secretPlace(name), sealed)
}

/** Opens the MAC key from the records. */
export function openMacKey(systemKey: DataKey, records: readonly SecretRecord[]): MacKey {
  const record = records.find(({ name }) => name === macKeyName)
  if (!record) throw new WrongRootKey('the store has no MAC key: it was not copied as a whole')
  return new MacKey(takeKey(openSecret(systemKey, record)))
}

/** The id of the system data key, which its record names in clear. */
export function systemKeyIdOf(records: readonly SecretRecord[]): string {
  const record = records.find(({ name }) => name === systemKeyName)
  return record ? parseSystemKey(record).dataKeyId : ''
}

/** The root key that seals the system data key; null for every other secret. */
export function rootKeyUriOf(record: SecretRecord): string | null {
  return record.name === systemKeyName ? parseSystemKey(record).rootKeyUri : null
}

/** The record of the system data key under a root key, for code outside a server. Throws RootKeyError. */
export async function wrapSystemKey(systemKey: DataKey, rootKey: RootKey): Promise<SecretRecord> {
  const bytes = systemKey.key.export()
  try {
    const wrapped = Buffer.from(await rootKey.wrap(bytes, systemKeyAad)).toString('base64')
    const named = { rootKeyUri: rootKey.uri, rootKeyId: rootKey.id, dataKeyId: systemKey.id }
    return systemKeyRecord({ format: 1, ...named, wrapped })
  } finally {
    bytes.fill(0)
  }
}

function parseSystemKey({ sealed }: SecretRecord): SystemKeyRecord {
  try {
    return JSON.parse(Buffer.from(sealed).toString('utf8')) as SystemKeyRecord
  } catch (cause) {
    throw new WrongRootKey('the system data key of the store was altered: restore the store from a backup', {
      cause,
    })
  }
}

/**
 * Wraps the system data key with the newest version of the root key, and opens the result before it replaces the old one. After a
 * failure the old one still opens, and the next start tries again.
 */
async function bringToNewest(
  store: Store,
  rootKey: RootKey,
  system: SystemKeyRecord,
  bytes: Uint8Array,
): Promise<void> {
  const { versions } = rootKey
  const before = Buffer.from(system.wrapped, 'base64')
  if (!versions) return
  try {
    if (versions.of(before) === (await versions.newest())) return
    const wrapped = await versions.rewrap(before, systemKeyAad)
    const opened = Buffer.from(await rootKey.unwrap(wrapped, systemKeyAad))
    const same = opened.equals(bytes)
    opened.fill(0)
    if (!same) return
    const record = systemKeyRecord({ ...system, wrapped: Buffer.from(wrapped).toString('base64') })
    await store.commit({ writes: [{ type: 'secret', record }], entries: [], durability: 'disk' })
  } catch (error) {
    if (!(error instanceof RootKeyError || error instanceof StoreUnavailable)) throw error
  }
}

function systemKeyRecord(system: SystemKeyRecord): SecretRecord {
  return { name: systemKeyName, sealed: Buffer.from(JSON.stringify(system)) }
}

function secretPlace(name: string): Place {
  return { purpose: 'secret', instanceId: '', identifier: name, objectType: '' }
}
