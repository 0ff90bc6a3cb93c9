// Converts KMIP's Cryptographic Parameters to the settings of core/crypto/. Pure. The request's parameters count as a whole; if
// it has none, the first of the key's own count (KMIP 1.4 §4.29: the one with the lowest index).

import { hashName } from '../../crypto/macs.ts'
import type { MacAlgorithm } from '../../crypto/macs.ts'
import { hmacs } from '../../crypto/algorithms.ts'
import type { CipherParameters } from '../../crypto/cipher-setting.ts'
import type { SignatureScheme } from '../../crypto/asymmetric.ts'
import type { RsaEncryptionScheme } from '../../crypto/rsa.ts'
import { CryptoError } from '../../crypto/error.ts'
import { first, type AttributeSet, type AttributeValue } from '../../../wire/kmip/attributes.ts'

export type CryptoParameters = AttributeValue<'CryptographicParameters'>

export function parametersFor(
  attributes: AttributeSet,
  parameters: CryptoParameters | undefined,
): CryptoParameters {
  return parameters ?? first(attributes, 'CryptographicParameters') ?? {}
}

/** Throws CryptoError `invalid` if the parameters are for another algorithm than the key's. */
export function cipherParameters(attributes: AttributeSet, parameters: CryptoParameters): CipherParameters {
  const own = first(attributes, 'CryptographicAlgorithm')
  const { CryptographicAlgorithm: algorithm, BlockCipherMode, PaddingMethod, TagLength } = parameters
  if (
    algorithm !== undefined &&
    own !== undefined &&
    algorithm !== own &&
    !(isChacha(own) && isChacha(algorithm))
  )
    throw new CryptoError(
      'invalid',
      `the key is for ${own}, and the Cryptographic Parameters are for ${algorithm}`,
    )
  return { algorithm: algorithm ?? own, mode: BlockCipherMode, padding: PaddingMethod, tagBytes: TagLength }
}

function isChacha(name: string): boolean {
  return name.startsWith('ChaCha20')
}

/** RSA with OAEP or PKCS#1 v1.5. The mask's hash is SHA-1 by default (KMIP 1.4 §3.6). */
export function rsaEncryptionScheme(parameters: CryptoParameters): RsaEncryptionScheme {
  const { PaddingMethod: padding, HashingAlgorithm: hash, PSource } = parameters
  if (padding === 'PKCS1V1_5') return { padding }
  if (padding !== 'OAEP')
    throw new CryptoError('unsupported', 'RSA encrypts with the Padding Method OAEP or PKCS1 v1.5: name one')
  const maskHash = hashName(parameters.MaskGeneratorHashingAlgorithm ?? 'SHA_1')
  return { padding, hash: hashName(hash ?? 'SHA_1'), maskHash, label: PSource ?? new Uint8Array(0) }
}

/**
 * The signature scheme. The key's own algorithm decides, even if another Cryptographic Algorithm is named, as in OASIS's cases.
 * With a curve only the hash is free. `digested`: without a hash the digest is signed as it is. Throws CryptoError.
 */
export function signatureScheme(
  attributes: AttributeSet,
  parameters: CryptoParameters,
  digested: boolean,
): SignatureScheme {
  const own = first(attributes, 'CryptographicAlgorithm') ?? parameters.CryptographicAlgorithm
  const named = namedSignature(own, parameters)
  const hash = parameters.HashingAlgorithm ?? named?.hash
  if (own !== 'RSA') return { scheme: 'ec', hash: hash === undefined ? undefined : hashName(hash) }
  const padding = parameters.PaddingMethod ?? named?.padding ?? 'PKCS1V1_5'
  if (padding === 'PSS') {
    const made = hashName(hash)
    const { MaskGeneratorHashingAlgorithm: mask, SaltLength: saltBytes } = parameters
    return {
      scheme: 'rsa',
      padding,
      hash: made,
      maskHash: mask === undefined ? made : hashName(mask),
      saltBytes,
    }
  }
  if (padding !== 'PKCS1V1_5')
    throw new CryptoError('unsupported', 'RSA signs with the Padding Method PSS or PKCS1 v1.5')
  return { scheme: 'rsa', padding, hash: digested && hash === undefined ? undefined : hashName(hash) }
}

