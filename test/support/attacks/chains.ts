// Chains of certificates that are small to send and costly to receive. OpenSSL parses and verifies the whole chain of a
// client before the server's own code sees any of it. Made again in each process, since none of them is worth keeping.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { signCertificate } from '../../../src/core/pki/build.ts'
import type { SignatureAlgorithm } from '../../../src/core/pki/signatures.ts'
import { makeName } from '../certificates/certificates.ts'

export interface Chain {
  /** PEM, the leaf first; its length in DER is `bytes`. To spread into the options of tls.connect. */
  readonly tls: { readonly cert: string; readonly key: string }
  readonly ders: readonly Uint8Array[]
  readonly bytes: number
}

interface Keys {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** `count` certificates of about 280 bytes, each signed by the next: many objects in OpenSSL's memory for few bytes. */
export function chainOfSmall(count: number): Promise<Chain> {
  return makeChain(count, generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ecdsa-with-SHA256')
}

/**
 * `count` certificates of about 1,310 bytes whose signatures take as long to verify as others take to make: an RSA key
 * with its exponents exchanged. OpenSSL bounds the public exponent only above 3,072 bits.
 */
export function chainOfCostly(count: number): Promise<Chain> {
  return makeChain(count, exchangedExponents(3_072), 'sha256WithRSAEncryption')
}

const name = (number: number) => makeName([['CN', number.toString(36)]])

async function makeChain(count: number, issuer: Keys, algorithm: SignatureAlgorithm): Promise<Chain> {
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ders: Uint8Array[] = []
  for (let number = 0; number < count; number += 1) {
    const der = await signCertificate({
      subject: name(number),
      issuer: name(number + 1),
      publicKey: number === 0 ? leaf.publicKey : issuer.publicKey,
      notBeforeMs: Date.now() - 86_400_000,
      notAfterMs: Date.now() + 86_400_000,
      extensions: [],
      signWith: issuer.privateKey,
      algorithm,
    })
    ders.push(der)
  }
  const key = leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return {
    tls: { cert: ders.map(pem).join(''), key },
    ders,
    bytes: ders.reduce((sum, der) => sum + der.length, 0),
  }
}

function exchangedExponents(modulusLength: number): Keys {
  const jwk = generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ format: 'jwk' })
  const { n = '', e = '', d = '', p = '', q = '', qi = '' } = jwk
  // The private exponent is now so small that it is the same modulo p - 1 and q - 1.
  const exchanged = { kty: 'RSA', n, e: d, d: e, p, q, dp: e, dq: e, qi }
  return {
    privateKey: createPrivateKey({ key: exchanged, format: 'jwk' }),
    publicKey: createPublicKey({ key: { kty: 'RSA', n, e: d }, format: 'jwk' }),
  }
}

function pem(der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').replaceAll(/.{64}/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}
