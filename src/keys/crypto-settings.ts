// From KMIP's Cryptographic Parameters to what crypto/ computes. Pure. The parameters of the request count as a whole, or, if it
// has none, the first of the key's own (KMIP 1.4 §4.29: the one with the lowest index).

import { hashName } from '../crypto/macs.ts'
import type { MacWanted } from '../crypto/macs.ts'
import { hmacs } from '../crypto/algorithms.ts'
import type { CipherWanted } from '../crypto/cipher-setting.ts'
import { CryptoError } from '../crypto/error.ts'
import { first, type AttributeSet, type AttributeValue } from '../kmip/attributes.ts'

export type CryptoParameters = AttributeValue<'CryptographicParameters'>

export function parametersFor(
  attributes: AttributeSet,
  asked: CryptoParameters | undefined,
): CryptoParameters {
  return asked ?? first(attributes, 'CryptographicParameters') ?? {}
}

/** Throws CryptoError `invalid` if the parameters are for another algorithm than the key's. */
export function cipherWanted(attributes: AttributeSet, parameters: CryptoParameters): CipherWanted {
  const own = first(attributes, 'CryptographicAlgorithm')
  const { CryptographicAlgorithm: asked, BlockCipherMode, PaddingMethod, TagLength } = parameters
  if (asked !== undefined && own !== undefined && asked !== own && !(isChacha(own) && isChacha(asked)))
    throw new CryptoError(
      'invalid',
      `the key is for ${own}, and the Cryptographic Parameters are for ${asked}`,
    )
  return { algorithm: asked ?? own, mode: BlockCipherMode, padding: PaddingMethod, tagBytes: TagLength }
}

function isChacha(name: string): boolean {
  return name.startsWith('ChaCha20')
}

/** HMAC by the parameters' algorithm, hash or the key's algorithm; or the CMAC of the key's cipher. */
export function macWanted(attributes: AttributeSet, parameters: CryptoParameters): MacWanted {
  const own = first(attributes, 'CryptographicAlgorithm')
  const { CryptographicAlgorithm: asked, BlockCipherMode: mode, HashingAlgorithm: hash } = parameters
  const algorithm = asked ?? own
  if (mode === 'CMAC' && algorithm !== undefined) return { cmac: algorithm }
  const hmac = algorithm === undefined ? undefined : hmacs[algorithm]
  if (hmac !== undefined) return { hmac }
  if (hash !== undefined) return { hmac: hashName(hash) }
  throw new CryptoError(
    'unsupported',
    "name an HMAC as Cryptographic Algorithm, or the Block Cipher Mode CMAC, in the request or as the key's attribute",
  )
}
