// A person, and the keys of the names by which one is known: two persons with one key may be the same. More keys can only make one
// person of two. identity.ts says which keys a token and a session have. Pure.

export type Person =
  /** The owner that a token names when it is created. Nobody can change it afterwards. */
  { readonly kind: 'owner'; readonly name: string } | ({ readonly kind: 'subject' } & Subject)

/** A person as the identity provider knows them. The names may change, and somebody else may have them later. */
export interface Subject {
  readonly issuer: string
  readonly subject: string
  /** For display. */
  readonly name: string
  /** All names that the provider gave: user name, e-mail, full name. */
  readonly names?: readonly string[]
}

/** The id of the person in the audit log. An issuer has no fragment (OpenID Connect Discovery 1.0 §2), so no two have one. */
export function idOfSubject({ issuer, subject }: Pick<Subject, 'issuer' | 'subject'>): string {
  return `${issuer}#${subject}`
}

/** The keys of all names by which somebody may be known; that of the shown name comes last. */
export function personKeys(person: Person): readonly string[] {
  if (person.kind === 'owner') return nameKeys(person.name)
  const { issuer, subject, name, names = [] } = person
  return unique([
    JSON.stringify(['subject', issuer, subject]),
    ...[subject, ...names, name].flatMap(nameKeys),
  ])
}

/**
 * The keys of a name, equal for names that read the same: `Alice` and ` alice` are one. `alice@example.com`, `alice+admin@example.com` and
 * `example\alice` may be `alice`, too.
 */
export function nameKeys(text: string): readonly string[] {
  const plain = text.normalize('NFKC').trim().replaceAll(/\s+/g, ' ').toLowerCase()
  const [, local = plain] = /^([^@+]+)(?:\+[^@]*)?@/.exec(plain) ?? []
  const short = local.slice(local.lastIndexOf('\\') + 1).trim()
  return unique([short, plain])
    .filter((name) => name !== '')
    .map((name) => JSON.stringify(['owner', name]))
}

/** Whether both go by one name. */
export function mayBeSame(one: Person, other: Person): boolean {
  const keys = personKeys(one)
  return personKeys(other).some((key) => keys.includes(key))
}

/** For people: who a key names. */
export function keyText(key: string): string {
  const [kind = '', ...rest] = JSON.parse(key) as string[]
  return kind === 'token' ? `whoever has the token ${rest[0] ?? ''}` : (rest.at(-1) ?? '')
}

export function unique(keys: readonly string[]): readonly string[] {
  return [...new Set(keys)]
}
