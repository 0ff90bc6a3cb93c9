// A key on a token as a root key: every call goes to the helper process of its token.

import type { RootKey } from '../../../core/ports/root-key.ts'
import type { TokenAccess } from './tokens.ts'
import type { KeyName } from './uri.ts'
import { requirePlaintext } from '../plaintext.ts'

export interface TokenRootKeyOptions {
  readonly uri: string
  readonly id: string
  readonly key: KeyName
  readonly token: TokenAccess
  readonly warnings: readonly string[]
}

export class TokenRootKey implements RootKey {
  readonly uri: string
  /** See `identify` in key.ts. */
  readonly id: string
  readonly warnings: readonly string[]
  readonly #key: KeyName
  readonly #token: TokenAccess

  constructor({ uri, id, key, token, warnings }: TokenRootKeyOptions) {
    this.uri = uri
    this.id = id
    this.warnings = warnings
    this.#key = key
    this.#token = token
  }

  async wrap(plaintext: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    requirePlaintext(plaintext)
    return this.#token.call('wrap', { key: this.#key, id: this.id, secret: plaintext, associatedData })
  }

  async unwrap(wrapped: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    return this.#token.call('unwrap', { key: this.#key, id: this.id, wrapped, associatedData })
  }
}
