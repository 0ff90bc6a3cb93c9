// The Unique Identifier that the server gives a new object: a UUID that begins with its time (RFC 9562, version 7). So the newest
// identifiers lie side by side in the store's index, where random ones would each change a separate page. Pure but for chance.

import { randomUUID } from 'node:crypto'

/** 48 bits of time and 74 random ones. Node.js makes such UUIDs itself from 24.16 on, but this server also runs on older versions. */
export function newIdentifier(nowMs: number): string {
  const time = nowMs.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice('xxxxxxxx-xxxx-4'.length)}`
}
