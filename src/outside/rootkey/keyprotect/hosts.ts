// The hosts to which Mortise may send a token. A URI comes from an administrator of Mortise, who need not be an administrator of Key
// Protect: Mortise must not send a token of the service ID to a host that this administrator chose. So Mortise sends tokens only to IBM's
// hosts, for which the public CAs vouch. If the configuration of this machine names a CA, it sends them to any host for which this CA
// vouches.

import { RootKeyError } from '../../../core/ports/root-key.ts'

/** The environment variable, for messages. */
export const caVariable = 'MORTISE_IBM_CA_FILE'

/** Throws RootKeyError('root-key') if the host is not IBM's. For a configuration that names no CA. */
export function requireIbmHost(host: string): void {
  if (/^[a-z0-9.-]+\.(kms|hs-crypto)\.(cloud\.ibm\.com|appdomain\.cloud)(:\d+)?$/.test(host)) return
  throw new RootKeyError(
    'root-key',
    `${host} is no host of Key Protect or Hyper Protect Crypto Services. If it is yours, name the CA that vouches ` +
      `for it with ${caVariable}`,
  )
}
