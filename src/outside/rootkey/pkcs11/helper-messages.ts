// The messages between the server and a helper process. If a request gets no answer in time, the server kills the process.

import type { RootKeyReach } from '../../../core/ports/root-key.ts'
import type { KeyName, TokenName } from './uri.ts'

/** The key on the token that a call uses, and the id that the key must have. */
export interface TokenKeyUse {
  readonly key: KeyName
  /** The id of the key (TokenKey in key.ts). The helper process refuses another key that has this name by now. */
  readonly id: string
  readonly associatedData: Uint8Array
}

/** By the name of the call: its request, and its answer. */
export interface HelperCalls {
  /** The first call of each process. */
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

/** A RootKeyError on its way from the helper process to the server. */
export interface HelperFailure {
  readonly message: string
  readonly reach: RootKeyReach
  readonly altered: boolean
  /** The session, the login or the key's handle is gone: a new helper process may succeed. */
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
