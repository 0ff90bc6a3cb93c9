// The parts of the server that the routes about exports of keys need.

import type { Audit } from '../../core/audit/audit.ts'
import type { Keys } from '../../core/keys/keys.ts'
import type { Access } from '../../core/trust/access.ts'
import type { KeyExports } from './jobs.ts'

export interface Needs {
  readonly about: {
    readonly version: string
    readonly startedMs: number
    /** The version of OpenSSL's FIPS provider, or `unknown`; null: not in FIPS mode. */
    readonly fips: string | null
    /** The drafts of KMIP that the server speaks: 3.0. */
    readonly drafts: readonly string[]
    /** How many connections of KMIP clients this node holds at most, and how many files each of its processes may have open. */
    readonly connections: { readonly max: number; readonly openFiles: number }
    /** The address where the server listens for KMIP. */
    readonly kmip: string
    /** https://HOST:PORT; null: it takes no HTTPS. */
    readonly kmipHttps: string | null
  }
  readonly access: Access
  readonly audit: Audit
  readonly keyExports: Pick<KeyExports, 'begin' | 'outcome' | 'requireFree'>
  readonly keys: Keys
}
