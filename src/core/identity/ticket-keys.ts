// The keys of TLS session tickets. All nodes derive the same ones from a secret of the store and the hour, so a session resumes
// on any node, without messages between nodes. With each new hour, a leak of the current keys no longer opens or resumes older
// recorded sessions; each client makes one whole handshake.

import { hkdfSync } from 'node:crypto'

/** How long the keys of session tickets stay the same. */
export const ticketKeysMs = 3_600_000

/** The number of the period at this time. Each period has its own keys. */
export function ticketPeriod(atMs: number): number {
  return Math.floor(atMs / ticketKeysMs)
}

/** 48 bytes, as Node takes them. `secret`: of the certificate that is presented. */
export function ticketKeysOf(secret: Buffer, period: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `mortise tls tickets ${period}`, 48))
}
