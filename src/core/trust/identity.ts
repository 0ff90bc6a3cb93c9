// Tells who acts by a token or a session, and when two of these are one person: that decides where two persons are needed. It is
// decided by keys (person.ts): of the names by which somebody is known, and of whoever may have the text of a token, which are its
// maker and the maker of the token with which it was made. Pure.

import { keyText, nameKeys, personKeys, unique, type Person } from './person.ts'
import type { PersonSession, Token } from './rows.ts'

/** The name of the token that the first start writes into the data folder. No other token gets it. */
export const bootstrapName = 'bootstrap'

/** undefined: the token is of a program, or of nobody in particular. */
export function personOf({ owner }: Pick<Token, 'owner'>): Person | undefined {
  return owner === undefined ? undefined : { kind: 'owner', name: owner }
}

export function personOfSession({ issuer, subject, name, names }: PersonSession): Person {
  return { kind: 'subject', issuer, subject, name, ...(names && { names }) }
}

/** Somebody who acts, by a token or a session. */
export interface Identity {
  /** undefined: nobody knows who has the token. */
  readonly person: Person | undefined
  /** The keys of everybody who may have the token's text, or is logged in. */
  readonly keys: readonly string[]
}

export function identityOf(token: Token): Identity {
  return { person: personOf(token), keys: makersOf(token) }
}

export function identityOfPerson(person: Person): Identity {
  return { person, keys: personKeys(person) }
}

/** Why one person may be behind both; undefined: they are two, as far as anybody can know. */
export function whySame(asker: Identity, other: Identity): string | undefined {
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
  return `${maker?.person?.name ?? keyText(both.at(-1) ?? '')} may have both tokens: whoever makes a token has its text`
}

function ownKeys({ person }: Identity): readonly string[] {
  return person ? personKeys(person) : []
}

function isKeyOfSubject(key: string): boolean {
  return (JSON.parse(key) as string[])[0] === 'subject'
}

/**
 * The keys of everybody who may have the token's text: its own person and those who made it. A token without an owner
 * stands for whoever has it. The tokens of whoever owns the server's machine stand for nobody: the first one hands out the
 * tokens of all, and its owner is outside of what two persons protect against.
 */
export function makersOf(token: Token): readonly string[] {
  const person = personOf(token)
  const own = person ? personKeys(person) : isOfMachine(token) ? [] : [JSON.stringify(['token', token.id])]
  return unique([...own, ...(token.makers ?? [])])
}

/** The first token, and those that the root key makes. */
function isOfMachine({ name, instanceId, recovered }: Token): boolean {
  return recovered === true || (name === bootstrapName && instanceId === null)
}
