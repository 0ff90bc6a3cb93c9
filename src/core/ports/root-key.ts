// The interface of a root key: it seals data keys, and some kinds also keep small secrets. The comments are contracts, which
// test/support/root-keys/rootkey-contract.ts and standard-keys-contract.ts check for every implementation. This file imports nothing, so
// that outside/rootkey/ can import it alone.

/**
 * Seals and opens small secrets (data keys, 1 byte to 3 KiB). A URI names it. Both calls may run concurrently. They throw only
 * RootKeyError, whose `reach` says what the caller must conclude (design: section 5). Only a refused unwrap proves that the root
 * key is withdrawn: RootKeyStatus confirms the refusal of any other call by an unwrap. A wrap that is refused with 'wrapped-form'
 * concerns only the secret to seal. Earlier sealed secrets still open.
 */
export interface RootKey {
  readonly uri: string
  /** Identifies the key material itself, so that the server notices a swapped file or a redirected alias. Not secret. */
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
  /** Only for a key with versions, that is, one that the service can rotate. */
  readonly versions?: RootKeyVersions
  /** Only if the service can keep small secrets, each as an object that its owner can see and delete. */
  readonly standardKeys?: StandardKeys
}

/**
 * Collects the ids under which a root key's service recorded the calls for one piece of work, so that an audit entry can name
 * them. The caller passes the set down. Callees add to it.
 */
export type CorrelationIds = Set<string>

export interface RootKeyVersions {
  /** The version that wrapped this form, found without a call of the service. '' if unknown. */
  of(wrapped: Uint8Array): string
  /** The version that wraps at the moment. Throws RootKeyError. */
  newest(): Promise<string>
  /**
   * Wraps the same secret with the newest version. Opens it in this process only if the service cannot do it alone. Throws
   * RootKeyError.
   */
  rewrap(
    wrapped: Uint8Array,
    associatedData: Uint8Array,
    correlationIds?: CorrelationIds,
  ): Promise<Uint8Array>
}

/**
 * The place where custody `keyprotect` stores objects: standard keys in the service instance of the root key, in the key ring
 * that its URI names. They cannot be changed, only created and deleted. Every method throws only RootKeyError. A refusal that
 * concerns one standard key has the reach 'wrapped-form', a refusal of our access (401, 403, no such key ring) has the reach
 * 'call', and a refused API key has the reach 'root-key'.
 */
export interface StandardKeys {
  /** The maximum size of `payload`, in bytes. */
  readonly payloadBytesMax: number
  /**
   * Creates one and returns its id at the service. Never retries blindly: without an answer it throws StandardKeyUncertain, and
   * the key may or may not exist.
   */
  create(key: NewStandardKey, correlationIds?: CorrelationIds): Promise<string>
  /** The payload. RootKeyError('wrapped-form') if the key does not exist or is deleted. */
  read(id: string, correlationIds?: CorrelationIds): Promise<Uint8Array>
  /** Deletes it. Also succeeds if it does not exist or is already deleted. */
  remove(id: string, correlationIds?: CorrelationIds): Promise<void>
  /** The keys with exactly this name, without payloads. */
  find(name: string, options?: FindOptions): Promise<readonly StandardKeyEntry[]>
  /** All keys whose name has this prefix, in pages. `deleted`: includes deleted keys that the service still knows. */
  list(namePrefix: string, options: { readonly deleted: boolean }): AsyncIterable<readonly StandardKeyEntry[]>
}

export interface NewStandardKey {
  /** 2 to 90 of A-Z a-z 0-9 _ . - */
  readonly name: string
  /** 2 to 240 characters. The service shows it, even for deleted keys. */
  readonly description: string
  readonly payload: Uint8Array
}

export interface FindOptions {
  /** Skips older keys (milliseconds since 1970), so that a service with many keys need not be read to its end. */
  readonly sinceMs?: number
  /** Includes deleted keys that the service still knows. */
  readonly deleted?: boolean
  readonly correlationIds?: CorrelationIds | undefined
}

export interface StandardKeyEntry {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly deleted: boolean
  /** Milliseconds since 1970 by the service's clock. Null if the service does not say. */
  readonly createdMs: number | null
  /** Milliseconds since its creation, by the service's own clock at the time of the list. Null if unknown. */
  readonly ageMs: number | null
}

/**
 * The scope of a failure.
 * 'unreachable': no answer (network, time-out, 5xx, a failing disk). Cached material may be used in outage mode.
 * 'root-key': the service refuses the root key or our access to it. The server empties everything that is cached under it.
 * 'call': the service refuses this kind of call, for instance because a role is missing. The root key may still open what it
 * sealed.
 * 'wrapped-form': the service refuses this one wrapped form.
 */
export type RootKeyReach = 'unreachable' | 'root-key' | 'call' | 'wrapped-form'

export class RootKeyError extends Error {
  override readonly name: string = 'RootKeyError'
  readonly reach: RootKeyReach
  /** The wrapped form failed its authentication: it was altered, or belongs in another place. */
  readonly altered: boolean
  /** The instruction for the administrator, instead of the usual advice. */
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

/** For a catch: returns undefined for a RootKeyError and rethrows any other error. */
export function unlessRootKeyError(error: unknown): undefined {
  if (!(error instanceof RootKeyError)) throw error
}

/** Opens the root key that a URI names, with an instance's access. Rejects with RootKeyError. */
export type OpenRootKey = (uri: string, instanceId: string) => Promise<RootKey>

/** No answer came, so it is unknown whether the standard key was created. */
export class StandardKeyUncertain extends RootKeyError {
  override readonly name = 'StandardKeyUncertain'
  constructor(message: string, options?: ErrorOptions) {
    super('unreachable', message, options)
  }
}
