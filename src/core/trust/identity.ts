// Identifies the person behind a token or a session, and decides whether two of these may be the same person, for acts that need
// two. It compares keys (person.ts): of the names of a person, and of all people who may know the text of a token, that is, its
// maker and the maker of the token that made it. Pure.

import { keyText, nameKeys, personKeys, unique, type Person } from './person.ts'
import type { PersonSession, Token } from './rows.ts'

/** The name of the token that the first start writes into the data folder. No other token can have it. */
export const bootstrapName = 'bootstrap'

/** Undefined: the token belongs to a program, or to no known person. */
export function personOf({ owner }: Pick<Token, 'owner'>): Person | undefined {
  return owner === undefined ? undefined : { kind: 'owner', name: owner }
}

export function personOfSession({ issuer, subject, name, names }: PersonSession): Person {
  return { kind: 'subject', issuer, subject, name, ...(names && { names }) }
}

/** The identity behind a token or a session. */
export interface AdminIdentity {
  /** Undefined: the owner of the token is unknown. */
  readonly person: Person | undefined
  /** The keys of all people who may know the token's text, or of the person who is logged in. */
  readonly keys: readonly string[]
}

export function identityOf(token: Token): AdminIdentity {
  return { person: personOf(token), keys: makersOf(token) }
}

export function identityOfPerson(person: Person): AdminIdentity {
  return { person, keys: personKeys(person) }
}

/** Why the same person may be behind both. Undefined: they are two people, as far as the server can know. */
export function whySame(asker: AdminIdentity, other: AdminIdentity): string | undefined {
  const both = asker.keys.filter((key) => other.keys.includes(key))
  if (both.length === 0) return undefined
  const [own, others] = [ownKeys(asker), ownKeys(other)]
  const [shared] = both.filter((key) => own.includes(key) && others.includes(key))
  if (shared !== undefined && asker.person && other.person) {
    const [name, otherName] = [asker.person.name, other.person.name]
    const isCertain = isKeyOfSubject(shared) || nameKeys(name).at(-1) === nameKeys(otherName).at(-1)
    return isCertain
      ? `${name} asked for it`
      : `${name} asked for it, and may be the same person as ${otherName}: both are ${keyText(shared)}`
  }
  const maker = [asker, other].find((one) => ownKeys(one).some((key) => both.includes(key)))
  return `${maker?.person?.name ?? keyText(both.at(-1) ?? '')} may have both tokens: the maker of a token has its text`
}

function ownKeys({ person }: AdminIdentity): readonly string[] {
  return person ? personKeys(person) : []
}

function isKeyOfSubject(key: string): boolean {
  return (JSON.parse(key) as string[])[0] === 'subject'
}

/**
 * The keys of all people who may know the token's text: its owner and its makers. A token without an owner gets a key of its own,
 * for its unknown holder. Tokens of the machine's owner add no keys: the first token makes the tokens of all, and two-person
 * approval does not protect against that owner.
 */
export function makersOf(token: Token): readonly string[] {
  const person = personOf(token)
  const own = person ? personKeys(person) : isOfMachine(token) ? [] : [JSON.stringify(['token', token.id])]
  return unique([...own, ...(token.makers ?? [])])
}

/** The first token, and tokens that the root key makes. */
function isOfMachine({ name, instanceId, recovered }: Token): boolean {
  return recovered === true || (name === bootstrapName && instanceId === null)
}
