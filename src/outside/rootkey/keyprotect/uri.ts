// The URIs of root keys in Key Protect and HPCS. Both services have the same API; only their hosts and names (`services`) differ.
//
//     keyprotect://us-south.kms.cloud.ibm.com/INSTANCE-GUID/KEY              KEY: its id, or an alias
//     keyprotect://private.us-south.kms.cloud.ibm.com/INSTANCE-GUID/KEY      the private endpoint
//     keyprotect://INSTANCE.api.us-south.kms.appdomain.cloud/INSTANCE-GUID/KEY          Key Protect Dedicated
//     hpcs://INSTANCE.api.us-south.hs-crypto.appdomain.cloud/INSTANCE-GUID/KEY?key-ring=RING

import { RootKeyError } from '../../../core/ports/root-key.ts'

export interface KeyProtectUri {
  readonly scheme: 'keyprotect' | 'hpcs'
  /** HOST or HOST:PORT, as after https:// */
  readonly host: string
  /** The GUID of the service instance. */
  readonly instance: string
  /** Id or alias; undefined where the URI names the instance alone. */
  readonly key: string | undefined
  /** The key ring of the key. undefined: the service looks for the key in all rings. */
  readonly keyRing: string | undefined
}

/** Throws RootKeyError('root-key') with what to write instead. */
export function parseKeyProtectUri(uri: string): KeyProtectUri {
  const { scheme, host, instance, key, keyRing } = form.exec(uri)?.groups ?? {}
  // Reads the host as https does, so that Mortise keeps the name of the host that it calls.
  const url = host === undefined ? null : URL.parse(`https://${host}`)
  if (scheme === undefined || instance === undefined || !url || url.host === '' || url.pathname !== '/')
    throw new RootKeyError('root-key', `${withoutUser(uri)} is not the URI of a root key. Write ${shape}`)
  if (!isGuid(instance))
    throw new RootKeyError(
      'root-key',
      `${instance} in ${uri} is not the GUID of a service instance, which is 8-4-4-4-12 hexadecimal digits. ${findGuid} shows it`,
    )
  return {
    scheme: scheme.toLowerCase() === 'hpcs' ? 'hpcs' : 'keyprotect',
    host: url.host,
    instance: instance.toLowerCase(),
    key: key !== undefined && isGuid(key) ? key.toLowerCase() : key,
    keyRing,
  }
}

/** Ids, aliases (A-Z a-z 0-9 _ -, 2 to 90 of them) and the names of key rings are made of the same characters. */
const form =
  /^(?<scheme>keyprotect|hpcs):\/\/(?<host>[^/?#@\\]+)\/(?<instance>[\w-]{1,100})(?:\/(?<key>[\w-]{1,100}))?\/?(?:\?key-ring=(?<keyRing>[\w-]{1,100}))?$/i

const shape =
  'keyprotect://us-south.kms.cloud.ibm.com/INSTANCE-GUID/KEY-ID-OR-ALIAS, or hpcs:// with the host of your instance; ?key-ring=RING at its end names a key ring'

/** The URI without what stands before an @: an administrator may have written a secret there, where none belongs. */
function withoutUser(uri: string): string {
  return uri.replace(/\/\/[^/]*@/, '//')
}

/** The command by which an administrator finds the GUID of a service instance. */
export const findGuid = 'ibmcloud resource service-instance NAME --output json (field guid)'

/** Service instances and keys have a GUID as their id. An alias never looks like a GUID. */
export function isGuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}

export function formatKeyProtectUri({ scheme, host, instance, key, keyRing }: KeyProtectUri): string {
  const query = keyRing === undefined ? '' : `?key-ring=${keyRing}`
  return `${scheme}://${host}/${instance}${key === undefined ? '' : `/${key}`}${query}`
}

/** The names of a service: for people, in IAM policies, and in IBM's command line. */
export const services = {
  keyprotect: { title: 'Key Protect', iamName: 'kms' },
  hpcs: { title: 'Hyper Protect Crypto Services', iamName: 'hs-crypto' },
} as const
