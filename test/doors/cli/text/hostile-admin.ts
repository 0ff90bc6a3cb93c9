// A server that speaks the admin API and means ill: every text in its answers tries to make a second line, to turn the
// reading direction and to steer the terminal. Made from the route table, so that a new field is hostile by itself.

import { z } from 'zod'
import { errorCodes } from '../../../../src/base/refusal.ts'
import type { Route } from '../../../../src/doors/http/route.ts'
import { startAnsweringAdmin, type AnsweringAdmin } from '../../../support/server/answering-admin.ts'

/** Begins each text; what stands behind it must stay on its line. */
export const begin = 'BEGIN'
export const end = 'END'
const between =
  '\n\r\u2028\u2029\u0000\u001b[2J\u007f\u0085\u009b2J\u200b\u200e\u061c\u202e\u2066\u00ad\u{e0001}'
export const hostileText = `${begin}${between}${end}`

export interface HostileAdmin extends AnsweringAdmin {
  readonly mood: Mood
}

interface Mood {
  /** Everything is refused. */
  refuses: boolean
  /** Which of several values the answers take; another with each request, so that what is waited for comes. */
  choice: number
}

export async function startHostileAdmin(): Promise<HostileAdmin> {
  const mood: Mood = { refuses: false, choice: 0 }
  const server = await startAnsweringAdmin(({ line }) => {
    const choice = mood.choice++
    return mood.refuses ? refusal(choice) : answer(line, choice)
  })
  return { ...server, mood }
}

function answer(line: Route, choice: number) {
  const { status, media: type } = line
  const value = line.media === 'application/x-ndjson' ? { text: hostileText } : hostile(wholeOf(line), choice)
  return { status, type, body: `${JSON.stringify(value)}\n` }
}

const wholes = new Map<Route, Schema>()

/** The schema of its answers, without references. */
function wholeOf(line: Route): Schema {
  const known = wholes.get(line)
  if (known) return known
  const { $defs = {}, ...schema } = z.toJSONSchema(line.answer, { io: 'output', unrepresentable: 'any' })
  const whole = withoutRefs(schema, $defs) as Schema
  wholes.set(line, whole)
  return whole
}

/** Puts each schema that has an id in the place of the reference to it. */
function withoutRefs(part: unknown, definitions: Readonly<Record<string, unknown>>): unknown {
  if (typeof part !== 'object' || part === null) return part
  if (Array.isArray(part)) return part.map((one) => withoutRefs(one, definitions))
  if ('$ref' in part) return withoutRefs(definitions[String(part.$ref).replace('#/$defs/', '')], definitions)
  return Object.fromEntries(
    Object.entries(part).map(([name, value]) => [name, withoutRefs(value, definitions)]),
  )
}

function refusal(choice: number) {
  const code = errorCodes[choice % errorCodes.length]
  const error = { code, message: hostileText, hint: hostileText, requestId: hostileText }
  return { status: 400, type: 'application/json', body: JSON.stringify({ error }) }
}

interface Schema {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
}

/** A value that fits, with the worst texts that fit. `choice` picks among alternatives, null last. */
function hostile(schema: Schema, choice: number): unknown {
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return schema.enum[choice % schema.enum.length]
  const { type } = schema
  if (typeof type === 'object')
    return hostile({ anyOf: type.map((one) => ({ ...schema, type: one })) }, choice)
  const several = schema.anyOf ?? schema.oneOf
  if (several) {
    const named = several.filter((one) => one.type !== 'null')
    return choice % 7 === 6 && named.length < several.length
      ? null
      : hostile(named[choice % named.length] ?? {}, choice)
  }
  switch (type) {
    case 'object':
      return hostileObject(schema, choice)
    case 'array':
      return Array.from({ length: choice % 5 === 4 ? 0 : lengthOf(schema) }, () =>
        hostile(schema.items ?? {}, choice),
      )
    case 'integer':
    case 'number':
      return 2 + (choice % 3)
    case 'boolean':
      return choice % 2 === 0
    case 'string':
    case undefined:
    default:
      return schema.format === 'date-time' ? '2026-03-01T12:00:00.000Z' : hostileText
  }
}

/** Texts are many, so that a command that shows the first ones says how many more there are; of the rest a few will do. */
const lengthOf = ({ items }: Schema): number => (items?.type === 'string' ? 25 : 3)

function hostileObject({ properties = {}, additionalProperties }: Schema, choice: number): object {
  const fields = Object.entries(properties).map(([name, field]) => [name, hostile(field, choice)] as const)
  const open =
    typeof additionalProperties === 'object' ? [[hostileText, hostile(additionalProperties, choice)]] : []
  return Object.fromEntries([...fields, ...(open as [string, unknown][])]) as object
}
