// Whether certificates form one chain that holds (RFC 5280 §6, as far as no policy is needed): each was signed by the next, all are in
// date, those above the first are CAs that allow so many below them, and the last one signed itself. It says nothing of whether anybody
// trusts that last one, and judges no limits of names and policies.

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
 * In any order. Unknown: the chain holds as far as it is judged, but does not end in a certificate that signed itself, or one of them
 * has limits that nobody looks at here.
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
  /** How many CAs may be between it and the leaf. */
  readonly pathLength: number
  /** It has no limits but those that are looked at. */
  readonly isJudged: boolean
}

/** Critical extensions that limit a chain as it is judged here, or not at all. */
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

/** How many CAs are between this one and the leaf. One with the name of its issuer does not count (RFC 5280 §4.2.1.9). */
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
