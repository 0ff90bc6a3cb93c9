// Prints next steps: in vCenter after a client is trusted, or once its certificate has expired, and the flags that a next command needs.

import type { AdminClient } from '../http/client.ts'
import { fingerprint } from './text/output.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { ConnectOptions } from './connect.ts'

export async function nextInVcenter(client: AdminClient): Promise<string> {
  const { sha1 } = await client.call('showServerCertificate')
  return `
Now in vCenter: Configure > Security > Key Providers, choose the provider.
  If it does not trust this server yet: Establish Trust > Make vCenter Trust KMS, and compare the thumbprint:
    ${fingerprint(sha1)}
  Then refresh. "Connected" can take five minutes to appear.
`
}

export function nextOfExpired({ ca }: { readonly ca?: string }): string {
  if (ca !== undefined)
    return '\nThis CA has expired and vouches for nobody. Trust its successor under the same name.\n'
  return `
This certificate has expired. Now in vCenter: Configure > Security > Key Providers, choose the provider, then the server.
  Have it make a new one: Establish Trust > Make KMS trust vCenter > vCenter Certificate > Generate new certificate.
  Then trust that one under the same name: mortise client pending
`
}

/** The flags that lead another command to the same server, with the same token, each after a space; those that were given for this one. */
export function sameServer(
  options: Readonly<Partial<Record<keyof ConnectOptions, string | undefined>>>,
): string {
  const { config, data, profile, admin, tokenFile, adminCa, adminFingerprint } = options
  const flags = {
    config,
    data,
    profile,
    admin,
    'token-file': tokenFile,
    'admin-ca': adminCa,
    'admin-fingerprint': adminFingerprint,
  }
  return Object.entries(flags)
    .map(([flag, value]) => (value === undefined ? '' : ` --${flag} ${shellWord(value)}`))
    .join('')
}
