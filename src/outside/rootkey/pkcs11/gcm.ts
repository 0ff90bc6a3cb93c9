// AES-GCM on the token seals the secret itself, with its place as additional data.

import { RootKeyError } from '../../../core/ports/root-key.ts'
import { tagBytes } from '../content-key.ts'
import { bind, formatVersion, front, ivBytes, type Way } from './sealed-form.ts'
import { compute, type Session } from './token.ts'

/** `newIv`: a token may want to choose it. */
export function gcmWay(number: number, newIv: () => Buffer): Way {
  const aesGcm = 0x1087
  /** Without the IV, which the token may choose; GCM binds it in any case. */
  const additional = (associatedData: Uint8Array) => bind(Buffer.of(formatVersion, number), associatedData)
  return {
    number,
    kind: 'aes',
    mechanism: aesGcm,
    may: ({ encrypt, decrypt }) => encrypt && decrypt,
    seal: async ({ token, key }, secret, associatedData) =>
      token.use(async (session) => {
        const { memory } = session
        const given = newIv()
        const iv = memory.copy(given)
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
function gcmParameters({ memory }: Session, iv: Buffer, associatedData: Buffer): Buffer {
  const aad = memory.copy(associatedData)
  return memory.fields(iv, iv.length, iv.length * 8, aad, aad.length, tagBytes * 8)
}
