// Lists when the certificates expire: those of clients and of their CAs, the server's, and that of its CA.

import type { Authority, PinnedCertificate, TrustTables } from '../../core/trust/rows.ts'
import { certificateOrNull, type Certificate } from '../../core/pki/certificate.ts'

export interface Expiry {
  readonly kind: 'client' | 'client-ca' | 'server' | 'server-ca' | 'admin'
  /** The name of the client, or what the certificate is. */
  readonly name: string
  /** null for the server's own certificates. */
  readonly instanceId: string | null
  readonly sha256: string
  readonly notAfterMs: number
  /** Whole days, rounded down; negative after the expiry. */
  readonly daysLeft: number
}

export interface OwnCertificates {
  readonly server: Certificate
  readonly authority: Certificate
  /** The admin API shows it: that of the server, or one of its own. */
  readonly admin: Certificate
}

type Known = Omit<Expiry, 'daysLeft'>

const dayMs = 24 * 3600_000
/** The clients' certificates, parsed once for each state of the trust rows. */
const parsed = new WeakMap<TrustTables, readonly Known[]>()

/** The first to expire comes first. */
export function expiriesOf(
  tables: TrustTables,
  { server, authority, admin }: OwnCertificates,
  nowMs: number,
): readonly Expiry[] {
  const clients = parsed.get(tables) ?? ofClients(tables)
  parsed.set(tables, clients)
  const own: readonly Known[] = [
    { ...datesOf(server), kind: 'server', name: "the server's certificate", instanceId: null },
    { ...datesOf(authority), kind: 'server-ca', name: "the server's CA", instanceId: null },
    ...(admin.sha256 === server.sha256
      ? []
      : [
          {
            ...datesOf(admin),
            kind: 'admin',
            name: 'the certificate of the admin API',
            instanceId: null,
          } as const,
        ]),
  ]
  return [...own, ...clients]
    .map((known) => ({ ...known, daysLeft: Math.floor((known.notAfterMs - nowMs) / dayMs) }))
    .toSorted((a, b) => a.notAfterMs - b.notAfterMs)
}

function ofClients(tables: TrustTables): readonly Known[] {
  const nameOf = (clientId: string) => tables.client.get(clientId)?.name ?? clientId
  const known = (
    kind: Known['kind'],
    { clientId, instanceId, certificate }: PinnedCertificate | Authority,
  ) => {
    // A certificate that cannot be read is never valid and has no date.
    const read = certificateOrNull(Buffer.from(certificate, 'base64'))
    return read ? [{ ...datesOf(read), kind, name: nameOf(clientId), instanceId }] : []
  }
  return [
    ...[...tables.certificate.values()].flatMap((pin) => known('client', pin)),
    ...[...tables.authority.values()].flatMap((authority) => known('client-ca', authority)),
  ]
}

function datesOf({ sha256, notAfterMs }: Certificate) {
  return { sha256, notAfterMs }
}
