// Clients that the server must not admit: with an unknown certificate, an expired one, or none.

import { makeSelfSigned } from '../../core/pki/self-signed.ts'
import { privateKeyPem } from '../../core/pki/issue.ts'
import { openConnection } from '../../outside/kmip-client/connection.ts'
import { KmipTransportError, type KmipRefused } from '../../outside/kmip-client/errors.ts'
import { clientTls, type ClientTls } from '../../outside/kmip-client/tls.ts'
import type { Site } from './site.ts'
import { refusalOf, VCenterSession } from './vcenter-session.ts'

const dayMs = 24 * 3600_000

export type UntrustedClient = 'unknown' | 'expired' | 'no-certificate'

/** Generates a new certificate, RSA-2048, like vCenter's. */
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

/** `kmipClient` and its time of creation: `kmipClient20261125094708`. */
export function vcenterName(ms: number): string {
  return `kmipClient${new Date(ms).toISOString().replaceAll(/\D/g, '').slice(0, 14)}`
}

/**
 * Connects, completes the handshake and closes. If the server refuses, that is a remark, not a failed piece of work.
 */
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
  else runLog.failed('connect with an unknown certificate', refused.message)
}

/** Asks for versions, which changes nothing. Returns the refusal; undefined if the server answers. */
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
