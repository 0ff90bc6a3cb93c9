// When every certificate expires that something depends on: clients', their CAs', the server's and its CA's.

import type { TrustTables } from '../trust/rows.ts'
import { parseCertificate, type Certificate } from '../pki/certificate.ts'

export interface Expiry {
  readonly kind: 'client' | 'client-ca' | 'server' | 'server-ca'
  /** The client's name, or what it is. */
  readonly name: string
  /** null for the server's own. */
  readonly instanceId: string | null
  readonly sha256: string
  readonly notAfterMs: number
  /** Whole days, rounded down: negative once it has expired. */
  readonly daysLeft: number
}

export interface OwnCertificates {
  readonly server: Certificate
  readonly authority: Certificate
}

type Known = Omit<Expiry, 'daysLeft'>

const dayMs = 24 * 3600_000
/** Parsed once for each state of the trust rows. */
const parsed = new WeakMap<TrustTables, readonly Known[]>()

/** The next to expire first. */
export function expiriesOf(
  tables: TrustTables,
  { server, authority }: OwnCertificates,
  nowMs: number,
): readonly Expiry[] {
  const clients = parsed.get(tables) ?? ofClients(tables)
  parsed.set(tables, clients)
  const own: readonly Known[] = [
    { ...datesOf(server), kind: 'server', name: "the server's certificate", instanceId: null },
    { ...datesOf(authority), kind: 'server-ca', name: "the server's CA", instanceId: null },
  ]
  return [...own, ...clients]
    .map((known) => ({ ...known, daysLeft: Math.floor((known.notAfterMs - nowMs) / dayMs) }))
    .toSorted((a, b) => a.notAfterMs - b.notAfterMs)
}

function ofClients(tables: TrustTables): readonly Known[] {
  const nameOf = (clientId: string) => tables.client.get(clientId)?.name ?? clientId
  const pins = [...tables.certificate.values()].map((pin): Known => {
    const { clientId, instanceId, certificate } = pin
    return { ...datesOf(parse(certificate)), kind: 'client', name: nameOf(clientId), instanceId }
  })
  const cas = [...tables.authority.values()].map((authority): Known => {
    const { clientId, instanceId, certificate } = authority
    return { ...datesOf(parse(certificate)), kind: 'client-ca', name: nameOf(clientId), instanceId }
  })
  return [...pins, ...cas]
}

function parse(base64: string): Certificate {
  return parseCertificate(Buffer.from(base64, 'base64'))
}

function datesOf({ sha256, notAfterMs }: Certificate) {
  return { sha256, notAfterMs }
}
