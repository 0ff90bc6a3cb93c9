// Tells who somebody is, whatever he or she logs in with, and who may have the text of a token: its maker, and the maker of
// the token with which it was made. Two tokens that one person may have are one person's where two persons are needed. Pure.

import type { Token } from './rows.ts'

/** The name of the token that the first start writes into the data folder. No other token gets it. */
export const bootstrapName = 'bootstrap'

export type Person =
  /** The owner that a token names when it is created. Nobody can change it afterwards. */
  | { readonly kind: 'owner'; readonly name: string }
  /** The subject of an identity provider. `name` is for people. */
  | { readonly kind: 'subject'; readonly issuer: string; readonly subject: string; readonly name: string }

/** A person as the identity provider knows them. The name may change, and somebody else may have it later. */
export type Subject = Omit<Extract<Person, { readonly kind: 'subject' }>, 'kind'>

/** The id of the person in the audit log. An issuer has no fragment (OpenID Connect Discovery 1.0 §2), so no two have one. */
export function idOfSubject({ issuer, subject }: Pick<Subject, 'issuer' | 'subject'>): string {
  return `${issuer}#${subject}`
}

/** The person that an id of the audit log names. */
export function subjectOf(id: string, name: string | null): Person {
  const [issuer = ''] = id.split('#', 1)
  return { kind: 'subject', issuer, subject: id.slice(issuer.length + 1), name: name ?? '' }
}

/** The same for everything that names the same person: `Alice` and ` alice` are one. */
export function personKey(person: Person): string {
  if (person.kind === 'subject') return JSON.stringify(['subject', person.issuer, person.subject])
  return JSON.stringify(['owner', person.name.normalize('NFKC').trim().replaceAll(/\s+/g, ' ').toLowerCase()])
}

/** undefined: the token is of a program, or of nobody in particular. */
export function personOf({ owner }: Pick<Token, 'owner'>): Person | undefined {
  return owner === undefined ? undefined : { kind: 'owner', name: owner }
}

/** For people: who the key of `makersOf` names. */
export function makerText(key: string): string {
  const [kind = '', ...rest] = JSON.parse(key) as string[]
  return kind === 'token' ? `whoever has the token ${rest[0] ?? ''}` : (rest.at(-1) ?? '')
}

/**
 * Everybody who may have the token's text: its own person and those who made it, by their keys. A token without an owner
 * stands for whoever has it. The tokens of whoever owns the server's machine stand for nobody: the first one hands out the
 * tokens of all, and its owner is outside of what two persons protect against.
 */
export function makersOf(token: Token): readonly string[] {
  const person = personOf(token)
  const own = person ? [personKey(person)] : isOfMachine(token) ? [] : [JSON.stringify(['token', token.id])]
  return [...new Set([...own, ...(token.makers ?? [])])]
}

/** The first token, and those that the root key makes. */
function isOfMachine({ name, instanceId, recovered }: Token): boolean {
  return recovered === true || (name === bootstrapName && instanceId === null)
}
