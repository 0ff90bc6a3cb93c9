// A MAC over several texts. Each text's length precedes it, so that different lists have different MACs.

import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto'

/** HMAC-SHA-256. A length counts bytes of UTF-8. */
export function fieldsMac(key: KeyObject, fields: readonly string[]): Buffer {
  const hmac = createHmac('sha256', key)
  for (const field of fields) hmac.update(`${String(Buffer.byteLength(field))}:`).update(field)
  return hmac.digest()
}

export function fieldsMacMatches(key: KeyObject, fields: readonly string[], mac: Uint8Array): boolean {
  const expected = fieldsMac(key, fields)
  return mac.length === expected.length && timingSafeEqual(mac, expected)
}
