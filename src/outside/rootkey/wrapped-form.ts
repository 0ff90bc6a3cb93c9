// The form in which Mortise stores what a service wrapped: the service's ciphertext, which is opaque text, with the key version that
// made it and a checksum. So Mortise knows without a call of the service which forms an old version wrapped, and finds damage by
// itself. The checksum does not protect against an attacker: the authenticated encryption of the service does.
//
//     1 byte   format: 1
//     1 byte   length of the key version
//     n bytes  the key version
//     8 bytes  the first of SHA-256 over the kind's name, the version and the ciphertext
//     rest     the ciphertext, as the service wrote it

import { createHash } from 'node:crypto'
import { wrappedKeyBytesMax } from '../../base/bounds.ts'
import { RootKeyError } from '../../core/ports/root-key.ts'

export interface WrappedForm {
  /** Text for the service alone to understand. */
  readonly ciphertext: string
  /** Empty where the service does not name it. */
  readonly keyVersion: string
}

const format = 1
const checksumBytes = 8

/** `kind`: the service, as the checksum names it. */
export function packWrappedForm(kind: string, { ciphertext, keyVersion }: WrappedForm): Buffer {
  const version = Buffer.from(keyVersion, 'latin1')
  const text = Buffer.from(ciphertext, 'latin1')
  return Buffer.concat([Buffer.of(format, version.length), version, checksum(kind, version, text), text])
}

/** `by`: the root key or its kind, as the error's message names it. Throws RootKeyError('wrapped-form'). */
export function unpackWrappedForm(
  kind: string,
  wrapped: Uint8Array,
  by = `a root key of the kind ${kind}:`,
): WrappedForm {
  const bytes = Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.length)
  const versionEnd = 2 + (bytes[1] ?? 0)
  const version = bytes.subarray(2, versionEnd)
  const text = bytes.subarray(versionEnd + checksumBytes)
  if (
    bytes[0] !== format ||
    bytes.length > wrappedKeyBytesMax ||
    text.length === 0 ||
    !checksum(kind, version, text).equals(bytes.subarray(versionEnd, versionEnd + checksumBytes))
  )
    throw new RootKeyError('wrapped-form', `this was not wrapped by ${by}, or it was damaged since`, {
      altered: true,
    })
  return { ciphertext: text.toString('latin1'), keyVersion: version.toString('latin1') }
}

function checksum(kind: string, version: Buffer, text: Buffer): Buffer {
  const hash = createHash('sha256').update(`mortise ${kind} wrapped form 1\n`)
  return hash.update(version).update('\n').update(text).digest().subarray(0, checksumBytes)
}
