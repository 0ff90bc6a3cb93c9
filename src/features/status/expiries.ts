// Lists when the certificates expire: those of clients and of their CAs, the server's, and that of its CA.

import { everyRound } from '../../base/every-round.ts'
import { fingerprint } from '../../core/pki/fingerprint.ts'
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
type Dates = ReturnType<typeof datesOf>

/** A certificate takes a tenth of a millisecond to read, and an instance may have ten thousand. */
const readsPerRound = 20
/** The dates of the clients' certificates as the last call left them, by SHA-256. null: the certificate cannot be read, is never valid and has no date. */
let datesBySha256: ReadonlyMap<string, Dates | null> = new Map()

/** The first to expire comes first. */
export async function expiriesOf(
  tables: TrustTables,
  { server, authority, admin }: OwnCertificates,
  nowMs: number,
): Promise<readonly Expiry[]> {
  const clients = await ofClients(tables)
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

/** Reads certificates that the last call did not have, a few in each round of the event loop. */
async function ofClients(tables: TrustTables): Promise<readonly Known[]> {
  const bySha256 = new Map<string, Dates | null>()
  const known: Known[] = []
  let reads = 0
  const add = async (
    kind: Known['kind'],
    { clientId, instanceId, certificate }: PinnedCertificate | Authority,
    sha256: string,
  ) => {
    let dates = datesBySha256.get(sha256)
    if (dates === undefined) {
      const read = certificateOrNull(Buffer.from(certificate, 'base64'))
      dates = read && datesOf(read)
      if (++reads % readsPerRound === 0) await everyRound.turn()
    }
    bySha256.set(sha256, dates)
    const name = tables.client.get(clientId)?.name ?? clientId
    if (dates) known.push({ ...dates, kind, name, instanceId })
  }
  for (const pin of tables.certificate.values()) await add('client', pin, pin.id)
  for (const authority of tables.authority.values())
    await add('client-ca', authority, fingerprint(Buffer.from(authority.certificate, 'base64')))
  datesBySha256 = bySha256
  return known
}

function datesOf({ sha256, notAfterMs }: Certificate) {
  return { sha256, notAfterMs }
}
