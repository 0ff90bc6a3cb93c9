// From a URI to the root key that it names. Which kinds there are is this table's business; how each works is its
// own file's.

import { RootKeyError, type RootKey } from '../ports/root-key.ts'
import { cloudSchemeOf, type Clouds } from './clouds/clouds.ts'
import { openFileRootKey } from './file.ts'
import type { ListedRootKey } from './keyprotect/list.ts'
import { checkKeyProtect, listKeyProtect, openKeyProtect } from './keyprotect/open.ts'
import type { KeyProtectSessions } from './keyprotect/sessions.ts'
import { checkPkcs11, createPkcs11, listPkcs11, openPkcs11 } from './pkcs11/open.ts'
import type { Pkcs11Tokens } from './pkcs11/tokens.ts'
import { sealAndOpen } from './seal-and-open.ts'

export interface RootKeyOptions {
  readonly dataFolder: string
  /** For `file:` only. */
  readonly passphrase?: Buffer
  /** Also make files under a passphrase that is easily guessed. */
  readonly acceptShortPassphrase?: boolean
  /** Make a `file:` root key where there is none. No other kind is ever made here. */
  readonly create: boolean
  /** For `keyprotect:` and `hpcs:`. */
  readonly keyProtect?: KeyProtectSessions
  /** For `vault:` and the clouds' kinds. */
  readonly clouds?: Clouds
  /** For `pkcs11:`. */
  readonly tokens?: Pkcs11Tokens
  /** Whose API key is used; left out: the server's. */
  readonly instanceId?: string
}

/** For a root key that is to be looked at and not yet used. */
export interface CheckOptions extends RootKeyOptions {
  /** Used instead of the one that is kept, if any, and forgotten afterwards. */
  readonly apiKey?: string | undefined
  /** A standard key is made, read and deleted too; the service bills it for a month. */
  readonly standardKeys?: boolean
  /** It will do even if it seals nothing any more: what it sealed is to be opened. */
  readonly opens?: boolean
}

/** A root key, opened; `warnings` are sentences for the administrator. */
export interface OpenedRootKey extends RootKey {
  readonly warnings: readonly string[]
}

/** Throws RootKeyError, with a message that tells the administrator what to do. */
export async function openRootKey(uri: string, options: RootKeyOptions): Promise<OpenedRootKey> {
  switch (schemeOf(uri)) {
    case 'ibm':
      return openKeyProtect(uri, ibm(options))
    case 'pkcs11':
      return openPkcs11(uri, tokensOf(options))
    case 'cloud':
      return cloudsOf(options).open(uri)
    case 'file':
    default:
      return openFileRootKey({ ...options, uri })
  }
}

/** A root key that passed the check. */
export interface CheckedRootKey {
  /** The URI to keep: an alias is resolved to the id. */
  readonly uri: string
  readonly id: string
  readonly warnings: readonly string[]
}

/** Checks that the root key exists, is suitable and active, and that it wraps and unwraps. Throws as openRootKey does. */
export async function checkRootKey(uri: string, options: CheckOptions): Promise<CheckedRootKey> {
  const { standardKeys = false, apiKey, opens = false } = options
  const scheme = schemeOf(uri)
  if (scheme === 'ibm') return checkKeyProtect(uri, ibm(options), { apiKey, standardKeys, opens })
  if (standardKeys)
    throw new RootKeyError(
      'root-key',
      `with ${scheme === 'pkcs11' ? 'a token' : uri} there is nothing to keep keys in: custody keyprotect is for root keys of the kinds keyprotect: and hpcs:`,
    )
  if (scheme === 'pkcs11') return checkPkcs11(uri, tokensOf(options))
  if (scheme === 'cloud') return cloudsOf(options).check(uri, { opens })
  const rootKey = await openFileRootKey({ ...options, uri, refuseOpenMode: true })
  await sealAndOpen(rootKey)
  return { uri: rootKey.uri, id: rootKey.id, warnings: rootKey.warnings }
}

/** Makes the key that a `pkcs11:` URI names on its token. Throws RootKeyError. */
export async function createRootKey(uri: string, options: RootKeyOptions): Promise<void> {
  if (schemeOf(uri) === 'pkcs11') return createPkcs11(uri, tokensOf(options))
  throw new RootKeyError(
    'root-key',
    `Mortise makes a key in this way on a token only (pkcs11:). A file in the data folder is made when an instance is given ` +
      'it: mortise instance set-root-key NAME --root-key file:new.key',
  )
}

/** The root keys of the service instance, or on the token, that a URI names. Throws RootKeyError. */
export async function listRootKeys(uri: string, options: CheckOptions): Promise<readonly ListedRootKey[]> {
  const scheme = schemeOf(uri)
  if (scheme === 'ibm') return listKeyProtect(uri, ibm(options), options)
  if (scheme === 'pkcs11') return listPkcs11(uri, tokensOf(options))
  throw new RootKeyError(
    'root-key',
    `${uri} is one root key. Lists are of keyprotect: and hpcs: instances, and of tokens (pkcs11:)`,
  )
}

function schemeOf(uri: string): 'file' | 'ibm' | 'pkcs11' | 'cloud' {
  if (cloudSchemeOf(uri)) return 'cloud'
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase()
  switch (scheme) {
    case 'file':
      return 'file'
    case 'keyprotect':
    case 'hpcs':
      return 'ibm'
    case 'pkcs11':
      return 'pkcs11'
    case undefined:
    default:
      throw new RootKeyError(
        'root-key',
        `${uri} is not the URI of a root key. Write file:${/^[./]/.test(uri) ? uri : 'root.key'}, for example`,
      )
  }
}

function cloudsOf({ clouds }: RootKeyOptions): Clouds {
  if (clouds) return clouds
  throw new RootKeyError('root-key', 'root keys in clouds cannot be used here')
}

function tokensOf({ tokens }: RootKeyOptions): Pkcs11Tokens {
  if (tokens) return tokens
  throw new RootKeyError('root-key', 'root keys on tokens (pkcs11:) cannot be used here')
}

function ibm({ keyProtect, instanceId }: RootKeyOptions) {
  if (keyProtect) return { sessions: keyProtect, instanceId: instanceId ?? null }
  throw new RootKeyError(
    'root-key',
    'root keys in Key Protect and HPCS need the API key of a service ID: put it into a file and set ' +
      'MORTISE_IBM_API_KEY_FILE to its path',
  )
}
