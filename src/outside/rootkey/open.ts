// Opens, checks, creates and lists the root keys that URIs name. `kinds` has a line for each kind; how a kind works is in its own files.

import { RootKeyError, type RootKey } from '../../core/ports/root-key.ts'
import { cloudSchemes, type Clouds } from './clouds/clouds.ts'
import { openFileRootKey } from './file.ts'
import type { RootKeyFileReads } from './file-reads.ts'
import type { ListedServiceKey } from './keyprotect/list.ts'
import { checkKeyProtect, listKeyProtect, openKeyProtect } from './keyprotect/open.ts'
import type { KeyProtectSessions } from './keyprotect/sessions.ts'
import { checkPkcs11, createPkcs11, listPkcs11, openPkcs11 } from './pkcs11/open.ts'
import type { Pkcs11Tokens } from './pkcs11/tokens.ts'
import { sealAndOpen } from './seal-and-open.ts'

export interface RootKeyOptions {
  readonly dataFolder: string
  /** For `file:` only. */
  readonly passphrase?: Buffer
  /** For `file:`: also make the file under a short passphrase. */
  readonly acceptShortPassphrase?: boolean
  /** For `file:`, shared by all readers of root key files. */
  readonly reads?: RootKeyFileReads
  /** Make a `file:` root key where there is none. Opening makes no key of another kind. */
  readonly create: boolean
  /** For `keyprotect:` and `hpcs:`. */
  readonly keyProtect?: KeyProtectSessions
  /** For `vault:` and the clouds' kinds. */
  readonly clouds?: Clouds
  /** For `pkcs11:`. */
  readonly tokens?: Pkcs11Tokens
  /** The instance whose API key is used; left out: the server's API key is used. */
  readonly instanceId?: string
}

/** For the check of a root key before it is used, and for lists of root keys. */
export interface CheckOptions extends RootKeyOptions {
  /** Used instead of the API key that Mortise keeps, if any. Mortise does not keep this one. */
  readonly apiKey?: string | undefined
  /** The check also makes, reads and deletes a standard key, which the service bills for a month. */
  readonly standardKeys?: boolean
  /** Accepts a root key that wraps nothing any more, since it only has to unwrap what it wrapped. */
  readonly opens?: boolean
}

/** A root key, opened; `warnings` are sentences for the administrator. */
export interface OpenedRootKey extends RootKey {
  readonly warnings: readonly string[]
}

/** A root key that passed the check. */
export interface CheckedRootKey {
  /** The URI to keep: an alias is resolved to the id. */
  readonly uri: string
  readonly id: string
  readonly warnings: readonly string[]
}

/** Throws RootKeyError, with a message that tells the administrator what to do. */
export async function openRootKey(uri: string, options: RootKeyOptions): Promise<OpenedRootKey> {
  return kindOf(uri).open(uri, options)
}

/**
 * Checks that the root key exists, is suitable and active, and that it wraps and unwraps. Throws RootKeyError, with a message that
 * tells the administrator what to do.
 */
export async function checkRootKey(uri: string, options: CheckOptions): Promise<CheckedRootKey> {
  const kind = kindOf(uri)
  if (options.standardKeys === true && !kind.keepsStandardKeys)
    throw new RootKeyError(
      'root-key',
      `with ${kind === token ? 'a token' : uri} there is nothing to keep keys in: custody keyprotect is for root keys of the kinds keyprotect: and hpcs:`,
    )
  return kind.check(uri, options)
}

/** Makes the key that a `pkcs11:` URI names on its token. Throws RootKeyError. */
export async function createRootKey(uri: string, options: RootKeyOptions): Promise<void> {
  const { create } = kindOf(uri)
  if (create) return create(uri, options)
  throw new RootKeyError(
    'root-key',
    `Mortise makes a key in this way on a token only (pkcs11:). A file in the data folder is made when an instance is given ` +
      'it: mortise instance set-root-key NAME --root-key file:new.key',
  )
}

