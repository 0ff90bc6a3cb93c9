// How a key on a token seals and opens, in the helper process: by the first of `ways` that works with the key and the token. Every stored
// byte is authenticated, and so is the place of the secret.

import { randomBytes } from 'node:crypto'
import { wrappedKeyBytesMax } from '../../../base/bounds.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import { alteredSealing, tagBytes } from '../content-key.ts'
import { keyWrapWay, oaepWay } from './content-key.ts'
import { Pkcs11Error } from './return-values.ts'
import {
  formatVersion,
  ivBytes,
  sealedParts,
  type Sealing,
  type SealingWay,
  boundData,
  front,
} from './sealed-form.ts'
import { compute, type TokenSession } from './token.ts'

/** Throws RootKeyError. Opens the result once before it returns it. */
export async function sealByToken(
  sealing: Sealing,
  secret: Uint8Array,
  associatedData: Uint8Array,
): Promise<Buffer> {
  const ways = waysOf(sealing)
  const failures: RootKeyError[] = []
  for (const way of ways)
    try {
      const wrapped = await way.seal(sealing, secret, associatedData)
      await prove(sealing, wrapped, secret, associatedData)
      return wrapped
    } catch (error) {
      if (!(error instanceof Pkcs11Error) || (error.reach === 'unreachable' && !isParameter(error)))
        throw error
      failures.push(error)
    }
  throw failures[0] ?? noWay(sealing)
}

/** Throws RootKeyError, 'wrapped-form' for what `seal` did not make with the same associated data. */
export async function unsealByToken(
  sealing: Sealing,
  wrapped: Uint8Array,
  associatedData: Uint8Array,
): Promise<Buffer> {
  const [version, number] = wrapped
  const way = Object.values<SealingWay>(ways).find(
    (one) => one.number === number && one.kind === sealing.key.kind,
  )
  const parts = sealedParts(wrapped, associatedData)
  const isLong = parts.head.length > 0 && parts.sealed.length >= tagBytes
  if (version !== formatVersion || !way || !isLong || wrapped.length > wrappedKeyBytesMax)
    throw alteredSealing()
  try {
    return await way.open(sealing, parts)
  } catch (error) {
    if (error instanceof Pkcs11Error && error.reach === 'wrapped-form') throw alteredSealing(error)
    if (error instanceof Pkcs11Error && ambiguous.has(error.value) && (await works(sealing)))
      throw alteredSealing(error)
    throw error
  }
}

/** In the order of preference. The numbers are part of the stored form, so they never change. */
const ways = {
  gcm: gcmWay(1, () => randomBytes(ivBytes)),
  // Some tokens choose the IV themselves: they refuse any IV but zeros, and write theirs over the zeros.
  gcmOfToken: gcmWay(1, () => Buffer.alloc(ivBytes)),
  keyWrap: keyWrapWay(2, 0x2109),
  keyWrapPadded: keyWrapWay(3, 0x210b),
  keyWrapPad: keyWrapWay(4, 0x210a),
  oaep: oaepWay(5, 'sha256'),
  oaepSha1: oaepWay(6, 'sha1'),
} satisfies Record<string, SealingWay>

function waysOf({ token, key }: Sealing): readonly SealingWay[] {
  return Object.values<SealingWay>(ways).filter(
    ({ kind, mechanism, may }) => kind === key.kind && token.mechanisms.has(mechanism) && may(key.may),
  )
}

function noWay({ key: { kind } }: Sealing): RootKeyError {
  return new RootKeyError(
    'root-key',
    kind === 'aes'
      ? 'with this AES key the token offers neither AES-GCM (CKA_ENCRYPT and CKA_DECRYPT) nor AES key wrap (CKA_WRAP and CKA_UNWRAP)'
      : 'with this RSA key the token does not offer both RSA-OAEP (CKA_DECRYPT) and SHA-256 signatures (CKA_SIGN)',
  )
}

/** Whether the token may have refused an IV, a hash or a template, as vendors say by these return values: then `seal` tries the next way. */
function isParameter({ value }: Pkcs11Error): boolean {
  return [0x07, 0xd0, 0xd1].includes(value)
}

/** Modules return these values for a wrapped form that was altered, and also when the token has a fault. */
const ambiguous: ReadonlySet<number> = new Set([0x05, 0x06, 0x07, 0x30, 0x62, 0x63, 0x71])

/** Whether the key seals and opens a sample at the moment. */
async function works(sealing: Sealing): Promise<boolean> {
  return sealByToken(sealing, randomBytes(32), Buffer.alloc(0)).then(
    () => true,
    () => false,
  )
}

/** Opens what was just sealed, before a caller relies on it: a secret that does not open is lost. */
async function prove(
  sealing: Sealing,
  wrapped: Buffer,
  secret: Uint8Array,
  associatedData: Uint8Array,
): Promise<void> {
  const way = Object.values<SealingWay>(ways).find(({ number }) => number === wrapped[1])
  const opened = await way?.open(sealing, sealedParts(wrapped, associatedData))
  const isSame = opened?.equals(secret) ?? false
  opened?.fill(0)
  if (!isSame) throw new RootKeyError('unreachable', 'the token does not open what it has just sealed')
}

/** AES-GCM on the token seals the secret itself, with its place as additional data. `newIv` proposes an IV, which a token may replace. */
function gcmWay(number: number, newIv: () => Buffer): SealingWay {
  const aesGcm = 0x1087
  /** The additional data has no IV, since the token may choose one. GCM authenticates the IV in any case. */
  const additional = (associatedData: Uint8Array) =>
    boundData(Buffer.of(formatVersion, number), associatedData)
  return {
    number,
    kind: 'aes',
    mechanism: aesGcm,
    may: ({ encrypt, decrypt }) => encrypt && decrypt,
    seal: async ({ token, key }, secret, associatedData) =>
      token.use(async (session) => {
        const { memory } = session
        const proposedIv = newIv()
        const iv = memory.copy(proposedIv)
        const mechanism = memory.mechanism(aesGcm, gcmParameters(session, iv, additional(associatedData)))
        const room = secret.length + tagBytes + 2 * ivBytesMax
        const made = await compute(session, 'Encrypt', { mechanism, key: key.handle, input: secret, room })
        // A token that chooses the IV writes it over ours, or appends it.
        const appended = made.length - secret.length - tagBytes
        const used = appended === 0 ? Buffer.from(iv) : made.subarray(-appended)
        if (
          appended < 0 ||
          appended > ivBytesMax ||
          used.length < ivBytes ||
          used.every((byte) => byte === 0)
        )
          throw new RootKeyError(
            'unreachable',
            'the token seals with AES-GCM, but does not say with which IV',
          )
        return Buffer.concat([front(number, used), made.subarray(0, secret.length + tagBytes)])
      }),
    open: async ({ token, key }, { head, sealed, associatedData }) =>
      token.use(async (session) => {
        const iv = session.memory.copy(head)
        const parameters = gcmParameters(session, iv, additional(associatedData))
        const mechanism = session.memory.mechanism(aesGcm, parameters)
        return compute(session, 'Decrypt', { mechanism, key: key.handle, input: sealed, room: sealed.length })
      }),
  }
}

const ivBytesMax = 16

/** CK_GCM_PARAMS */
function gcmParameters({ memory }: TokenSession, iv: Buffer, associatedData: Buffer): Buffer {
  const aad = memory.copy(associatedData)
  return memory.fields(iv, iv.length, iv.length * 8, aad, aad.length, tagBytes * 8)
}
