// The messages between the server and a helper process. A request has an answer or none; then the server kills the process.

import type { RootKeyReach } from '../../../core/ports/root-key.ts'
import type { KeyName, TokenName } from './uri.ts'

/** How a key on the token is used, and which it must be. */
export interface TokenKeyUse {
  readonly key: KeyName
  /** Refuse any other key that has this name by now. */
  readonly id: string
  readonly associatedData: Uint8Array
}

/** By the name of the call: its request, and its answer. */
export interface HelperCalls {
  /** The first one. */
  start: [{ readonly module: string; readonly token: TokenName; readonly pin: Uint8Array | null }, null]
  find: [{ readonly key: KeyName }, IdentifiedKey]
  wrap: [TokenKeyUse & { readonly secret: Uint8Array }, Uint8Array]
  unwrap: [TokenKeyUse & { readonly wrapped: Uint8Array }, Uint8Array]
  list: [null, readonly ListedTokenKey[]]
  create: [{ readonly key: KeyName }, null]
}

export type HelperCallName = keyof HelperCalls

export type ToHelper = {
  [Name in HelperCallName]: {
    readonly number: number
    readonly call: Name
    readonly input: HelperCalls[Name][0]
  }
}[HelperCallName]

export type FromHelper =
  | { readonly number: number; readonly answer: HelperCalls[HelperCallName][1] }
  | { readonly number: number; readonly failure: HelperFailure }

/** A RootKeyError on its way. */
export interface HelperFailure {
  readonly message: string
  readonly reach: RootKeyReach
  readonly altered: boolean
  /** The session, the login or the key's handle is gone: another process may do better. */
  readonly lost: boolean
  /** The token refused the PIN. */
  readonly refusesPin: boolean
}

export interface IdentifiedKey {
  readonly id: string
  readonly warnings: readonly string[]
}

export interface ListedTokenKey {
  readonly label: string
  /** CKA_ID, in hex. */
  readonly id: string
  readonly type: NonNullable<KeyName['type']>
  readonly isExtractable: boolean
}
