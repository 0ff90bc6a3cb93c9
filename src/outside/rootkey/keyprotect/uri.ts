// The URIs of root keys in Key Protect and HPCS. Both speak the same API; only the hosts differ, and what their roles
// and commands are called.
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
  /** Where to look for the key; undefined: in all rings. */
  readonly keyRing: string | undefined
}

/** Throws RootKeyError('root-key') with what to write instead. */
export function parseKeyProtectUri(uri: string): KeyProtectUri {
  const { scheme, host, instance, key, keyRing } = form.exec(uri)?.groups ?? {}
  // As https reads it, so that the host that is kept is the one that is called.
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

/** An administrator may have written a secret where none belongs. */
function withoutUser(uri: string): string {
  return uri.replace(/\/\/[^/]*@/, '//')
}

/** By which an administrator finds the GUID of a service instance. */
export const findGuid = 'ibmcloud resource service-instance NAME --output json (field guid)'

/** Service instances and keys have one as their id; an alias never looks like one. */
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
