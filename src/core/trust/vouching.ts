// Finds the CAs that vouch for a leaf. Pure: the caller passes in the functions that read certificates, since core/trust/ knows
// no X.509.

import type { Authority } from './rows.ts'

/** Both take DER and return false for bytes that are not a certificate. */
export interface LeafRules {
  /** Whether this CA signed the leaf itself, for a client, with CA:TRUE above and CA:FALSE below. Ignores dates. */
  readonly signedBy: (leaf: Uint8Array, ca: Uint8Array) => boolean
  readonly matchesSubject: (leaf: Uint8Array, pattern: string) => boolean
}

export interface ParsedAuthority {
  readonly authority: Authority
  readonly der: Uint8Array
}

/** In the order of trust, oldest first. */
export function parsedAuthorities(authorities: Iterable<Authority>): readonly ParsedAuthority[] {
  return [...authorities]
    .toSorted((a, b) => a.sinceVersion - b.sinceVersion)
    .map((authority) => ({ authority, der: Buffer.from(authority.certificate, 'base64') }))
}

/**
 * The CAs that vouch for the leaf, in the order of trust, all of one instance. Ignores dates. If CAs of two instances vouch for
 * one leaf, the CA that was trusted first decides: a later CA takes nothing away, not even while the first one is out of date.
 */
export function vouching(
  authorities: readonly ParsedAuthority[],
  leaf: Uint8Array,
  { signedBy, matchesSubject }: LeafRules,
): readonly ParsedAuthority[] {
  const all = authorities.filter(
    ({ authority, der }) => matchesSubject(leaf, authority.subject) && signedBy(leaf, der),
  )
  return all.filter(({ authority }) => authority.instanceId === all[0]?.authority.instanceId)
}
