// The steps in vCenter after a client is trusted, or once its certificate has expired.

import { certificateRoutes } from '../../certificates/routes.ts'
import type { AdminClient } from '../../../doors/http/client.ts'
import { shownFingerprint } from '../../../doors/cli/text/output.ts'

export async function nextInVcenter(client: AdminClient): Promise<string> {
  const { sha1 } = await client.call(certificateRoutes.showServerCertificate)
  return `
Now in vCenter: Configure > Security > Key Providers, choose the provider.
  If it does not trust this server yet: Establish Trust > Make vCenter Trust KMS, and compare the thumbprint:
    ${shownFingerprint(sha1)}
  Then refresh. "Connected" can take five minutes to appear.
`
}

export function nextOfExpired(isAuthority: boolean): string {
  if (isAuthority)
    return '\nThis CA has expired and vouches for no client. Trust its successor under the same name.\n'
  return `
This certificate has expired. Now in vCenter: Configure > Security > Key Providers, choose the provider, then the server.
  Have it make a new one: Establish Trust > Make KMS trust vCenter > vCenter Certificate > Generate new certificate.
  Then trust that one under the same name: mortise client pending
`
}
