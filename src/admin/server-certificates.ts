// What the admin door asks of whoever keeps the certificate of the KMIP door: what there is, and the changes. Types
// only; src/serve/server-certificates.ts keeps it.

import type { By } from '../audit/actor.ts'
import type { Certificate } from '../pki/certificate.ts'

export interface ShownCertificates {
  readonly active: ShownPair
  readonly staged:
    | (ShownPair & {
        readonly origin: 'renewed' | 'imported'
        /** For people. */
        readonly warnings: readonly string[]
        readonly stagedMs: number
        /** Milliseconds since 1970; null: when somebody says so. */
        readonly atMs: number | null
      })
    | null
  /** The one that was active before. */
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

interface When {
  /** Switched to at this time, milliseconds since 1970. */
  readonly atMs?: number | undefined
  /** Switched to at once. */
  readonly now: boolean
}

/** Each is done whole or not at all, durable on return, and entered in the audit. They throw Refusal and PkiError. */
export interface ServerCertificateChanges {
  view(): ShownCertificates
  /** Makes a key and its request. Where one waits already and neither names nor `replace` are given: that one stays. */
  request(
    by: By,
    wanted: { readonly names?: readonly string[] | undefined; readonly replace: boolean },
  ): Promise<void>
  /** Stages a certificate that another CA made for a key that is here. PEM, with its chain. */
  import(by: By, wanted: { readonly certificate: string } & When): Promise<void>
  /** Stages one of our own CA. Without names: those of the active one, and those configured. */
  renew(
    by: By,
    wanted: { readonly names?: readonly string[] | undefined; readonly days?: number | undefined } & When,
  ): Promise<void>
  /** Switches to the staged or the previous one; with `atMs` the staged one is switched to then, null: no more. */
  activate(
    by: By,
    wanted: { readonly which: 'staged' | 'previous'; readonly atMs?: number | null | undefined },
  ): Promise<void>
  /** Forgets the staged one, and its key. */
  discard(by: By): Promise<void>
}
