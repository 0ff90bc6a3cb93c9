// Checks the server's certificate as vCenter sees it: vCenter remembers the certificate itself and warns about its
// dates. Other clients also check names and kind.

import { isIP } from 'node:net'
import { counted } from '../../base/text/counted.ts'
import { parseCertificate, type Certificate } from '../../core/pki/certificate.ts'
import { nameMatches, namesIn, thumbprint } from '../../core/pki/server-chain.ts'
import { PkiError } from '../../core/pki/error.ts'
import { allowsUse, readX509 } from '../../core/pki/x509.ts'
import type { Findings } from './doctor-findings.ts'

export interface SeenCertificate {
  readonly sha256: string
  /** The thumbprint that vCenter shows. */
  readonly sha1: string
  readonly subject: string
  readonly issuer: string
  readonly names: readonly string[]
  readonly key: string
  readonly notBefore: string
  readonly notAfter: string
}

const dayMs = 24 * 3600_000
/** vCenter's `vpxd.kmscert.threshold`. */
const alarmDays = 30

const renewMend =
  'Renew it, and trust the new one in each vCenter (Establish Trust > Make vCenter Trust KMS). Mortise: mortise server-cert renew stages it ' +
  'ahead; see docs/server-certificate.md.'

export function examineCertificate(
  der: Buffer,
  host: string,
  findings: Findings,
  nowMs: number,
): SeenCertificate | null {
  let certificate: Certificate
  try {
    certificate = parseCertificate(der)
  } catch (error) {
    if (!(error instanceof PkiError)) throw error
    findings.fault('certificate', "the server's certificate cannot be read", renewMend)
    return null
  }
  const names = namesIn(der)
  judgeDates(certificate, findings, nowMs, {
    whose: 'server',
    wrong: 'fault',
    renew: renewMend,
    clocks: 'Set the clocks of server, vCenter and hosts right (NTP), or issue it again.',
  })
  judgeNames(names, certificate, host, findings)
  judgeKind(certificate, findings)
  return {
    sha256: certificate.sha256,
    sha1: thumbprint(der),
    subject: certificate.subject,
    issuer: certificate.issuer,
    names,
    key: certificate.publicKey,
    notBefore: new Date(certificate.notBeforeMs).toISOString(),
    notAfter: new Date(certificate.notAfterMs).toISOString(),
  }
}

/** `wrong`: how bad it is if the certificate is not valid now. `renew`, `clocks`: what to do about it. */
export function judgeDates(
  { notBeforeMs, notAfterMs }: Certificate,
  findings: Findings,
  nowMs: number,
  about: {
    readonly whose: 'server' | 'client'
    readonly wrong: 'fault' | 'warning'
    readonly renew: string
    readonly clocks: string
  },
): void {
  const check = about.whose === 'server' ? 'certificate' : 'client'
  const subject = `the ${about.whose}'s certificate`
  const days = Math.floor((notAfterMs - nowMs) / dayMs)
  if (nowMs > notAfterMs)
    findings[about.wrong](check, `${subject} expired on ${dateOf(notAfterMs)}`, about.renew)
  else if (nowMs < notBeforeMs)
    findings[about.wrong](check, `${subject} is valid only from ${dateOf(notBeforeMs)}`, about.clocks)
  else if (days < alarmDays)
    findings.warning(
      check,
      `${subject} ends in ${counted(days, 'day')}, on ${dateOf(notAfterMs)}: vCenter shows its yellow alarm`,
      about.renew,
    )
  else findings.good(check, `${subject} is valid until ${dateOf(notAfterMs)}`)
}

function judgeNames(
  names: readonly string[],
  { commonName }: Certificate,
  host: string,
  findings: Findings,
): void {
  if (namesHost(names, host)) return findings.good('certificate', `names ${host}`)
  const has = names.length === 0 ? 'it has no subject alternative names' : `it has ${names.join(', ')}`
  const asCommonName = commonName !== null && namesHost([commonName], host)
  findings.warning(
    'certificate',
    `the server's certificate does not name ${host}${asCommonName ? ' but as common name' : ''}: ${has}`,
    'vCenter takes it once it is trusted; clients that compare names do not. Give vCenter a name that stands in it, or renew it with this one ' +
      `(Mortise: mortise server-cert renew --names ${host},…).`,
  )
}

/** Whether one of the names of a certificate is that of the host. */
export function namesHost(names: readonly string[], host: string): boolean {
  // No certificate names the interface of a link-local address (fe80::1%eth0).
  const certifiedHost =
    isIP(host) === 6 ? new URL(`http://[${host.replace(/%.*/, '')}]`).hostname.slice(1, -1) : host
  return names.some((name) => nameMatches(certifiedHost, name))
}

function judgeKind(certificate: Certificate, findings: Findings): void {
  const parsed = readX509(certificate.der)
  const { signatureAlgorithm = '' } = parsed
  if (hasShortKey(certificate.publicKey))
    findings.warning(
      'certificate',
      `its key is ${certificate.publicKey}, which newer clients refuse`,
      renewMend,
    )
  if (!certificate.publicKey.startsWith('RSA'))
    findings.warning(
      'certificate',
      `its key is ${certificate.publicKey}: no vCenter has been seen with other keys than RSA`,
      'Use a certificate with an RSA key of 2048 or 3072 bits, or beside it.',
    )
  if (/sha1|md5/i.test(signatureAlgorithm))
    findings.warning(
      'certificate',
      `it is signed with ${signatureAlgorithm}, which newer clients refuse`,
      renewMend,
    )
  if (!allowsUse(parsed, 'serverAuth'))
    findings.warning(
      'certificate',
      'its extended key usage lacks serverAuth, so it is not for servers',
      'Have it issued from the template of a web server.',
    )
}

export function hasShortKey(publicKey: string): boolean {
  return Number(/^RSA(?:-PSS)? (\d+)$/.exec(publicKey)?.[1] ?? '2048') < 2048
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
