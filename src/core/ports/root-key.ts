// The interface of a root key: it seals data keys, and some kinds also keep small secrets. The comments are contracts;
// test/support/rootkey-contract.ts and standard-keys-contract.ts hold every implementation to them. This file imports
// nothing, so that outside/rootkey/ can import it alone.

/**
 * Seals and opens small secrets (data keys, 1 byte to 3 KiB). Named by a URI. Both calls may run concurrently.
 * They throw RootKeyError only; its `reach` says what the caller must conclude (design: section 5). Only a refused
 * unwrap proves that the root key is withdrawn: RootKeyStatus has an unwrap confirm the refusal of any other call. A
 * wrap that is refused with 'wrapped-form' concerns what was to be sealed alone: what was sealed before still opens.
 */
export interface RootKey {
  readonly uri: string
  /** Identifies the key material itself, so that a swapped file or a redirected alias is noticed. Not secret. */
  readonly id: string
  wrap(
    plaintext: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array>
  /**
   * Opens a wrapped form that `wrap` made with the same associated data. The caller must wipe the result. Throws
   * RootKeyError ('wrapped-form', altered) for anything else.
   */
  unwrap(
    wrapped: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array>
  /** Only for a key with versions, that is, one that can be rotated. */
  readonly versions?: RootKeyVersions
  /** Only if the service can keep small secrets, each as an object that its owner sees and can delete. */
  readonly standardKeys?: StandardKeys
}

/**
 * Collects the ids under which a root key's service recorded the calls for one piece of work, so that the audit can
 * name them. The caller passes it down; callees add to it.
 */
export type CorrelationIds = Set<string>

export interface RootKeyVersions {
  /** The version that wrapped it, found without asking the service; '' if unknown. */
  of(wrapped: Uint8Array): string
  /** The version that wraps now. Throws RootKeyError. */
  newest(): Promise<string>
  /** The same secret, wrapped by the newest version; opened here only where the service cannot do it alone. Throws RootKeyError. */
  rewrap(
    wrapped: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array>
}

/**
 * Where custody `keyprotect` keeps things: standard keys of the service instance that the root key is in, in the key
 * ring that its URI names. They cannot be changed, only made and deleted. Everything throws RootKeyError only. A
 * refusal that concerns one standard key has the reach 'wrapped-form'; a refusal of our access (401, 403, no such key
 * ring) has the reach 'call'; a refused API key has the reach 'root-key'.
 */
export interface StandardKeys {
  /** The maximum size of `payload`, in bytes. */
  readonly payloadBytesMax: number
  /**
   * Creates one; returns its id at the service. Never retries blindly: if no answer came it throws
   * StandardKeyUncertain, and the key may exist or not.
   */
  create(key: NewStandardKey, correlationIds?: CorrelationIds): Promise<string>
  /** The payload. RootKeyError('wrapped-form') if the key does not exist or was deleted. */
  read(id: string, correlationIds?: CorrelationIds): Promise<Uint8Array>
  /** Deletes it. Succeeds also if it does not exist or was deleted before. */
  remove(id: string, correlationIds?: CorrelationIds): Promise<void>
  /** The keys with exactly this name. Without payloads. */
  find(name: string, wanted?: FindWanted): Promise<readonly StandardKeyFound[]>
  /** All keys whose name has this prefix, in pages. `deleted`: includes deleted keys that the service still knows. */
  list(namePrefix: string, wanted: { readonly deleted: boolean }): AsyncIterable<readonly StandardKeyFound[]>
}

export interface NewStandardKey {
  /** 2 to 90 of A-Z a-z 0-9 _ . - */
  readonly name: string
  /** 2 to 240 characters. The service shows it, even for deleted keys. */
  readonly description: string
  readonly payload: Uint8Array
}

export interface FindWanted {
  /** Skips older keys (milliseconds since 1970), so that a service with many keys need not be read to its end. */
  readonly sinceMs?: number
  /** Includes deleted keys that the service still knows. */
  readonly deleted?: boolean
  readonly correlationIds?: CorrelationIds | undefined
}

export interface StandardKeyFound {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly deleted: boolean
  /** Milliseconds since 1970 by the service's clock; null where the service does not tell. */
  readonly createdMs: number | null
  /** Milliseconds since it was made, by the service's own clock when it listed it; null where that is not known. */
  readonly ageMs: number | null
}

/**
 * 'unreachable': no answer (network, time-out, 5xx, a disk that fails): cached material may be used in outage mode.
 * 'root-key': a no about the root key or our access to it: everything cached under it is emptied.
 * 'call': a no to this kind of call, as where a role is missing; the root key may still open what it sealed.
 * 'wrapped-form': a no about this one wrapped form.
 */
export type RootKeyReach = 'unreachable' | 'root-key' | 'call' | 'wrapped-form'

export class RootKeyError extends Error {
  override readonly name: string = 'RootKeyError'
  readonly reach: RootKeyReach
  /** The wrapped form failed its authentication: it was altered, or belongs to another place. */
  readonly altered: boolean
  /** The administrator has to do this, in place of the usual advice. */
  readonly remedy: string | undefined
  constructor(
    reach: RootKeyReach,
    message: string,
    options?: ErrorOptions & { readonly altered?: boolean; readonly remedy?: string | undefined },
  ) {
    super(message, options)
    this.reach = reach
    this.altered = options?.altered ?? false
    this.remedy = options?.remedy
  }
}

/** For a catch: a RootKeyError leaves nothing, and anything else is thrown on. */
export function unlessRootKeyError(error: unknown): undefined {
  if (!(error instanceof RootKeyError)) throw error
}

/** Opens the root key that a URI names, with the access of an instance. Rejects with RootKeyError. */
export type OpenRootKey = (uri: string, instanceId: string) => Promise<RootKey>

/** Whether the standard key was made is not known: no answer came. */
export class StandardKeyUncertain extends RootKeyError {
  override readonly name = 'StandardKeyUncertain'
  constructor(message: string, options?: ErrorOptions) {
    super('unreachable', message, options)
  }
}
