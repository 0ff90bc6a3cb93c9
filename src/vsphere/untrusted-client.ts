// Clients that are not to be let in: with a certificate that nobody knows, one that has expired, or none.

import { makeSelfSigned } from '../pki/self-signed.ts'
import { privateKeyPem } from '../pki/issue.ts'
import { openConnection } from '../kmip-client/connection.ts'
import { KmipTransportError, type KmipRefused } from '../kmip-client/errors.ts'
import { clientTls, type ClientTls } from '../kmip-client/tls.ts'
import type { Site } from './site.ts'
import { refusalOf, VCenterSession } from './vcenter-session.ts'

const dayMs = 24 * 3600_000

export type UntrustedClient = 'unknown' | 'expired' | 'no-certificate'

/** Its certificate is made anew, RSA-2048, as vCenter makes one. */
export async function untrustedTls({ profile, trust }: Site, kind: UntrustedClient): Promise<ClientTls> {
  if (kind === 'no-certificate') return clientTls({ ...profile, trust })
  const nowMs = Date.now()
  const made = nowMs - (kind === 'expired' ? 800 : 1) * dayMs
  const { certificate, privateKey } = await makeSelfSigned({
    commonName: vcenterName(made),
    notBeforeMs: made,
    notAfterMs: made + 730 * dayMs,
  })
  return clientTls({ ...profile, trust, cert: certificate.pem, key: privateKeyPem(privateKey) })
}

/** `kmipClient` and when it was made: `kmipClient20261125094708`. */
export function vcenterName(ms: number): string {
  return `kmipClient${new Date(ms).toISOString().replaceAll(/\D/g, '').slice(0, 14)}`
}

/** Handshake and close; a server that does not let it through is a thing to know, and no piece of work that failed. */
export async function handshakeUntrusted(site: Site, tls: ClientTls): Promise<void> {
  const { addresses, runLog } = site
  const refused = await refusalOf(
    (async () => {
      const [address] = addresses
      if (!address) return
      const connection = await openConnection(address, { tls })
      runLog.handshakeMs.push(connection.handshakeMs)
      await connection.close()
    })(),
  )
  if (!refused) runLog.done()
  else if (refused instanceof KmipTransportError && refused.stage === 'handshake')
    runLog.remark('unknown certificate', 'the handshake is refused: vCenter cannot read the certificate')
  else runLog.failed('knock with an unknown certificate', refused.message)
}

/** How it is turned away when it asks for versions, which changes nothing; undefined when it is not. */
export function askUntrusted(
  { addresses, runLog, inventory }: Site,
  tls: ClientTls,
): Promise<KmipRefused | KmipTransportError | undefined> {
  return refusalOf(
    (async () => {
      const [address] = addresses
      if (!address) return
      const connection = await openConnection(address, { tls })
      try {
        await new VCenterSession(connection, { runLog, inventory, credential: undefined }).discoverVersions()
      } finally {
        await connection.close()
      }
    })(),
  )
}
