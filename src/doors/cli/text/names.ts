// Finds what the words of a command name: instances, clients, tokens and keys, by id, by name, or by the beginning of an id
// that only one of them has. Here is also what a wrong word is answered with: the words that may have been meant.

import type { AdminClient } from '../../http/client.ts'
import { Refusal } from '../../../base/refusal.ts'
import { didYouMean } from '../../../base/text/closest.ts'
import { batches } from './list.ts'
import { plain } from './output.ts'
import { CommandError, UsageError } from '../world.ts'

interface Named {
  readonly id: string
  readonly name: string | null
}

/** A shorter beginning of an id is more likely a mistyped name. */
const prefixCharactersMin = 4
const candidatesMax = 10

/** The id of the named instance, or of the only one that there is. */
export async function instanceOf(admin: AdminClient, text: string | undefined): Promise<string> {
  const all = await admin.call('listInstances')
  if (text !== undefined) return idOf('instance', text, all)
  const [only, ...others] = all
  if (only === undefined) throw new UsageError('there is no instance')
  if (others.length > 0)
    throw new UsageError(
      plain`there are ${all.length} instances: choose one with --instance (${all.map(({ name }) => name).join(', ')})`,
    )
  return only.id
}

export async function clientOf(admin: AdminClient, instance: string, text: string): Promise<string> {
  return idOf('client', text, await admin.call('listClients', { instance }))
}

export async function tokenOf(admin: AdminClient, text: string): Promise<string> {
  return idOf('token', text, await admin.call('listTokens'))
}

/** Keys are found by their whole id first: one of a million would take long to find by the beginning of its id. */
export async function keyOf(
  admin: AdminClient,
  instance: string,
  text: string,
  among: KeysAmong = {},
): Promise<string> {
  refuseEmpty('key', text)
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return text
  try {
    return (await admin.call('showKey', { instance, key: text })).id
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'not-found' || text.length < prefixCharactersMin)
      throw error
    const found = await keysThatBeginWith(admin, instance, text, among)
    if (found.length === 0) throw error
    return onlyOne('key', text, found)
  }
}

/** Where to look for the beginning of an id; left out: among keys that are not destroyed. */
interface KeysAmong {
  readonly recoverable?: 'true'
}

async function keysThatBeginWith(
  admin: AdminClient,
  instance: string,
  text: string,
  among: KeysAmong,
): Promise<Named[]> {
  const read = async (query: { readonly limit: number; readonly after?: string }) => {
    const { keys, after } = await admin.call('listKeys', {
      instance,
      query: { ...query, ...among, contains: text },
    })
    return { items: keys, after }
  }
  const found: Named[] = []
  for await (const keys of batches(read, { limit: Number.POSITIVE_INFINITY })) {
    found.push(...keys.filter(({ id }) => id.startsWith(text)))
    if (found.length > candidatesMax) break
  }
  return found
}

/** The id of the one that `text` names. A text that resembles none of them is returned as it is: the server refuses it. */
export function idOf(
  what: 'instance' | 'client' | 'token' | 'approval',
  text: string,
  all: readonly Named[],
): string {
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
function refuseEmpty(what: string, text: string): void {
  if (text.trim() === '') throw new UsageError(`the name or id of the ${what} is empty`)
}

/** Refuses a name that nobody has: a filter by it finds nothing, which says nothing. */
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

function onlyOne(what: string, text: string, found: readonly Named[]): string {
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only.id
  const shown = found.slice(0, candidatesMax).map(({ id, name }) => (name === null ? id : `${id} (${name})`))
  const rest = found.length > shown.length ? ', and more' : ''
  throw new CommandError(
    found.every(({ name }) => name === text)
      ? `${found.length} ${what}s are named ${text}`
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
  const found = words.find((word) => word.toLowerCase() === text.toLowerCase())
  if (found !== undefined) return found
  const suggestion = didYouMean(text, words)
  const all =
    listedIn === undefined
      ? `it is one of ${words.join(', ')}`
      : `it is a word such as ${words.slice(0, 3).join(', ')}; ${listedIn} lists them all`
  throw new UsageError(`unknown ${what} \`${text}\`${suggestion === '' ? `: ${all}` : suggestion}`)
}
