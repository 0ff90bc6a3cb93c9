// The MAC key, which signs the rows that decide access, and from which other keys are derived. secrets.ts stores it.

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { fieldsMac, fieldsMacMatches } from '../../base/fields-mac.ts'

export class MacKey {
  readonly #key: KeyObject

  constructor(key: KeyObject) {
    this.#key = key
  }

  /** HMAC-SHA-256 under the MAC key, over length-prefixed fields. */
  mac(fields: readonly string[]): Buffer {
    return fieldsMac(this.#key, fields)
  }

  macMatches(fields: readonly string[], mac: Uint8Array): boolean {
    return fieldsMacMatches(this.#key, fields, mac)
  }

  /** Derives the key that signs the anchor. A new MAC key therefore invalidates every earlier anchor. */
  anchorKey(): KeyObject {
    return this.#derive('mortise anchor key 1')
  }

  /** Derives the key that authenticates records in the access log. */
  accessKey(): KeyObject {
    return this.#derive('mortise access log key 1')
  }

  /** Derives the key that signs marks. */
  markKey(): KeyObject {
    return this.#derive('mortise mark key 1')
  }

  #derive(label: string): KeyObject {
    const bytes = createHmac('sha256', this.#key).update(label).digest()
    const key = createSecretKey(bytes)
    bytes.fill(0)
    return key
  }
}
