// Flags of the commands that speak KMIP to a server, ours or another's, as a client does: where it is, with which
// certificate, and how the right server is known.

import { addressText, parseAddress, type Address } from '../kmip-client/address.ts'
import type { ServerTrust } from '../kmip-client/tls.ts'
import { parseFingerprint } from '../pki/fingerprint.ts'
import { readPem } from './files.ts'
import { UsageError, type World } from './world.ts'

export interface ServerTrustOptions {
  readonly ca?: string
  readonly fingerprint?: string
  readonly insecure?: boolean
}

export const serverTrustFlags = [
  ['--ca <pem>', 'know the server by the CA that signed its certificate, and by its name'],
  ['--fingerprint <sha256>', 'know the server by its certificate'],
  ['--insecure', 'take any server'],
] as const

/** Addresses of one server, with commas. */
export function addressesOf(text: string): readonly Address[] {
  const addresses = text.split(',').map(addressOf)
  const names = addresses.map(addressText)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new UsageError(`--server names ${twice} twice`)
  return addresses
}

export function addressOf(text: string): Address {
  const address = parseAddress(text)
  if (!address) throw new UsageError(`--server takes HOST or HOST:PORT, not ${text}`)
  return address
}

export async function serverTrustOf(
  world: World,
  { ca, fingerprint, insecure }: ServerTrustOptions,
): Promise<ServerTrust> {
  if ([ca, fingerprint, insecure].filter((given) => given !== undefined).length !== 1)
    throw new UsageError('say how to know the server, by one of --fingerprint SHA256, --ca PEM, --insecure')
  if (ca !== undefined) return { by: 'authority', pem: await readPem(world, ca, 'CERTIFICATE') }
  if (fingerprint !== undefined) return { by: 'fingerprint', sha256: parseFingerprint(fingerprint) }
  return { by: 'nothing' }
}
