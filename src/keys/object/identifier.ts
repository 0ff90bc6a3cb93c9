// The Unique Identifier that the server gives a new object: a UUID that begins with its time (RFC 9562, version 7). So the newest
// identifiers lie side by side in the store's index, where random ones would each change a page of their own.

import { randomUUIDv7 } from 'node:crypto'

export function newIdentifier(): string {
  return randomUUIDv7()
}