/** The scheme that the Digital Signature Algorithm names. Throws CryptoError `invalid` if the key or another parameter says otherwise. */
function namedSignature(
  own: string | undefined,
  { DigitalSignatureAlgorithm: name, ...others }: CryptoParameters,
): (typeof signatureAlgorithms)[string] {
  if (name === undefined) return undefined
  const named = signatureAlgorithms[name]
  const fits = named && (own === undefined || (own === 'RSA') === (named.padding !== undefined))
  if (!fits) throw new CryptoError('invalid', `this key makes no signatures by ${name}`)
  const { HashingAlgorithm: hash = named.hash, PaddingMethod: padding = named.padding } = others
  if (named.hash !== undefined && hash !== named.hash)
    throw new CryptoError('invalid', `${name} is not by the Hashing Algorithm ${hash}`)
  if (named.padding !== undefined && padding !== named.padding)
    throw new CryptoError('invalid', `${name} is not by the Padding Method ${padding}`)
  return named
}

/** KMIP 1.4 §9.1.3.2.7 */
const signatureAlgorithms: Readonly<
  Record<string, { readonly padding?: 'PSS' | 'PKCS1V1_5'; readonly hash?: string } | undefined>
> = {
  MD5WithRSAEncryption: { padding: 'PKCS1V1_5', hash: 'MD5' },
  SHA_1WithRSAEncryption: { padding: 'PKCS1V1_5', hash: 'SHA_1' },
  SHA_224WithRSAEncryption: { padding: 'PKCS1V1_5', hash: 'SHA_224' },
  SHA_256WithRSAEncryption: { padding: 'PKCS1V1_5', hash: 'SHA_256' },
  SHA_384WithRSAEncryption: { padding: 'PKCS1V1_5', hash: 'SHA_384' },
  SHA_512WithRSAEncryption: { padding: 'PKCS1V1_5', hash: 'SHA_512' },
  SHA3_256WithRSAEncryption: { padding: 'PKCS1V1_5', hash: 'SHA3_256' },
  SHA3_384WithRSAEncryption: { padding: 'PKCS1V1_5', hash: 'SHA3_384' },
  SHA3_512WithRSAEncryption: { padding: 'PKCS1V1_5', hash: 'SHA3_512' },
  RSASSA_PSS: { padding: 'PSS' },
  ECDSAWithSHA_1: { hash: 'SHA_1' },
  ECDSAWithSHA224: { hash: 'SHA_224' },
  ECDSAWithSHA256: { hash: 'SHA_256' },
  ECDSAWithSHA384: { hash: 'SHA_384' },
  ECDSAWithSHA512: { hash: 'SHA_512' },
}

/** The MAC of data. Throws CryptoError `invalid` if the parameters name a hash that differs from the HMAC's. */
export function dataMacAlgorithm(attributes: AttributeSet, parameters: CryptoParameters): MacAlgorithm {
  const mac = macAlgorithm(attributes, parameters)
  const { HashingAlgorithm: hash } = parameters
  if (hash === undefined || !('hmac' in mac) || hashName(hash) === mac.hmac) return mac
  const hmac = parameters.CryptographicAlgorithm ?? first(attributes, 'CryptographicAlgorithm')
  throw new CryptoError('invalid', `${hmac} is not by the Hashing Algorithm ${hash}`)
}

/** HMAC by the algorithm of the parameters or the key, else by the hash; or the CMAC of the key's cipher. */
export function macAlgorithm(attributes: AttributeSet, parameters: CryptoParameters): MacAlgorithm {
  const own = first(attributes, 'CryptographicAlgorithm')
  const {
    CryptographicAlgorithm: statedAlgorithm,
    BlockCipherMode: mode,
    HashingAlgorithm: hash,
  } = parameters
  const algorithm = statedAlgorithm ?? own
  if (mode === 'CMAC' && algorithm !== undefined) return { cmac: algorithm }
  const hmac = algorithm === undefined ? undefined : hmacs[algorithm]
  if (hmac !== undefined) return { hmac }
  if (hash !== undefined) return { hmac: hashName(hash) }
  throw new CryptoError(
    'unsupported',
    "name an HMAC as Cryptographic Algorithm, or the Block Cipher Mode CMAC, in the request or as the key's attribute",
  )
}
