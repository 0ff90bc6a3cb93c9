// AES key wrap and RSA-OAEP take no additional data and few bytes. So the token only wraps a content key (../content-key.ts) with them,
// and the content key seals the secret in this process.

import { constants, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import { contentKeyBytes, joinHalves, openOnce, sealOnce, signedText } from '../content-key.ts'
import { cka } from './key.ts'
import { ulong, ulongBytes } from './memory.ts'
import { boundData, front, type SealedParts, type Sealing, type SealingWay } from './sealed-form.ts'
import { compute, readAttribute, type TokenSession } from './token.ts'

const rsaOaep = 0x09

function sealHere(
  contentKey: Buffer,
  number: number,
  head: Uint8Array,
  secret: Uint8Array,
  associatedData: Uint8Array,
): Buffer {
  const before = front(number, head)
  return Buffer.concat([before, sealOnce(contentKey, secret, boundData(before, associatedData))])
}

function openHere(contentKey: Buffer, number: number, { head, sealed, associatedData }: SealedParts): Buffer {
  return openOnce(contentKey, sealed, boundData(front(number, head), associatedData))
}

export function keyWrapWay(number: number, mechanism: number): SealingWay {
  return {
    number,
    kind: 'aes',
    mechanism,
    may: ({ wrap, unwrap }) => wrap && unwrap,
    seal: async ({ token, key }, secret, associatedData) => {
      const { contentKey, wrapped } = await token.use((session) => wrapNewKey(session, key.handle, mechanism))
      return sealHere(contentKey, number, wrapped, secret, associatedData)
    },
    open: async ({ token, key }, parts) =>
      openHere(
        await token.use((session) => unwrapKey(session, key.handle, mechanism, parts.head)),
        number,
        parts,
      ),
  }
}

/** An AES key that exists only as long as its session, and whose value the helper process can read. */
const contentKeyAttributes = [
  { type: cka.class, value: 4 },
  { type: cka.keyType, value: 0x1f },
  { type: cka.token, value: false },
  { type: cka.sensitive, value: false },
  { type: cka.extractable, value: true },
]

async function wrapNewKey(session: TokenSession, key: bigint, mechanism: number) {
  const { module, memory, handle } = session
  const aesKeyGen = 0x1080
  const attributes = [...contentKeyAttributes, { type: cka.valueLength, value: contentKeyBytes }]
  const made = memory.space(ulongBytes)
  await module.call(
    'C_GenerateKey',
    handle,
    memory.mechanism(aesKeyGen),
    memory.template(attributes),
    attributes.length,
    made,
  )
  const contentHandle = made.readBigUInt64LE()
  try {
    const room = contentKeyBytes + 64
    const [wrapped, length] = [memory.space(room), memory.fields(room)]
    await module.call('C_WrapKey', handle, memory.mechanism(mechanism), key, contentHandle, wrapped, length)
    const contentKey = await readValue(session, contentHandle)
    return { contentKey, wrapped: Buffer.from(wrapped.subarray(0, ulong(length))) }
  } finally {
    await module.value('C_DestroyObject', handle, contentHandle)
  }
}

async function unwrapKey(
  session: TokenSession,
  key: bigint,
  mechanism: number,
  wrapped: Uint8Array,
): Promise<Buffer> {
  const { module, memory, handle } = session
  const [bytes, made] = [memory.copy(wrapped), memory.space(ulongBytes)]
  const template = memory.template(contentKeyAttributes)
  const by = memory.mechanism(mechanism)
  await module.call(
    'C_UnwrapKey',
    handle,
    by,
    key,
    bytes,
    bytes.length,
    template,
    contentKeyAttributes.length,
    made,
  )
  const contentHandle = made.readBigUInt64LE()
  try {
    return await readValue(session, contentHandle)
  } finally {
    await module.value('C_DestroyObject', handle, contentHandle)
  }
}

async function readValue(session: TokenSession, key: bigint): Promise<Buffer> {
  const value = await readAttribute(session, key, cka.value)
  if (value) return value
  throw new RootKeyError(
    'root-key',
    'the token does not show the content key that it wraps or unwraps (CKA_SENSITIVE)',
  )
}

// ---------------------------------------------------------------- RSA-OAEP

/** The content key is made of two halves, so that only the token's owner can seal (joinHalves). */
export function oaepWay(number: number, hash: 'sha256' | 'sha1'): SealingWay {
  return {
    number,
    kind: 'rsa',
    mechanism: rsaOaep,
    may: ({ decrypt, sign }) => decrypt && sign,
    seal: async (sealing, secret, associatedData) => {
      const { publicKey } = sealing.key
      if (!publicKey)
        throw new RootKeyError('root-key', 'the token does not show the public part of this RSA key')
      const half = randomBytes(contentKeyBytes)
      const n = publicKey.modulus.toString('base64url')
      const e = publicKey.exponent.toString('base64url')
      const key = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
      const head = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash }, half)
      return sealHere(await contentKeyOf(sealing, half), number, head, secret, associatedData)
    },
    open: async (sealing, parts) => {
      const half = await sealing.token.use((session) =>
        decryptOaep(session, sealing.key.handle, hash, parts.head),
      )
      return openHere(await contentKeyOf(sealing, half), number, parts)
    },
  }
}

async function decryptOaep(
  session: TokenSession,
  key: bigint,
  hash: 'sha256' | 'sha1',
  input: Uint8Array,
): Promise<Buffer> {
  const { memory } = session
  const [digest, mgf] = hash === 'sha256' ? [0x250, 2] : [0x220, 1]
  const dataSpecified = 1
  const mechanism = memory.mechanism(rsaOaep, memory.fields(digest, mgf, dataSpecified, 0, 0))
  return compute(session, 'Decrypt', { mechanism, key, input, room: input.length })
}

async function contentKeyOf({ token, key }: Sealing, half: Buffer): Promise<Buffer> {
  const sha256RsaPkcs = 0x40
  const signature = await token.use(async (session) => {
    const mechanism = session.memory.mechanism(sha256RsaPkcs)
    return compute(session, 'Sign', {
      mechanism,
      key: key.handle,
      input: signedText,
      room: key.publicKey?.modulus.length ?? 0,
    })
  })
  return joinHalves(half, signature)
}
