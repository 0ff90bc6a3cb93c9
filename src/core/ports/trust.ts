// The rows that decide access, and the record of the peers that connect. The comments are contracts, which the store contract
// test checks for every implementation. No logic here.

import type { MaybePromise } from '../../base/maybe-promise.ts'

/**
 * A row that decides access: an instance's settings, a client, a certificate, a CA, a block, a token. The store keeps the body
 * unchanged. core/trust/ creates it, computes its MAC and reads it.
 */
export interface TrustRow {
  readonly kind: string
  readonly id: string
  /** JSON text. */
  readonly body: string
  readonly mac: Uint8Array
}

export interface PendingClient {
  readonly sha256: string
  readonly certificate: Uint8Array
  readonly address: string
  readonly firstMs: number
  readonly lastMs: number
  /** How many connections this certificate has made. */
  readonly attempts: number
}

/** When and from where a certificate was last used. It decides nothing, so it has no MAC. */
export interface CertificateSeen {
  readonly sha256: string
  readonly lastMs: number
  readonly address: string
}

/** When, from where and with which certificate a client last connected. It decides nothing, so it has no MAC. */
export interface ClientSeen {
  readonly clientId: string
  readonly lastMs: number
  readonly address: string
  readonly certificateSha256: string
}

export type TrustWrite =
  /** This write and the next one raise the trust version by one per commit. */
  | { readonly type: 'trust'; readonly row: TrustRow }
  | { readonly type: 'trust-removed'; readonly kind: string; readonly id: string }
  /**
   * Raises a lower trust version to `atLeast`. If the commit has other writes of trust, it then raises the version further by
   * one.
   */
  | { readonly type: 'trust-version'; readonly atLeast: number }
  /** Puts clients on the list of pending clients, and removes others by their SHA-256. The rest of the list stays. */
  | {
      readonly type: 'pending'
      readonly clients: readonly PendingClient[]
      readonly removed: readonly string[]
    }
  | { readonly type: 'seen'; readonly certificates: readonly CertificateSeen[] }
  | { readonly type: 'clients-seen'; readonly clients: readonly ClientSeen[] }

export interface TrustStore {
  trustVersion(): MaybePromise<number>
  /** All trust rows and their version at one moment. */
  trust(): Promise<{ readonly version: number; readonly rows: readonly TrustRow[] }>
  pending(): Promise<readonly PendingClient[]>
  seen(sha256s: readonly string[]): Promise<readonly CertificateSeen[]>
  clientsSeen(clientIds: readonly string[]): Promise<readonly ClientSeen[]>
}
