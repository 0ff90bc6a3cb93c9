// What differs between the vCenters that are played: what they offer in the handshake, and what they note on keys. The
// messages themselves are the same bytes in all of them.

import type { SecureVersion } from 'node:tls'

export interface Profile {
  /** What it calls itself in `x-Product_Version`; undefined for those that note nothing on their keys. */
  readonly productVersion: string | undefined
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  /** OpenSSL's list; OpenSSL's own when left out. */
  readonly ciphers?: string
  /**
   * `in-turn`: the host's key is made ready before the virtual machine's is fetched, as 7.0 does it. `together`: a key
   * is fetched and noted on at the same time.
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
  /** Presumed: no conversation of it has been seen. */
  '9.0': {
    productVersion: '9.0.0 build-24755599',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    order: 'together',
  },
  /** Key exchange by RSA and CBC, which a 7.0.3 was seen to accept where nothing else was to be had. */
  'legacy-tls': {
    productVersion: '7.0.3 build-19480866',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ciphers: 'AES128-SHA256',
    order: 'in-turn',
  },
} as const satisfies Record<string, Profile>

export type ProfileName = keyof typeof profiles

export function isProfile(name: string): name is ProfileName {
  return Object.hasOwn(profiles, name)
}
