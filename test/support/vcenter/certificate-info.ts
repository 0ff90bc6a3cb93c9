// Facts about a certificate as vCenter's API states them: CryptoManagerKmipCertificateInfo.

import { X509Certificate } from 'node:crypto'
import type { Certificate } from '../../../src/core/pki/certificate.ts'
import { element, type Xml } from './xml.ts'

/** The fingerprint is SHA-1. */
export function certificateInfo(name: string, certificate: Certificate): Xml {
  const { subject, issuer, serial, notBeforeMs, notAfterMs, der } = certificate
  const nowMs = Date.now()
  return element(name, [
    element('subject', subject),
    element('issuer', issuer),
    element('serialNumber', serial),
    element('notBefore', timeText(notBeforeMs)),
    element('notAfter', timeText(notAfterMs)),
    element('fingerprint', new X509Certificate(der).fingerprint),
    element('checkTime', timeText(nowMs)),
    element('secondsSinceValid', seconds(nowMs - notBeforeMs)),
    element('secondsBeforeExpire', seconds(notAfterMs - nowMs)),
  ])
}

/** xsd:dateTime. */
function timeText(ms: number): string {
  return new Date(ms).toISOString()
}

function seconds(ms: number): number {
  return Math.trunc(ms / 1000)
}
