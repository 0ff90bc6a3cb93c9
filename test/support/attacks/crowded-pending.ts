// Strangers fill the list of pending clients: 60 addresses with 5 certificates each, shown again and again, so that all of
// them are regulars. A vCenter that connects for the first time must still appear.

import { writeCertificate, type MadeCertificate } from '../certificates/der-certificates.ts'
import { showCertificate } from './show-certificate.ts'
import type { Attack } from './target.ts'

const addresses = 60
const certificatesEach = 5

/** An address on loopback and the certificates that are shown from it. */
export interface Crowd {
  readonly from: string
  readonly certificates: readonly MadeCertificate[]
}

export function makeCrowd(): readonly Crowd[] {
  return Array.from({ length: addresses }, (_, number) => ({
    from: `127.0.66.${number + 1}`,
    certificates: Array.from({ length: certificatesEach }, () => writeCertificate()),
  }))
}

export const crowdPending: Attack = async ({ kmip }, signal) => {
  const lanes = makeCrowd().map(async ({ from, certificates }) => {
    while (!signal.aborted)
      for (const { tls } of certificates) await showCertificate(kmip, tls, { from, signal })
  })
  await Promise.all(lanes)
}
