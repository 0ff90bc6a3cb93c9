// Root keys as an administrator chooses them: the list of a service, a check before the first use, and the calls under way.

export interface RootKeys {
  /** The URI of the server's own root key, which new instances get by default. */
  readonly initial: string
  /**
   * Checks the root key of a new instance. If it is a file in the data folder that nothing uses yet, creates it first. Throws
   * RootKeyError.
   */
  readonly prepare: (
    uri: string,
    /**
     * `standardKeys`: also tries a standard key, which the service bills for a month. `opens`: the root key only needs to open
     * what it sealed before, and need not seal anything. `used`: URIs of root keys that already seal something.
     */
    options?: RootKeyAccess & {
      readonly standardKeys?: boolean
      readonly opens?: boolean
      readonly used?: readonly string[]
    },
  ) => Promise<PreparedRootKey>
  /** Lists the root keys of the service instance that a URI names. Throws RootKeyError. */
  readonly list: (uri: string, access?: RootKeyAccess) => Promise<readonly ListedRootKey[]>
}

/** The identity that calls the root key's service. */
export interface RootKeyAccess {
  /** The instance whose stored API key the calls use. Absent: the server's API key. */
  readonly instanceId?: string
  /** An API key that is not stored yet, for these calls only. */
  readonly apiKey?: string
}

export interface PreparedRootKey {
  /** The URI to keep, with an alias resolved. */
  readonly uri: string
  /** Sentences for the administrator who chose the root key. */
  readonly warnings: readonly string[]
}

/** A root key in the list of its service. Times are RFC 3339, as the service writes them. */
export interface ListedRootKey {
  readonly id: string
  readonly uri: string
  readonly name: string
  readonly aliases: readonly string[]
  readonly state: 'pre-activation' | 'active' | 'suspended' | 'deactivated' | 'destroyed' | 'unknown'
  readonly keyRing: string
  readonly createdAt: string | null
  readonly lastRotatedAt: string | null
  readonly expiresAt: string | null
}

/** Calls to a root key service that share their slots: calls that a client's Get waits for, or all others. */
export interface RootKeyCalls {
  /** Null: the calls of the server itself. */
  readonly instanceId: string | null
  /** The host that the calls wait for: the host of the service or of its login. */
  readonly host: string
  readonly lane: 'reads' | 'others'
  readonly running: number
  readonly waiting: number
  /** How long the oldest call has taken so far, including the time that it waited. */
  readonly oldestMs: number
}
