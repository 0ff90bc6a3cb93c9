// Reads from an ID token who the person is, how to show them, and their groups. Pure.

/** The bounds of what the server reads of a provider's claims about a person. */
const personNameCharactersMax = 200
/** Groups of one person that a login takes. */
const personGroupsMax = 10_000

export interface ClaimedPerson {
  readonly issuer: string
  readonly subject: string
  /** For display only: any text of the provider's users. */
  readonly name: string
  /** All names that the provider gave. */
  readonly names: readonly string[]
  readonly groups: readonly string[]
}

type Claims = Readonly<Record<string, unknown>>

/** `groupsClaim`: the name of a claim, or a path such as `realm_access.roles`. */
export function personOf(
  issuer: string,
  claims: Claims & { readonly sub: string },
  groupsClaim: string,
): ClaimedPerson {
  const { sub: subject } = claims
  const names = ['preferred_username', 'email', 'name']
    .map((name) => claims[name])
    .filter((value): value is string => typeof value === 'string' && value.trim() !== '')
    .map((name) => name.slice(0, personNameCharactersMax))
  const [name = subject.slice(0, personNameCharactersMax)] = names
  return { issuer, subject, name, names, groups: groupsOf(claimAt(claims, groupsClaim)) }
}

export function hasGroups(claims: Claims, groupsClaim: string): boolean {
  return claimAt(claims, groupsClaim) !== undefined
}

/** Entra ID sends a reference in place of the groups where a person has too many (200). */
export function hasTooManyGroups(claims: Claims, groupsClaim: string): boolean {
  const { _claim_names: elsewhere } = claims
  return typeof elsewhere === 'object' && elsewhere !== null && groupsClaim in elsewhere
}

/** A name is taken as it is first: it may be a URL. */
function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Claims)[part]
  }
  return value
}

function groupsOf(claimed: unknown): readonly string[] {
  const list = Array.isArray(claimed) ? (claimed as unknown[]) : [claimed]
  return list.filter((group) => typeof group === 'string').slice(0, personGroupsMax)
}
