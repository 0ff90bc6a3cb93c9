// The flags of a route: each field of its query and its body becomes a flag, and what a person gives to the flag becomes the value of the
// field. The schema of the field says how it is read; a command says in its own words what does not follow from that.

import { z } from 'zod'
import { listed } from '../../base/text/listed.ts'
import { none, type Route } from '../http/route.ts'
import { sha256Hex } from '../http/schemas.ts'
import { byteSize, duration, oneOfWords, switchedOn, wholeNumber, wholeSha256, type Run } from './command.ts'
import { readPem } from './files.ts'
import { wordOf } from './text/names.ts'
import { UsageError } from './world.ts'

/** Reads the text that was given to a flag; `options` has those of all flags. */
export type ReadField = (run: Run, text: string, flag: string, options: Options) => unknown

/**
 * How a command says a field. A text: the help of its flag. Two: the flag as commander writes it, and its help; the word in brackets says
 * how it is read, too (`<pem>`: a file, `<size>`: bytes, `<time>`: of a number, a length of time, `<yes|no>`). Three: with a way of its
 * own to read it. false: no flag. Two under a name that no field has: a flag that the command itself reads.
 */
export type FieldLine = string | readonly [string, string] | readonly [string, string, ReadField] | false

/** The values of the flags of one run, by the names that commander makes of flags. */
export type Options = Readonly<Record<string, string | boolean | readonly string[] | undefined>>

interface Field {
  readonly name: string
  /** Where its value goes; null: the command reads it. */
  readonly part: 'query' | 'body' | null
  readonly flags: string
  readonly help: string
  readonly isRequired: boolean
  readonly read: (run: Run, value: unknown, options: Options) => unknown
}

/** One form of a body that is a union: its fields, and the one that tells it from others. */
interface Branch {
  readonly constants: object
  readonly key: string
  readonly fields: readonly string[]
}

export interface Fields {
  readonly required: readonly (readonly [string, string])[]
  readonly flags: readonly (readonly [string, string])[]
  /** The flag of each field, for errors of the server. */
  readonly flagOf: Readonly<Record<string, string>>
  readonly read: (run: Run, options: Options) => Promise<{ readonly query?: object; readonly body?: object }>
}

/** The fields of a list that the list itself sets. */
const ofPages = new Set(['limit', 'after', 'newerThan'])

export function fieldsOf(
  route: Pick<Route, 'query' | 'body'>,
  said: Readonly<Record<string, FieldLine>>,
): Fields {
  const branches = branchesOf(route.body)
  const inOrder = (name: string) => {
    const at = Object.keys(said).indexOf(name)
    return at === -1 ? Number.MAX_SAFE_INTEGER : at
  }
  const all = [
    ...fieldsIn('query', [route.query], said).filter(({ name }) => !ofPages.has(name)),
    ...fieldsIn('body', optionsOf(route.body), said),
  ]
  const fields = [...all, ...otherFlags(said, all)].toSorted(
    (one, other) => inOrder(one.name) - inOrder(other.name),
  )
  const isChoice = (name: string) => branches.some(({ key }) => key === name)
  const required = fields.filter(({ name, isRequired }) => isRequired && !isChoice(name))
  return {
    required: required.map(inHelp),
    flags: fields.filter((field) => !required.includes(field)).map(inHelp),
    flagOf: Object.fromEntries(fields.map(({ name, flags }) => [name, longOf(flags)])),
    read: (run, options) => valuesOf(run, options, { route, fields, branches }),
  }
}

function fieldsIn(
  part: 'query' | 'body',
  schemas: readonly z.ZodType[],
  said: Readonly<Record<string, FieldLine>>,
): Field[] {
  const shapes = schemas.flatMap((schema) => (schema instanceof z.ZodObject ? [schema.shape] : []))
  const all = Object.assign({}, ...shapes) as Readonly<Record<string, z.ZodType>>
  return Object.entries(all).flatMap(([name, schema]) => {
    const line = said[name]
    const { kind, isRequired } = bare(schema)
    if (line === false || (kind instanceof z.ZodLiteral && line === undefined)) return []
    const [flags, help, read] =
      typeof line === 'object' ? line : [flagFor(name, kind), line ?? descriptionOf(schema)]
    const flag = longOf(flags)
    const readText = read ?? ((run: Run, text: string) => readAs(kind, { run, text, flag, flags, name }))
    return [
      {
        name,
        part,
        flags,
        help,
        isRequired,
        read: (run, value, options) =>
          typeof value === 'boolean' && !read
            ? setTo(kind, value)
            : readText(run, String(value), flag, options),
      } satisfies Field,
    ]
  })
}

/** The flags that the command itself reads. */
function otherFlags(said: Readonly<Record<string, FieldLine>>, all: readonly Field[]): Field[] {
  return Object.entries(said).flatMap(([name, line]) =>
    typeof line !== 'object' || all.some((field) => field.name === name)
      ? []
      : [{ name, part: null, flags: line[0], help: line[1], isRequired: false, read: () => undefined }],
  )
}

const inHelp = ({ flags, help }: Field) => [flags, help] as const
const longOf = (flags: string) => /--[\w-]+/.exec(flags)?.[0] ?? flags
const wordIn = (flags: string) => /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1] ?? ''
/** As commander names the value of a flag. */
const optionOf = (flags: string) =>
  longOf(flags)
    .slice(2)
    .replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/** The schema without what makes it optional. */
