// A client as the admin API shows it: its certificates and CAs, when each certificate was last seen, and why one
// should be replaced. It also shows a certificate that cannot be read: one bad certificate must not hide the other
// clients.

import { hasBegun } from '../../core/trust/access.ts'
import { allowOf } from '../../core/trust/allow.ts'
import type { SeenClient } from '../../doors/http/plugs.ts'
import type { CertificateSeen } from '../../core/ports/trust.ts'
import {
  type Authority,
  type Instance,
  type PinnedCertificate,
  type TrustedClient,
} from '../../core/trust/rows.ts'
import { certificateOrNull, type Certificate } from '../../core/pki/certificate.ts'
import { fingerprint } from '../../core/pki/fingerprint.ts'
import type { Needs } from './needs.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'

type Sight = Pick<Needs, 'lastSeen' | 'clock'>

export async function shownClient({ lastSeen, clock }: Sight, instance: Instance, client: TrustedClient) {
  const seen = await lastSeen.of(client.certificates.map(({ id }) => id))
  const last = await lastSeen.ofClient(client.id)
  const graceDays = client.expiredGraceDays ?? instance.expiredGraceDays
  const nowMs = clock.now()
  return {
    id: client.id,
    name: client.name,
    instance: { id: instance.id, name: instance.name },
    expiredGraceDays: client.expiredGraceDays,
    credential: client.credential && { mode: client.credential.mode, userName: client.credential.userName },
    lastSeen: last
      ? { at: isoTime(last.lastMs), address: last.address, certificateSha256: last.certificateSha256 }
      : null,
    allow: [...allowOf(client)],
    created: isoTime(client.createdMs),
    certificates: client.certificates.map((pin) => shownPin(pin, lastSince(pin, seen), { graceDays, nowMs })),
    authorities: client.authorities.map((authority) => shownAuthority(authority, nowMs)),
  }
}

/** The clients of the instance that were ever here, with when each was here last. */
export async function clientsSeen(
  { access, lastSeen }: Pick<Needs, 'access' | 'lastSeen'>,
  instanceId: string,
): Promise<readonly SeenClient[]> {
  const { tables } = await access.snapshot()
  const clients = [...tables.client.values()].filter((client) => client.instanceId === instanceId)
  const seen = await Promise.all(clients.map(async ({ id }) => lastSeen.ofClient(id)))
  return clients.flatMap(({ id, name }, index) => {
    const last = seen[index]
    return last ? [{ id, name, lastMs: last.lastMs }] : []
  })
}

interface Moment {
  readonly graceDays: number
  readonly nowMs: number
}

function shownPin(pin: PinnedCertificate, seen: CertificateSeen | undefined, moment: Moment) {
  const certificate = certificateOrNull(Buffer.from(pin.certificate, 'base64'))
  return {
    sha256: pin.id,
    subject: certificate?.subject ?? null,
    notBefore: isoTimeOrNull(certificate?.notBeforeMs ?? null),
    notAfter: isoTimeOrNull(certificate?.notAfterMs ?? null),
    warnings: [
      ...warningsOf(certificate, moment),
      ...(certificate?.isCa === true && seen === undefined ? [isOfCa] : []),
    ],
    lastSeen: isoTimeOrNull(seen?.lastMs ?? null),
    lastAddress: seen?.address ?? null,
    created: isoTime(pin.createdMs),
  }
}

/** A client may show a certificate that it signed itself as a CA, as `openssl req -x509` makes it: once it did, all is well. */
const isOfCa =
  'it is the certificate of a CA (CA:TRUE), and no client has come with it since it is trusted. vCenter connects with its own client certificate, ' +
  'which a CA may have signed: trust that one (mortise client pending), or the CA with a filter on the subject (--ca PEM --subject PATTERN)'

/** Hides a sighting from before the pin: the certificate may have been a client of another instance then. */
function lastSince({ id, createdMs }: PinnedCertificate, seen: ReadonlyMap<string, CertificateSeen>) {
  const last = seen.get(id)
  return last && last.lastMs >= createdMs ? last : undefined
}

function shownAuthority(authority: Authority, nowMs: number) {
  const der = Buffer.from(authority.certificate, 'base64')
  const ca = certificateOrNull(der)
  return {
    id: authority.id,
    sha256: fingerprint(der),
    authority: ca?.subject ?? null,
    subject: authority.subject,
    notAfter: isoTimeOrNull(ca?.notAfterMs ?? null),
    warnings: warningsOf(ca, { graceDays: 0, nowMs }),
    created: isoTime(authority.createdMs),
  }
}

const dayMs = 24 * 3600_000

function warningsOf(certificate: Certificate | null, { graceDays, nowMs }: Moment): string[] {
  if (!certificate) return ['it cannot be read, and is never served']
  const { notBeforeMs, notAfterMs, weaknesses } = certificate
  if (!hasBegun(notBeforeMs, nowMs))
    return [
      `it is valid from ${day(notBeforeMs)} on, and refused until the day before: check the clocks`,
      ...weaknesses,
    ]
  if (nowMs <= notAfterMs) return [...weaknesses]
  const servedUntilMs = notAfterMs + graceDays * dayMs
  const served = nowMs <= servedUntilMs ? `is served until ${day(servedUntilMs)}` : 'is not served any more'
  return [`it expired on ${day(notAfterMs)} and ${served}: trust its successor`, ...weaknesses]
}

function day(ms: number): string {
  return isoTime(ms).slice(0, 10)
}
