// Fills the audit log: a fresh self-signed certificate with each connection, which asks for a key and leaves.

import { makeCertificate } from '../certificates/certificates.ts'
import { openTalk } from '../clients/kmip-talk.ts'
import type { Attack, Target } from './target.ts'

const lanes = 8

export const freshCertificates: Attack = async (target, signal) => {
  await Promise.all(Array.from({ length: lanes }, () => lane(target, signal)))
}

async function lane({ kmip }: Target, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { tls } = await makeCertificate({ key: 'ec', ownKey: true })
    try {
      const talk = await openTalk({ ...kmip, tls })
      await talk.get('no such key')
      talk.close()
    } catch {
      // The server may close it at any time.
    }
  }
}
