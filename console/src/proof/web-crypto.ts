// The hashes and signatures of a proof, by the browser itself.

import type { ProofCrypto } from '../../../src/core/audit/proof.ts'
import { sha256Of } from '../parts/sha256.ts'

const encoder = new TextEncoder()

export const webCrypto: ProofCrypto = {
  sha256: (text) => sha256Of(encoder.encode(text)),
  openKey: async (publicKey) => {
    const der = bytesOf(publicKey)
    if (!der) throw new Error('the public key of this log cannot be read')
    const key = await importKey(der)
    return {
      sha256: await sha256Of(der),
      hasSigned: async (text, signature) => {
        const bytes = bytesOf(signature)
        return bytes !== undefined && crypto.subtle.verify('Ed25519', key, bytes, encoder.encode(text))
      },
    }
  },
}

async function importKey(der: Uint8Array<ArrayBuffer>) {
  try {
    return await crypto.subtle.importKey('spki', der, 'Ed25519', false, ['verify'])
  } catch (cause) {
    const cannot = cause instanceof DOMException && cause.name === 'NotSupportedError'
    throw new Error(
      cannot
        ? 'This browser cannot verify Ed25519 signatures. Take a newer one (Chrome or Edge 137, Firefox 129, Safari 17), or `mortise audit verify FILE --checkpoint FILE`.'
        : 'the public key of this log is no Ed25519 key',
      { cause },
    )
  }
}

/** Reads base64; undefined if it is none. */
function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
  } catch {
    return undefined
  }
}
