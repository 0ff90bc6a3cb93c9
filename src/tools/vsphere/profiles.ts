// The differences between the simulated vCenters: what they offer in the handshake, and what they note on keys. All of
// them send the same messages.

import type { SecureVersion } from 'node:tls'

export interface ProductProfile {
  /** The value that it writes to `x-Product_Version`. Undefined for a version that notes nothing on its keys. */
  readonly productVersion: string | undefined
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  /** An OpenSSL cipher list. Default: OpenSSL's own. */
  readonly ciphers?: string
  /**
   * `in-turn`: prepares the host's key before fetching the virtual machine's, like 7.0. `together`: fetches a key and
   * adds notes to it at the same time.
   */
  readonly order: 'in-turn' | 'together'
}

export const profiles = {
  '6.7': {
    productVersion: undefined,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    order: 'in-turn',
  },
  '7.0.3': {
    productVersion: '7.0.3 build-19480866',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    order: 'in-turn',
  },
  '8.0.1': {
    productVersion: '8.0.1 build-21560480',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    order: 'together',
  },
  /** Presumed: there is no recording of its connections. */
  '9.0': {
    productVersion: '9.0.0 build-24755599',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    order: 'together',
  },
  /** RSA key exchange and CBC. A 7.0.3 was seen to accept this if the server offered nothing else. */
  'legacy-tls': {
    productVersion: '7.0.3 build-19480866',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ciphers: 'AES128-SHA256',
    order: 'in-turn',
  },
} as const satisfies Record<string, ProductProfile>

export type ProfileName = keyof typeof profiles

export function isVsphereProfile(name: string): name is ProfileName {
  return Object.hasOwn(profiles, name)
}