/** The root keys of the service instance, or on the token, that a URI names. Throws RootKeyError. */
export async function listRootKeys(uri: string, options: CheckOptions): Promise<readonly ListedServiceKey[]> {
  const { list } = kindOf(uri)
  if (list) return list(uri, options)
  throw new RootKeyError(
    'root-key',
    `${uri} is one root key. Lists are of keyprotect: and hpcs: instances, and of tokens (pkcs11:)`,
  )
}

/** Every function throws RootKeyError. */
interface Kind {
  readonly open: (uri: string, options: RootKeyOptions) => Promise<OpenedRootKey>
  readonly check: (uri: string, options: CheckOptions) => Promise<CheckedRootKey>
  /** Left out: Mortise makes no keys of this kind. */
  readonly create?: (uri: string, options: RootKeyOptions) => Promise<void>
  /** Left out: Mortise cannot list root keys of this kind. */
  readonly list?: (uri: string, options: CheckOptions) => Promise<readonly ListedServiceKey[]>
  /** Whether services of this kind can store keys, for custody `keyprotect`. */
  readonly keepsStandardKeys?: true
}

const file: Kind = {
  open: async (uri, options) => openFileRootKey({ ...options, uri }),
  check: async (written, options) => {
    const rootKey = await openFileRootKey({ ...options, uri: written, refuseOpenMode: true })
    await sealAndOpen(rootKey)
    const { uri, id, warnings } = rootKey
    return { uri, id, warnings }
  },
}

const ibm: Kind = {
  open: async (uri, options) => openKeyProtect(uri, ibmOf(options)),
  check: async (uri, options) => {
    const { standardKeys = false, apiKey, opens = false } = options
    return checkKeyProtect(uri, ibmOf(options), { apiKey, standardKeys, opens })
  },
  list: async (uri, options) => listKeyProtect(uri, ibmOf(options), options),
  keepsStandardKeys: true,
}

const token: Kind = {
  open: async (uri, options) => openPkcs11(uri, tokensOf(options)),
  check: async (uri, options) => checkPkcs11(uri, tokensOf(options)),
  create: async (uri, options) => createPkcs11(uri, tokensOf(options)),
  list: async (uri, options) => listPkcs11(uri, tokensOf(options)),
}

/** The kind of every scheme in `cloudSchemes` (clouds/clouds.ts). */
const cloud: Kind = {
  open: async (uri, options) => cloudsOf(options).open(uri),
  check: async (uri, options) => cloudsOf(options).check(uri, { opens: options.opens ?? false }),
}

/** By the scheme of the URI, in lower case. */
const kinds: ReadonlyMap<string, Kind> = new Map([
  ['file', file],
  ['keyprotect', ibm],
  ['hpcs', ibm],
  ['pkcs11', token],
  ...cloudSchemes.map((scheme) => [scheme, cloud] as const),
])

function kindOf(uri: string): Kind {
  const [, scheme = ''] = /^([a-z][a-z0-9+.-]*):/i.exec(uri) ?? []
  const kind = kinds.get(scheme.toLowerCase())
  if (kind) return kind
  throw new RootKeyError(
    'root-key',
    `${uri} is not the URI of a root key. Write file:${/^[./]/.test(uri) ? uri : 'root.key'}, for example`,
  )
}

function cloudsOf({ clouds }: RootKeyOptions): Clouds {
  if (clouds) return clouds
  throw new RootKeyError('root-key', 'root keys in clouds cannot be used here')
}

function tokensOf({ tokens }: RootKeyOptions): Pkcs11Tokens {
  if (tokens) return tokens
  throw new RootKeyError('root-key', 'root keys on tokens (pkcs11:) cannot be used here')
}

function ibmOf({ keyProtect, instanceId }: RootKeyOptions) {
  if (keyProtect) return { sessions: keyProtect, instanceId: instanceId ?? null }
  throw new RootKeyError(
    'root-key',
    'root keys in Key Protect and HPCS need the API key of a service ID: put it into a file and set ' +
      'MORTISE_IBM_API_KEY_FILE to its path',
  )
}
