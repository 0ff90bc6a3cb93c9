// The twin of a certificate. If (r, s) is a valid ECDSA signature, so is (r, n - s), where n is the order of the curve (SEC 1
// §4.1.4), and it is easily computed. So a certificate that an EC key signed can be turned into a second valid one, which differs
// only in its fingerprint.

import { elementAt, soleElement } from './der.ts'
import { bitString, derTags, sequence, unsigned, writeDer } from './write-der.ts'
import { readX509 } from './x509.ts'

/** The order of each curve, by OpenSSL's name of the curve. */
const orders: ReadonlyMap<string, bigint> = new Map(
  Object.entries({
    secp224r1: 0xffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3dn,
    prime256v1: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    secp384r1:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    secp521r1:
      0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    secp256k1: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
    brainpoolP256r1: 0xa9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7n,
    brainpoolP384r1:
      0x8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565n,
    brainpoolP512r1:
      0xaadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619418661197fac10471db1d381085ddaddb58796829ca90069n,
  }),
)

/**
 * Whether this file can find the twins of the certificates that this CA signed: its key is not EC, or the table has the order of
 * its curve.
 */
export function hasKnownTwins(caDer: Uint8Array): boolean {
  const { asymmetricKeyType, asymmetricKeyDetails } = readX509(caDer).publicKey
  return asymmetricKeyType !== 'ec' || orders.has(asymmetricKeyDetails?.namedCurve ?? '')
}

/** The twin of a leaf that this CA signed. Undefined: it has none. Throws DerError for bytes that are not DER. */
export function twinOf(leafDer: Uint8Array, caDer: Uint8Array): Uint8Array | undefined {
  const { asymmetricKeyDetails } = readX509(caDer).publicKey
  const order = orders.get(asymmetricKeyDetails?.namedCurve ?? '')
  return order === undefined ? undefined : withOtherSignature(leafDer, order)
}

function withOtherSignature(der: Uint8Array, order: bigint): Buffer {
  const { integer, bitString: bits, sequence: list } = derTags
  const whole = soleElement(Buffer.from(der.buffer, der.byteOffset, der.byteLength), list).content
  const signed = elementAt(whole, 0, list)
  const algorithm = elementAt(whole, signed.endAt, list)
  const signature = elementAt(whole, algorithm.endAt, bits).content.subarray(1)
  const pair = soleElement(signature, list).content
  const r = elementAt(pair, 0, integer)
  const s = elementAt(pair, r.endAt, integer)
  const other = order - BigInt(`0x${s.content.toString('hex')}`)
  const otherPair = sequence(pair.subarray(0, r.endAt), unsigned(bytesOf(other)))
  return writeDer(sequence(whole.subarray(0, algorithm.endAt), bitString(otherPair)))
}

/** The bytes of a number above zero. */
function bytesOf(value: bigint): Buffer {
  const digits = value.toString(16)
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
}
