// A command that makes one call: its flags, its words and its request come from the route (fields.ts). By hand are what no schema knows: the
// summary, the examples, what a person confirms, and how the answer reads.

import { z } from 'zod'
import type { AdminClient, CallArguments } from '../http/client.ts'
import type { Input, Output, Route } from '../http/route.ts'
import { instanceFlag, verb, type CommandLine, type MakeCommand, type Run } from './command.ts'
import { fieldsOf, type FieldLine, type Options } from './fields.ts'
import { afterFlag, limitFlag, onePage, writeList, type Columns, type ReadPage } from './text/list.ts'
import { instanceOf, memberOf } from './text/names.ts'
import { UsageError } from './world.ts'

/** The call that a command makes. */
export interface Done<R extends Route> {
  readonly run: Run
  readonly admin: AdminClient
  readonly options: Options
  readonly input: Input<R>
}

/** The members of an answer that is a list, or has one beside `after`. */
type Item<Answer> = Answer extends readonly (infer One)[]
  ? One
  : { [Name in keyof Answer]: Answer[Name] extends readonly (infer One)[] ? One : never }[keyof Answer]

interface Added {
  readonly query?: object
  readonly body?: object
}

export interface RouteLine<R extends Route> extends Pick<
  CommandLine<Options>,
  'words' | 'summary' | 'examples'
> {
  /** Fields that the command says in its own way. Their flags stand in this order, before the others. */
  readonly fields?: Readonly<Record<string, FieldLine>>
  /** Reads the word, before the server is asked. */
  readonly word?: (run: Run, options: Options, word: string | undefined) => Promise<string>
  /** Finds what the word names. Left out: in the list at the path before it. */
  readonly find?: (
    admin: AdminClient,
    text: string,
    where: { readonly instance?: string },
    options: Options,
  ) => Promise<string> | string
  /** Adds to the request what its fields do not say. */
  readonly also?: (run: Run, options: Options) => Promise<object> | object
  /** Does something else where the flags say so, and then resolves with true. `body`: the fields that were given. */
  readonly instead?: (run: Run, options: Options, word: string, body: object) => Promise<boolean>
  /** Asks before the call, and resolves with what the answer adds to the request. Throws CommandError. */
  readonly confirm?: (done: Done<R>) => Promise<Added | undefined | void>
  /** The answer as text. */
  readonly view?: (answer: Output<R>, done: Done<R>) => string
  /** Goes on with what the call began, in place of `view`; the exit code. */
  readonly goOn?: (answer: Output<R>, done: Done<R>) => Promise<number> | number
  /** The answer as a list, in place of `view`. */
  readonly columns?: Columns<Item<Output<R>>> | ((run: Run) => Columns<Item<Output<R>>>)
  /** The next steps. */
  readonly tell?: (answer: Output<R>, done: Done<R>) => Promise<string> | string
  readonly exitCode?: (answer: Output<R>) => number
}

export function command<R extends Route>(route: R, line: RouteLine<R>): MakeCommand {
  const { words, summary, examples, columns } = line
  const place = placeOf(route, words)
  const fields = fieldsOf(route, {
    ...(place.field !== undefined && { [place.field]: false }),
    ...line.fields,
  })
  const isPaged = route.query instanceof z.ZodObject && 'after' in route.query.shape
  return verb<Options>({
    words,
    summary,
    examples,
    ...(route.guarded && { guarded: true }),
    flagOf: fields.flagOf,
    required: fields.required,
    flags: [
      ...(place.instanceByFlag ? [instanceFlag] : []),
      ...fields.flags,
      ...(columns ? [limitFlag, ...(isPaged ? [afterFlag] : [])] : []),
    ],
    action: async (run, options, text) => {
      const word = line.word ? await line.word(run, options, text) : text
      const fromFlags = await fields.read(run, options)
      const more = await line.also?.(run, options)
      if (await line.instead?.(run, options, word ?? '', { ...fromFlags.body })) return
      if (route.method === 'patch' && Object.keys({ ...fromFlags.body, ...more }).length === 0)
        throw new UsageError('say what to change: see --help')
      const open = async () => {
        const admin = await run.client()
        const where = await whereOf({ admin, route, place, line, options, word })
        const named = place.field === undefined || word === undefined ? {} : { [place.field]: word }
        const body = fromFlags.body && { ...fromFlags.body, ...named, ...more }
        return { admin, input: { ...where, ...fromFlags, ...(body && { body }) } as Input<R> }
      }
      if (columns) {
        const listed = typeof columns === 'function' ? columns(run) : columns
        return writeList(run, options, listed, async () => pagesOf(route, await open(), isPaged))
      }
      const { admin, input } = await open()
      const added = await line.confirm?.({ run, admin, options, input })
      const done = { run, admin, options, input: added ? withMore(input, added) : input }
      const answer = await call(admin, route, done.input)
      if (line.goOn) return line.goOn(answer, done)
      run.show(answer, () => line.view?.(answer, done) ?? '')
      if (line.tell) run.tell(await line.tell(answer, done))
      return line.exitCode?.(answer)
    },
  })
}

/** The parts of a request that the word of a command and the flag --instance give. */
interface Place {
  readonly instanceByFlag: boolean
  /** The parameter of the path that the word names. */
  readonly parameter: string | undefined
  /** The field that the word is, in a path without parameters of its own. */
  readonly field: string | undefined
}

function placeOf({ path }: Route, words: string): Place {
  const [, word] = /[<[](\w+)[>\]]/.exec(words) ?? []
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
  const parameter = word === undefined ? undefined : parameters.at(-1)
  return {
    parameter,
    instanceByFlag: parameters.includes('instance') && parameter !== 'instance',
    field: parameter === undefined ? word : undefined,
  }
}

async function whereOf<R extends Route>({
  admin,
  route,
  place,
  line,
  options,
  word = '',
}: {
  readonly admin: AdminClient
  readonly route: R
  readonly place: Place
  readonly line: RouteLine<R>
  readonly options: Options
  readonly word: string | undefined
}): Promise<object> {
  const { parameter, instanceByFlag } = place
  const named = options['instance'] as string | undefined
  const where = instanceByFlag ? { instance: await instanceOf(admin, named) } : {}
  if (parameter === undefined) return where
  const upToIt = route.path.slice(0, route.path.indexOf(`{${parameter}}`) + parameter.length + 2)
  const id = line.find
    ? await line.find(admin, word, where, options)
    : await memberOf(admin, upToIt, where, word)
  return { ...where, [parameter]: id }
}

function withMore<R extends Route>(input: Input<R>, added: Added): Input<R> {
  const { query, body } = input as Added
  return {
    ...input,
    ...(added.query && { query: { ...query, ...added.query } }),
    ...(added.body && { body: { ...body, ...added.body } }),
  }
}

function call<R extends Route>(admin: AdminClient, route: R, input: Input<R>): Promise<Output<R>> {
  return admin.call(route, ...([input] as CallArguments<R>))
}

async function pagesOf<R extends Route>(
  route: R,
  { admin, input }: { readonly admin: AdminClient; readonly input: Input<R> },
  isPaged: boolean,
): Promise<ReadPage<Item<Output<R>>>> {
  type One = Item<Output<R>>
  if (!isPaged) return onePage((await call(admin, route, input)) as readonly One[])
  return async (page) => {
    const { query } = input as { query?: object }
    const answer = (await call(admin, route, { ...input, query: { ...query, ...page } })) as object
    const { after, ...lists } = answer as { after: string | null }
    const items = Object.values(lists).find((part) => Array.isArray(part)) as readonly One[]
    return { items, after }
  }
}
