// The MAC key: what signs the rows that decide access. It says nothing of where it is kept (secrets.ts).

import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'

export class MacKey {
  readonly #key: KeyObject

  constructor(key: KeyObject) {
    this.#key = key
  }

  /** HMAC-SHA-256 under the MAC key, over length-prefixed fields. */
  mac(fields: readonly string[]): Buffer {
    const hmac = createHmac('sha256', this.#key)
    for (const field of fields) hmac.update(`${String(Buffer.byteLength(field))}:`).update(field)
    return hmac.digest()
  }

  macMatches(fields: readonly string[], mac: Uint8Array): boolean {
    const expected = this.mac(fields)
    return mac.length === expected.length && timingSafeEqual(mac, expected)
  }

  /** A key of its own for the anchor: another MAC key makes every anchor written before invalid. */
  anchorKey(): KeyObject {
    const bytes = createHmac('sha256', this.#key).update('mortise anchor key 1').digest()
    const key = createSecretKey(bytes)
    bytes.fill(0)
    return key
  }
}
