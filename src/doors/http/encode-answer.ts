// Checks an answer by its schema and encodes it as JSON. A list may have a thousand entries, so its entries are checked and
// encoded one by one, in turns.

import { z } from 'zod'
import type { Parts } from '../../base/parts.ts'

/** The JSON of the value, without the fields that the schema does not name. Throws ZodError. */
export function* encodeAnswer(schema: z.ZodType, value: unknown): Parts<string> {
  const pieces = yield* encoded(schema, value)
  return pieces.join('')
}

function* encoded(schema: z.ZodType, value: unknown): Parts<readonly string[]> {
  const element = elementOf(schema)
  if (element && Array.isArray(value)) return yield* encodedList(element, value)
  const lists = isRecord(value) ? listsOf(schema, value) : new Map<string, z.ZodType>()
  if (lists.size === 0) return [JSON.stringify(schema.parse(value))]
  const empty = Object.fromEntries([...lists.keys()].map((name) => [name, []]))
  const cut = schema.parse({ ...(value as object), ...empty }) as Readonly<Record<string, unknown>>
  const pieces: string[] = []
  for (const [name, field] of Object.entries(cut)) {
    if (field === undefined) continue
    pieces.push(pieces.length === 0 ? '{' : ',', JSON.stringify(name), ':')
    const list = lists.get(name)
    if (list) pieces.push(...(yield* encodedList(list, (value as Record<string, unknown[]>)[name] ?? [])))
    else pieces.push(JSON.stringify(field))
  }
  return [...pieces, '}']
}

function* encodedList(element: z.ZodType, items: readonly unknown[]): Parts<readonly string[]> {
  const texts: string[] = []
  for (const item of items) {
    texts.push(JSON.stringify(element.parse(item)))
    yield
  }
  return ['[', texts.join(','), ']']
}

/** The schemas of the entries of the lists that the value has, by the name of the field. */
function listsOf(schema: z.ZodType, value: Readonly<Record<string, unknown>>): Map<string, z.ZodType> {
  const lists = new Map<string, z.ZodType>()
  if (!(schema instanceof z.ZodObject)) return lists
  for (const [name, field] of Object.entries(schema.shape)) {
    const element = elementOf(field)
    if (element && Array.isArray(value[name])) lists.set(name, element)
  }
  return lists
}

/** Undefined: the schema is no list, or has rules for the list as a whole. */
function elementOf(schema: z.ZodType): z.ZodType | undefined {
  if (!(schema instanceof z.ZodArray) || schema.def.checks?.length) return undefined
  return schema.element as z.ZodType
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
