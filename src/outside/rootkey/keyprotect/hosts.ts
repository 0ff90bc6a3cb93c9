// Where a token may be sent. A URI comes from an administrator of Mortise, who need not be one of Key Protect's: Mortise must
// not send a token of the service ID to a host that this administrator chose. So it is IBM's hosts, believed by the public
// CAs, or any that a CA vouches for which the configuration of this machine names.

import { RootKeyError } from '../../../core/ports/root-key.ts'

/** The environment variable, for messages. */
export const caVariable = 'MORTISE_IBM_CA_FILE'

/** Throws RootKeyError('root-key') where no CA was named and the host is not IBM's. */
export function requireIbmHost(host: string): void {
  if (/^[a-z0-9.-]+\.(kms|hs-crypto)\.(cloud\.ibm\.com|appdomain\.cloud)(:\d+)?$/.test(host)) return
  throw new RootKeyError(
    'root-key',
    `${host} is no host of Key Protect or Hyper Protect Crypto Services. If it is yours, name the CA that vouches ` +
      `for it with ${caVariable}`,
  )
}
