// From a URI to the root key that it names. Which kinds there are is this table's business; how each works is its
// own file's.

import { RootKeyError, type RootKey } from '../keys/ports.ts'
import { openFileRootKey } from './file.ts'

export interface RootKeyOptions {
  readonly dataFolder: string
  /** For `file:` only. */
  readonly passphrase?: Buffer
  /** Make a `file:` root key where there is none. No other kind is ever made here. */
  readonly create: boolean
}

/** A root key, opened; `warnings` are sentences for the administrator. */
export interface OpenedRootKey extends RootKey {
  readonly warnings: readonly string[]
}

/** Throws RootKeyError, with a message that tells the administrator what to do. */
export async function openRootKey(uri: string, options: RootKeyOptions): Promise<OpenedRootKey> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase()
  switch (scheme) {
    case 'file':
      return openFileRootKey({ ...options, uri })
    case 'keyprotect':
    case 'hpcs':
    case 'pkcs11':
      throw new RootKeyError(
        'root-key',
        `root keys of the kind ${scheme}: are not in this version yet. Use file:`,
      )
    case undefined:
    default:
      throw new RootKeyError(
        'root-key',
        `${uri} is not the URI of a root key. Write file:root.key, for example`,
      )
  }
}
