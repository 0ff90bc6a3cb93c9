// Which CAs vouch for a leaf. Pure: what certificates say is handed in, since trust knows no X.509.

import type { Authority } from './rows.ts'

/** DER in, answers out. False for what is no certificate. */
export interface LeafRules {
  /** That this CA signed the leaf itself, CA:TRUE above, CA:FALSE below. Dates are not looked at. */
  readonly signedBy: (leaf: Uint8Array, ca: Uint8Array) => boolean
  readonly matchesSubject: (leaf: Uint8Array, pattern: string) => boolean
}

export interface ParsedAuthority {
  readonly authority: Authority
  readonly der: Uint8Array
}

/** In the order in which they were trusted. */
export function parsedAuthorities(authorities: Iterable<Authority>): readonly ParsedAuthority[] {
  return [...authorities]
    .toSorted((a, b) => a.sinceVersion - b.sinceVersion)
    .map((authority) => ({ authority, der: Buffer.from(authority.certificate, 'base64') }))
}

/**
 * Those that vouch for the leaf, all of one instance, the longest trusted first; dates aside. Where a CA of another
 * instance vouches for the same leaf, the one that was trusted first decides: a CA that is trusted later takes nothing
 * away from it, also not while the first one is out of date.
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