function bare(schema: z.ZodType): { readonly kind: z.ZodType; readonly isRequired: boolean } {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return { kind: bare(schema.unwrap() as z.ZodType).kind, isRequired: false }
  if (schema instanceof z.ZodNullable) return bare(schema.unwrap() as z.ZodType)
  return { kind: schema, isRequired: true }
}

function descriptionOf(schema: z.ZodType): string {
  const { description = '' } = schema
  return `${description.slice(0, 1).toLowerCase()}${description.slice(1).replace(/\.$/, '')}`
}

function flagFor(name: string, kind: z.ZodType): string {
  const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  if (isSwitch(kind)) return flag
  if (kind instanceof z.ZodEnum) return `${flag} <${kind.options.join('|')}>`
  if (kind instanceof z.ZodNumber) return `${flag} <n>`
  if (kind instanceof z.ZodArray) return `${flag} <list>`
  if (kind instanceof z.ZodISODateTime) return `${flag} <time>`
  return kind === sha256Hex ? `${flag} <sha256>` : `${flag} <text>`
}

/** A query has no boolean: its only word stands for one. */
function isSwitch(kind: z.ZodType): boolean {
  return kind instanceof z.ZodBoolean || (kind instanceof z.ZodEnum && kind.options.join('') === 'true')
}

function setTo(kind: z.ZodType, value: boolean): unknown {
  return kind instanceof z.ZodEnum ? String(value) : value
}

interface Given {
  readonly run: Run
  readonly text: string
  readonly flag: string
  readonly flags: string
  readonly name: string
}

function readAs(kind: z.ZodType, { run, text, flag, flags, name }: Given): unknown {
  const word = wordIn(flags)
  if (word === 'pem') return readPem(run.world, text, 'CERTIFICATE')
  if (kind instanceof z.ZodBoolean) return switchedOn(flag, text)
  if (kind instanceof z.ZodEnum) {
    const words = kind.options.map(String)
    return word.includes('|') ? oneOfWords(flag, text, words) : wordOf(name, text, words)
  }
  if (kind instanceof z.ZodNumber)
    return word === 'size'
      ? byteSize(flag, text)
      : word === 'time'
        ? duration(flag, text)
        : wholeNumber(flag, text)
  if (kind instanceof z.ZodISODateTime) return run.time(flag, text)
  if (kind === sha256Hex) return wholeSha256(text)
  if (isList(kind)) return text.split(',').map((one) => one.trim())
  return text
}

function isList(kind: z.ZodType): boolean {
  return kind instanceof z.ZodArray || (kind instanceof z.ZodPipe && kind.in instanceof z.ZodArray)
}

/** The forms of a body; one, if it is no union. */
function optionsOf(body: z.ZodType): readonly z.ZodType[] {
  return body instanceof z.ZodUnion ? (body.options as readonly z.ZodType[]) : [body]
}

/** Each form of a union has a required field that no other has. */
function branchesOf(body: z.ZodType): readonly Branch[] {
  if (!(body instanceof z.ZodUnion)) return []
  const shapes = optionsOf(body).map((option) => (option as z.ZodObject).shape)
  return shapes.map((shape) => {
    const entries = Object.entries(shape) as [string, z.ZodType][]
    const others = shapes.filter((other) => other !== shape)
    const own = entries.filter(([name]) => !others.some((other) => name in other))
    const constants = entries.flatMap(([name, { def }]) =>
      def.type === 'literal' ? [[name, (def as z.core.$ZodLiteralDef<string>).values[0]]] : [],
    )
    return {
      constants: Object.fromEntries(constants) as object,
      key: own.find(([, schema]) => bare(schema).isRequired)?.[0] ?? '',
      fields: own.map(([name]) => name),
    }
  })
}

async function valuesOf(
  run: Run,
  options: Options,
  {
    route,
    fields,
    branches,
  }: {
    readonly route: Pick<Route, 'query' | 'body'>
    readonly fields: readonly Field[]
    readonly branches: readonly Branch[]
  },
): Promise<{ readonly query?: object; readonly body?: object }> {
  const present = fields.filter(({ flags }) => options[optionOf(flags)] !== undefined)
  const branch = chosen(branches, present, fields)
  const values = {
    query: {} as Record<string, unknown>,
    body: { ...branch?.constants } as Record<string, unknown>,
  }
  for (const { name, part, flags, read } of present)
    if (part !== null) values[part][name] = await read(run, options[optionOf(flags)], options)
  return {
    ...(route.query !== none && { query: values.query }),
    ...(route.body !== none && { body: values.body }),
  }
}

/** The form of the body whose own field was given. UsageError unless it is one, and all others that were given belong to it. */
function chosen(
  branches: readonly Branch[],
  present: readonly Field[],
  fields: readonly Field[],
): Branch | undefined {
  if (branches.length === 0) return undefined
  const named = (name: string) => fields.find((field) => field.name === name)?.flags ?? name
  const [branch, ...others] = branches.filter(({ key }) => present.some(({ name }) => name === key))
  if (!branch || others.length > 0) {
    const flags = branches.map(({ key }) => `${longOf(named(key))} ${wordIn(named(key)).toUpperCase()}`)
    throw new UsageError(`give one of ${listed(flags, 'and')}`)
  }
  for (const { name, flags } of present) {
    const owner = branches.find((one) => one.fields.includes(name))
    if (owner && owner !== branch)
      throw new UsageError(`${longOf(flags)} belongs to ${longOf(named(owner.key))}`)
  }
  return branch
}
