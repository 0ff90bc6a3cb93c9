// A person, and the keys of the person's names. Two people with a common key may be the same. Additional keys can only make two
// people count as one. identity.ts decides which keys a token and a session have. Pure.

export type Person =
  /** The owner that a token's creator names. It cannot be changed afterwards. */
  { readonly kind: 'owner'; readonly name: string } | ({ readonly kind: 'subject' } & PersonSubject)

/** A person as the identity provider describes them. The names may change, and another person may get them later. */
export interface PersonSubject {
  readonly issuer: string
  readonly subject: string
  /** For display. */
  readonly name: string
  /** All names that the provider gave: user name, e-mail, full name. */
  readonly names?: readonly string[]
}

/** The id of the person in the audit log. An issuer has no fragment (OpenID Connect Discovery 1.0 §2), so the ids are unique. */
export function idOfSubject({ issuer, subject }: Pick<PersonSubject, 'issuer' | 'subject'>): string {
  return `${issuer}#${subject}`
}

/** The keys of all names of a person. The key of the displayed name comes last. */
export function personKeys(person: Person): readonly string[] {
  if (person.kind === 'owner') return nameKeys(person.name)
  const { issuer, subject, name, names = [] } = person
  return unique([
    JSON.stringify(['subject', issuer, subject]),
    ...[subject, ...names, name].flatMap(nameKeys),
  ])
}

/**
 * The keys of a name. Names that read the same have equal keys: `Alice` and ` alice`. `alice@example.com`,
 * `alice+admin@example.com` and `example\alice` also get the key of `alice`.
 */
export function nameKeys(text: string): readonly string[] {
  const plain = text.normalize('NFKC').trim().replaceAll(/\s+/g, ' ').toLowerCase()
  const [, local = plain] = /^([^@+]+)(?:\+[^@]*)?@/.exec(plain) ?? []
  const short = local.slice(local.lastIndexOf('\\') + 1).trim()
  return unique([short, plain])
    .filter((name) => name !== '')
    .map((name) => JSON.stringify(['owner', name]))
}

/** Whether two people share a name. */
export function mayBeSame(one: Person, other: Person): boolean {
  const keys = personKeys(one)
  return personKeys(other).some((key) => keys.includes(key))
}

/** The person of a key, in words. */
export function keyText(key: string): string {
  const [kind = '', ...rest] = JSON.parse(key) as string[]
  return kind === 'token' ? `the holder of the token ${rest[0] ?? ''}` : (rest.at(-1) ?? '')
}

export function unique(keys: readonly string[]): readonly string[] {
  return [...new Set(keys)]
}
