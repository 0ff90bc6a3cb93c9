// Opens, checks, makes and lists the root keys that pkcs11: URIs name. ../open.ts calls it.

import { RootKeyError, type RootKey } from '../../../core/ports/root-key.ts'
import type { ListedServiceKey } from '../keyprotect/list.ts'
import type { Pkcs11Tokens, TokenAccess } from './tokens.ts'
import { formatPkcs11Uri, parsePkcs11Uri, type Pkcs11Uri, type KeyName } from './uri.ts'
import { sealAndOpen } from '../seal-and-open.ts'
import { requirePlaintext } from '../plaintext.ts'

interface TokenRootKeyOptions {
  readonly uri: string
  readonly id: string
  readonly key: KeyName
  readonly token: TokenAccess
  readonly warnings: readonly string[]
}

/** A root key that is a key on a token: each call goes to the helper process of that token. */
class TokenRootKey implements RootKey {
  readonly uri: string
  /** The id of the key on the token (TokenKey in key.ts). */
  readonly id: string
  readonly warnings: readonly string[]
  readonly #key: KeyName
  readonly #token: TokenAccess

  constructor({ uri, id, key, token, warnings }: TokenRootKeyOptions) {
    this.uri = uri
    this.id = id
    this.warnings = warnings
    this.#key = key
    this.#token = token
  }

  async wrap(plaintext: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    requirePlaintext(plaintext)
    return this.#token.call('wrap', { key: this.#key, id: this.id, secret: plaintext, associatedData })
  }

  async unwrap(wrapped: Uint8Array, associatedData: Uint8Array): Promise<Uint8Array> {
    return this.#token.call('unwrap', { key: this.#key, id: this.id, wrapped, associatedData })
  }
}

/** Throws RootKeyError. The token must be there, and the key on it. */
export async function openPkcs11(uri: string, tokens: Pkcs11Tokens): Promise<TokenRootKey> {
  const parsed = withKey(uri)
  const token = tokens.token(parsed)
  const { key } = parsed
  const { id, warnings } = await token.call('find', { key })
  return new TokenRootKey({ uri: formatPkcs11Uri(parsed), id, key, token, warnings })
}

/** Opens the root key and tries it: the key seals and opens a sample. Throws RootKeyError. */
export async function checkPkcs11(uri: string, tokens: Pkcs11Tokens): Promise<TokenRootKey> {
  const rootKey = await openPkcs11(uri, tokens)
  await sealAndOpen(rootKey)
  return rootKey
}

/** Makes an AES key on the token that never leaves it. Throws RootKeyError, also if the token has a key of that name. */
export async function createPkcs11(uri: string, tokens: Pkcs11Tokens): Promise<void> {
  const parsed = withKey(uri)
  if (parsed.key.type === 'private')
    throw new RootKeyError(
      'root-key',
      'Mortise makes AES keys only. Make an RSA key with the tool of the vendor',
    )
  await tokens.token(parsed).call('create', { key: parsed.key })
}

/** The AES and RSA keys on the token that a URI names. Throws RootKeyError. */
export async function listPkcs11(uri: string, tokens: Pkcs11Tokens): Promise<readonly ListedServiceKey[]> {
  const parsed = parsePkcs11Uri(uri)
  const listed = await tokens.token(parsed).call('list', null)
  return listed.map(({ label, id, type, isExtractable }) => {
    const key = { ...(label !== '' && { object: label }), ...(id !== '' && { id }), type }
    return {
      uri: formatPkcs11Uri({ ...parsed, key }),
      id,
      name: label,
      aliases: [],
      state: 'active',
      extractable: isExtractable,
      keyRing: '',
      createdAt: null,
      lastRotatedAt: null,
      expiresAt: null,
    }
  })
}

function withKey(uri: string): Pkcs11Uri {
  const parsed = parsePkcs11Uri(uri)
  if (parsed.key.object !== undefined || parsed.key.id !== undefined) return parsed
  throw new RootKeyError('root-key', `${formatPkcs11Uri(parsed)} names no key: add object=LABEL or id=%01`)
}
