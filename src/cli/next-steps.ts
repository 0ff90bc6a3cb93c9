// The next steps in vCenter after a client is trusted.

import type { AdminClient } from '../admin/client.ts'
import { fingerprint } from './output.ts'

export async function nextInVcenter(client: AdminClient): Promise<string> {
  const { sha1 } = await client.call('showServerCertificate')
  return `
Now in vCenter: Configure > Security > Key Providers, choose the provider.
  If it does not trust this server yet: Establish Trust > Make vCenter Trust KMS, and compare the thumbprint:
    ${fingerprint(sha1)}
  Then refresh. "Connected" can take five minutes to appear.
`
}
