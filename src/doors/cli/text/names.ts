// Finds what the words of a command name: instances, clients, tokens and keys, by id, by name, or by the beginning of an id
// that only one of them has. Here is also what a wrong word is answered with: the words that may have been meant.

import { z } from 'zod'
import type { AdminClient } from '../../http/client.ts'
import { instancePath, route } from '../../http/route.ts'
import { Refusal } from '../../../base/refusal.ts'
import { didYouMean } from '../../../base/text/closest.ts'
import { plain } from './output.ts'
import { CommandError, UsageError } from '../world.ts'

export interface Named {
  readonly id: string
  readonly name: string | null
}

/** A shorter beginning of an id is more likely a mistyped name. */
export const prefixCharactersMin = 4
export const candidatesMax = 10

/** The id of the named instance, or of the only one that there is. */
export async function instanceOf(admin: AdminClient, text: string | undefined): Promise<string> {
  if (text !== undefined) return memberOf(admin, instancePath, {}, text)
  const [only, ...others] = await listAt(admin, '/api/v1/instances', {})
  if (only === undefined) throw new UsageError('there is no instance')
  if (others.length > 0)
    throw new UsageError(
      plain`there are ${others.length + 1} instances: choose one with --instance (${[only, ...others].map(({ name }) => name).join(', ')})`,
    )
  return only.id
}

/**
 * The id of the one that `text` names among those in the list at the path before it: `/api/v1/tokens` for `/api/v1/tokens/{token}`.
 * `where`: the parameters and the query of the list.
 */
export async function memberOf(
  admin: AdminClient,
  path: string,
  where: { readonly instance?: string; readonly query?: Readonly<Record<string, string>> },
  text: string,
): Promise<string> {
  const [, list = '', what = ''] = /^(.*)\/\{(\w+)\}$/.exec(path) ?? []
  return idOf(what, text, await listAt(admin, list, where))
}

/** A list as the admin API shows it, of whatever has an id. */
const members = z.array(
  z.object({ id: z.string(), name: z.string().optional() }).transform(({ id, name = id }) => ({ id, name })),
)

function listAt(admin: AdminClient, path: string, where: object) {
  return admin.call(
    route({ method: 'get', path, role: 'viewer', scope: 'any', summary: 'names', answer: members }),
    where,
  )
}

/** The id of the one that `text` names. A text that resembles none of them is returned as it is: the server refuses it. */
export function idOf(what: string, text: string, all: readonly Named[]): string {
  refuseEmpty(what, text)
  const exact = all.find(({ id }) => id === text)
  if (exact) return exact.id
  const named = all.filter(({ name }) => name === text)
  if (named.length > 0) return onlyOne(what, text, named)
  const begun = text.length < prefixCharactersMin ? [] : all.filter(({ id }) => id.startsWith(text))
  if (begun.length > 0) return onlyOne(what, text, begun)
  const suggestion = didYouMean(text, namesOf(all))
  if (suggestion === '') return text
  throw unknownName(what, text, suggestion)
}

/** A script's variable that is not set is an empty word. */
export function refuseEmpty(what: string, text: string): void {
  if (text.trim() === '') throw new UsageError(`the name or id of the ${what} is empty`)
}

/** Refuses a name that does not exist: a filter by it would find nothing, as one by a name without entries does. */
export function mustBeAmong(
  what: 'instance' | 'client' | 'token',
  text: string,
  all: readonly Named[],
): void {
  if (all.some(({ id, name }) => id === text || name === text)) return
  throw unknownName(what, text, didYouMean(text, namesOf(all)))
}

function namesOf(all: readonly Named[]): readonly string[] {
  return all.flatMap(({ name }) => (name === null ? [] : [name]))
}

function unknownName(what: string, text: string, suggestion: string): Refusal {
  return new Refusal(
    'not-found',
    `there is no ${what} ${text}${suggestion}`,
    `List them: mortise ${what} list`,
  )
}

export function onlyOne(what: string, text: string, matches: readonly Named[]): string {
  const [only, ...others] = matches
  if (only !== undefined && others.length === 0) return only.id
  const shown = matches
    .slice(0, candidatesMax)
    .map(({ id, name }) => (name === null ? id : `${id} (${name})`))
  const rest = matches.length > shown.length ? ', and more' : ''
  throw new CommandError(
    matches.every(({ name }) => name === text)
      ? `${matches.length} ${what}s are named ${text}`
      : `several ${what}s have an id that begins with ${text}`,
    `Choose one by its id: ${shown.join(', ')}${rest}`,
  )
}

/**
 * A word of a closed list, in any case. UsageError with the words that may be meant, otherwise with all of them, or with the place that
 * lists them where they are many.
 */
export function wordOf<W extends string>(
  what: string,
  text: string,
  words: readonly W[],
  listedIn?: string,
): W {
  const match = words.find((word) => word.toLowerCase() === text.toLowerCase())
  if (match !== undefined) return match
  const suggestion = didYouMean(text, words)
  const all =
    listedIn === undefined
      ? `it is one of ${words.join(', ')}`
      : `it is a word such as ${words.slice(0, 3).join(', ')}; ${listedIn} lists them all`
  throw new UsageError(`unknown ${what} \`${text}\`${suggestion === '' ? `: ${all}` : suggestion}`)
}
