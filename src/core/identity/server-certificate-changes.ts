// The changes of the KMIP listener's certificate that the admin API offers. Types only;
// server-certificates.ts implements them.

import type { By } from '../audit/actor.ts'
import type { Certificate } from '../pki/certificate.ts'

export interface ShownCertificates {
  readonly active: ShownPair
  readonly staged:
    | (ShownPair & {
        readonly origin: 'renewed' | 'imported'
        /** Texts for people. */
        readonly warnings: readonly string[]
        readonly stagedMs: number
        /** Milliseconds since 1970; null: an administrator activates it. */
        readonly atMs: number | null
      })
    | null
  /** The certificate that was active before. */
  readonly previous: ShownPair | null
  readonly request: {
    readonly pem: string
    readonly names: readonly string[]
    readonly createdMs: number
  } | null
}

interface ShownPair {
  readonly certificate: Certificate
  /** PEM, the certificate first. */
  readonly chain: string
}

interface Meant {
  /** The fingerprint of the certificate. Left out: accepts any. */
  readonly sha256?: string | undefined
}

interface When {
  /** The time to switch to it, milliseconds since 1970. */
  readonly atMs?: number | undefined
  /** Switches to it at once. */
  readonly now: boolean
}

/** Each change happens whole or not at all, is durable on return, and has its audit entry. They throw Refusal and PkiError. */
export interface ServerCertificateChanges {
  view(): ShownCertificates
  /** Reads at once what another node has changed, instead of within a minute. */
  look(): Promise<void>
  /** Makes a key and a certificate request. An existing request stays, unless there are names or `replace`. */
  request(
    by: By,
    options: { readonly names?: readonly string[] | undefined; readonly replace: boolean },
  ): Promise<void>
  /** Stages a certificate, PEM with its chain, that another CA made for a key of this server. */
  import(by: By, options: { readonly certificate: string } & When): Promise<void>
  /** Stages a new certificate of Mortise's CA. Without names it gets those of the active one and the configured ones. */
  renew(
    by: By,
    options: { readonly names?: readonly string[] | undefined; readonly days?: number | undefined } & When,
  ): Promise<void>
  /**
   * Switches to the staged or the previous certificate, if its fingerprint matches. `atMs` sets the time for the staged one;
   * null: no time.
   */
  activate(
    by: By,
    options: Meant & { readonly which: 'staged' | 'previous'; readonly atMs?: number | null | undefined },
  ): Promise<void>
  /** Deletes the staged certificate and its key, if its fingerprint matches. */
  discard(by: By, options: Meant): Promise<void>
}
