// Whether certificates form one chain that holds (RFC 5280 §6, as far as no policy is needed): each was signed by the next, all are in
// date, those above the first are CAs, and the last one signed itself. It says nothing of whether anybody trusts that last one.

import type { X509Certificate } from 'node:crypto'
import { limits } from '../limits.ts'
import { brokenHash, readDates, readX509 } from './x509.ts'

export type ChainValidity = 'Valid' | 'Invalid' | 'Unknown'

/** In any order. Unknown: the chain holds as far as it goes, but does not end in a certificate that signed itself. */
export function validateChain(ders: readonly Uint8Array[], atMs: number): ChainValidity {
  if (ders.length > limits.certificateChainMax) return 'Invalid'
  const certificates = ders.map(readOrUndefined)
  const readable = certificates.filter((one) => one !== undefined)
  if (readable.length === 0 || readable.length < certificates.length) return 'Invalid'
  const chain = inOrder(readable)
  if (!chain || !chain.every((one) => isInDate(one, atMs))) return 'Invalid'
  const above = chain.slice(1)
  if (!above.every(({ ca }) => ca)) return 'Invalid'
  const last = chain.at(-1)
  const isRoot = last !== undefined && issued(last, last)
  const signed = isRoot ? chain.slice(0, -1) : chain
  if (signed.some(({ signatureAlgorithm = '' }) => brokenHash.test(signatureAlgorithm))) return 'Invalid'
  return isRoot ? 'Valid' : 'Unknown'
}

function readOrUndefined(der: Uint8Array): X509Certificate | undefined {
  try {
    return readX509(der)
  } catch {
    return undefined
  }
}

function isInDate(certificate: X509Certificate, atMs: number): boolean {
  const dates = readDates(certificate)
  return dates !== undefined && dates.notBeforeMs <= atMs && atMs <= dates.notAfterMs
}

/** From the one that issued no other to the last issuer; undefined if they are no single chain. */
function inOrder(certificates: readonly X509Certificate[]): readonly X509Certificate[] | undefined {
  const issuersOf = (one: X509Certificate) =>
    certificates.filter((other) => other !== one && issued(other, one))
  const leaves = certificates.filter(
    (one) => !certificates.some((other) => other !== one && issued(one, other)),
  )
  const [leaf, ...otherLeaves] = leaves
  if (!leaf || otherLeaves.length > 0) return undefined
  const chain = [leaf]
  for (let [next, ...others] = issuersOf(leaf); next; [next, ...others] = issuersOf(next)) {
    if (others.length > 0 || chain.includes(next)) return undefined
    chain.push(next)
  }
  return chain.length === certificates.length ? chain : undefined
}

function issued(issuer: X509Certificate, subject: X509Certificate): boolean {
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey)
  } catch {
    // A key of an algorithm that OpenSSL does not know.
    return false
  }
}
