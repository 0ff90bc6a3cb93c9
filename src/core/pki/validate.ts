// Validates a chain of certificates (RFC 5280 §6, without policies): each is signed by the next one, all are in date, those above
// the first are CAs that allow the CAs below them, and the last one signed itself. It does not decide whether that last one is
// trusted, and it does not apply name constraints or policies.

import type { X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BasicConstraints,
  Certificate,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
} from '@peculiar/asn1-x509'
import { certificateChainMax } from '../../base/bounds.ts'
import { brokenSignature, readDates, readX509 } from './x509.ts'

export type ChainValidity = 'Valid' | 'Invalid' | 'Unknown'

/**
 * The certificates may come in any order. Unknown: the chain is valid as far as this function checks, but does not end in a
 * certificate that signed itself, or one of them has constraints that this function does not check.
 */
export function validateChain(ders: readonly Uint8Array[], atMs: number): ChainValidity {
  if (ders.length > certificateChainMax) return 'Invalid'
  const certificates = ders.map(readOrUndefined)
  const readable = certificates.filter((one) => one !== undefined)
  if (readable.length === 0 || readable.length < certificates.length) return 'Invalid'
  const chain = inOrder(readable)
  if (!chain || !chain.every((one) => isInDate(one, atMs))) return 'Invalid'
  const above = chain.slice(1)
  if (!above.every(({ ca }) => ca)) return 'Invalid'
  const facts = chain.map(limitsOf)
  if (!facts.every(({ pathLength }, index) => casBelow(chain, index) <= pathLength)) return 'Invalid'
  const last = chain.at(-1)
  const isRoot = last !== undefined && issued(last, last)
  const signed = isRoot ? chain.slice(0, -1) : chain
  if (signed.some((one) => brokenSignature(one) !== undefined)) return 'Invalid'
  return isRoot && facts.every(({ isJudged }) => isJudged) ? 'Valid' : 'Unknown'
}

interface Limits {
  /** How many CAs may stand between it and the leaf. */
  readonly pathLength: number
  /** Whether this file checks all constraints of the certificate. */
  readonly isJudged: boolean
}

/** The critical extensions that this file checks, or that do not limit a chain. */
const judged: ReadonlySet<string> = new Set([
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
])

function limitsOf({ raw }: X509Certificate): Limits {
  try {
    const { extensions = [] } = AsnConvert.parse(raw, Certificate).tbsCertificate
    const basic = extensions.find(({ extnID }) => extnID === id_ce_basicConstraints)
    const { pathLenConstraint = Infinity } = basic
      ? AsnConvert.parse(basic.extnValue.buffer, BasicConstraints)
      : {}
    const isJudged = extensions.every(
      ({ extnID, critical }) => judged.has(extnID) || (!critical && extnID !== id_ce_nameConstraints),
    )
    return { pathLength: pathLenConstraint, isJudged }
  } catch {
    return { pathLength: Infinity, isJudged: false }
  }
}

/** How many CAs stand between this one and the leaf. A CA with the same name as its issuer does not count (RFC 5280 §4.2.1.9). */
function casBelow(chain: readonly X509Certificate[], index: number): number {
  return chain.slice(1, index).filter(({ subject, issuer }) => subject !== issuer).length
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

/** From the certificate that issued no other one to the last issuer. Undefined if the certificates do not form a single chain. */
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
    // OpenSSL does not know the algorithm of a key.
    return false
  }
}
