// A key on a token, in the helper process: how Mortise finds it, which attributes it must have, and by which id Mortise knows it again.
// The key itself never leaves the token.

import { createHash } from 'node:crypto'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import { ulong, ulongBytes, type Attribute } from './memory.ts'
import { findObjects, readAttribute, type TokenSession, type Pkcs11Token } from './token.ts'
import { Pkcs11Error } from './return-values.ts'
import type { KeyName, KeyType } from './uri.ts'

const pkcs11RsaBitsMin = 2_048

export interface TokenKey {
  readonly handle: bigint
  readonly kind: 'aes' | 'rsa'
  /** The hash of the public key; where there is none, see `identify`. */
  readonly id: string
  /** false: the attributes of the key forbid this use. */
  readonly may: Readonly<Record<Use, boolean>>
  /** For a key of the kind rsa whose public part the token shows. */
  readonly publicKey: { readonly modulus: Buffer; readonly exponent: Buffer } | undefined
  /** Sentences for the administrator. */
  readonly warnings: readonly string[]
}

type Use = keyof typeof uses
const uses = { encrypt: 0x104, decrypt: 0x105, wrap: 0x106, unwrap: 0x107, sign: 0x108 } as const

export const cka = {
  ...uses,
  class: 0x00,
  token: 0x01,
  private: 0x02,
  label: 0x03,
  value: 0x11,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  checkValue: 0x90,
  modulus: 0x120,
  publicExponent: 0x122,
  valueLength: 0x161,
  extractable: 0x162,
} as const

const kinds = {
  'secret-key': { kind: 'aes', class: 4, keyType: 0x1f },
  private: { kind: 'rsa', class: 3, keyType: 0 },
} as const

/** Throws RootKeyError. */
export async function findKey(token: Pkcs11Token, name: KeyName): Promise<TokenKey> {
  for (const type of name.type === undefined ? (['secret-key', 'private'] as const) : [name.type]) {
    const [handle, another] = await token.use((session) => findObjects(session, attributesOf(name, type), 2))
    if (handle === undefined) continue
    if (another === undefined) return token.use((session) => readKey(session, token, name, { handle, type }))
    throw new RootKeyError(
      'unreachable',
      `the token ${token.label} has several keys ${shown(name)}: say which, by object and id`,
    )
  }
  throw new RootKeyError(
    'root-key',
    `the token ${token.label} has no ${name.type === 'private' ? 'RSA' : 'AES'} key ${shown(name)}, or none that this PIN may see. ` +
      'It was deleted, or never made there',
  )
}

export function attributesOf({ object, id }: KeyName, type: KeyType): readonly Attribute[] {
  const { class: objectClass, keyType } = kinds[type]
  return [
    { type: cka.class, value: objectClass },
    { type: cka.keyType, value: keyType },
    { type: cka.token, value: true },
    ...(object === undefined ? [] : [{ type: cka.label, value: Buffer.from(object) }]),
    ...(id === undefined ? [] : [{ type: cka.id, value: Buffer.from(id, 'hex') }]),
  ]
}

function shown({ object, id }: KeyName): string {
  const names = [object === undefined ? [] : [object], id === undefined ? [] : [`with id ${id}`]]
  return names.flat().join(' ')
}

interface FoundKey {
  readonly handle: bigint
  readonly type: KeyType
}

async function readKey(
  session: TokenSession,
  token: Pkcs11Token,
  name: KeyName,
  { handle, type }: FoundKey,
): Promise<TokenKey> {
  const flag = async (attribute: number) => (await readAttribute(session, handle, attribute))?.[0]
  if ((await flag(cka.sensitive)) === 0)
    throw new RootKeyError(
      'root-key',
      `the key ${shown(name)} is not sensitive (CKA_SENSITIVE): every user with the PIN can read its value. Make one that ` +
        'never leaves the token: mortise root-key create',
    )
  const { kind } = kinds[type]
  const modulus = kind === 'rsa' ? await readAttribute(session, handle, cka.modulus) : undefined
  const exponent = kind === 'rsa' ? await readAttribute(session, handle, cka.publicExponent) : undefined
  const publicKey = modulus && exponent && { modulus, exponent }
  const length = await readAttribute(session, handle, cka.valueLength)
  const bits =
    kind === 'rsa'
      ? (modulus?.length ?? 0) * 8
      : length?.length === ulongBytes
        ? ulong(length) * 8
        : undefined
  // Reads one attribute after the other, as in all calls of one session: a module may have no locks.
  const mays: [string, boolean][] = []
  for (const [use, attribute] of Object.entries(uses)) mays.push([use, (await flag(attribute)) !== 0])
  const may = Object.fromEntries(mays) as TokenKey['may']
  return {
    handle,
    kind,
    may,
    publicKey,
    id: publicKey
      ? digest('rsa', publicKey.modulus, publicKey.exponent)
      : await identify(session, token, handle, may),
    warnings: [
      ...((await flag(cka.extractable)) === 1
        ? [
            `The key ${shown(name)} may be taken out of the token (CKA_EXTRACTABLE): a user with the PIN can wrap it by a key of ` +
              'their own, and open everything without the token.',
          ]
        : []),
      ...weakness(kind, bits),
    ],
  }
}

function weakness(kind: TokenKey['kind'], bits: number | undefined): readonly string[] {
  if (bits === undefined) return []
  if (kind === 'rsa' && bits < pkcs11RsaBitsMin)
    throw new RootKeyError(
      'root-key',
      `an RSA key of ${bits} bits is too short: at least ${pkcs11RsaBitsMin}`,
    )
  return kind === 'aes' && bits < 256
    ? [`The key has ${bits} bits only, and seals data keys of 256 bits.`]
    : []
}

/**
 * An id by which Mortise notices that another token or key took the place of this one: the hash of one fixed block that the key encrypted.
 * The id reveals nothing, since AES-GCM never encrypts this block as a counter. Where the key must not encrypt blocks, the id is the hash
 * of the check value that the token keeps. Where there is none, it is the hash of the key's label and CKA_ID, which another key may have.
 */
async function identify(
  session: TokenSession,
  token: Pkcs11Token,
  handle: bigint,
  may: TokenKey['may'],
): Promise<string> {
  const aesEcb = 0x1081
  if (may.encrypt && token.mechanisms.has(aesEcb))
    try {
      return digest('aes', await encryptBlock(session, handle, aesEcb))
    } catch (error) {
      if (!(error instanceof Pkcs11Error) || error.reach !== 'root-key') throw error
    }
  const read = async (attribute: number) =>
    (await readAttribute(session, handle, attribute)) ?? Buffer.alloc(0)
  const checkValue = await read(cka.checkValue)
  if (checkValue.length > 0) return digest('check', checkValue)
  return digest('name', await read(cka.label), await read(cka.id))
}

async function encryptBlock(
  { module, memory, handle }: TokenSession,
  key: bigint,
  mechanism: number,
): Promise<Buffer> {
  await module.call('C_EncryptInit', handle, memory.mechanism(mechanism), key)
  const [block, length] = [memory.copy(Buffer.from('mortise root key')), memory.fields(16)]
  const encrypted = memory.space(16)
  await module.call('C_Encrypt', handle, block, block.length, encrypted, length)
  return Buffer.from(encrypted)
}

function digest(kind: string, ...parts: readonly Buffer[]): string {
  const hash = createHash('sha256').update(`mortise key on a token: ${kind}\n`)
  for (const part of parts) hash.update(`${part.length}\n`).update(part)
  return hash.digest('hex').slice(0, 32)
}
