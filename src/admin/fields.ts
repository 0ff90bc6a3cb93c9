// The fields of a schema as rows for people: dotted names, types, and what they mean. For the pages made of the OpenAPI
// document.

import type { OpenApiDocument, Schema } from './openapi.ts'

export interface Field {
  /** `certificates[].sha256`; empty for what has no name. */
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly text: string
}

type Schemas = OpenApiDocument['components']['schemas']

/** Of an object, or of the items of a list. Schemas with a name of their own are named, not entered. */
export function fieldsOf(schema: Schema, schemas: Schemas): readonly Field[] {
  return rows(schema, schemas, '', true)
}

/** In a word or two: `string`, `Key[]`, `"Active" | "PreActive"`. */
export function typeOf(schema: Schema): string {
  const { $ref, enum: values, allOf, anyOf, oneOf, items } = schema
  if ($ref !== undefined) return nameOf($ref)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (values) return values.map((value) => JSON.stringify(value)).join(' | ')
  const several = anyOf ?? oneOf
  if (several) return several.map(typeOf).join(' | ')
  if (allOf) return allOf.map(typeOf).join(' & ')
  const type = [schema.type ?? 'any'].flat().join(' | ')
  return items ? type.replace('array', `${parenthesized(typeOf(items))}[]`) : type
}

export function nameOf(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1)
}

function parenthesized(type: string): string {
  return type.includes(' ') ? `(${type})` : type
}

function rows(schema: Schema, schemas: Schemas, prefix: string, enter: boolean): readonly Field[] {
  if (schema.$ref !== undefined)
    return enter ? rows(schemas[nameOf(schema.$ref)] ?? {}, schemas, prefix, true) : []
  if (schema.allOf) return schema.allOf.flatMap((part) => rows(part, schemas, prefix, enter))
  const several = schema.oneOf ?? schema.anyOf
  if (several) return several.flatMap((part) => variant(part, rows(part, schemas, prefix, enter)))
  if (schema.items) return rows(schema.items, schemas, `${prefix}[]`.replace(/^\[\]$/, ''), enter)
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const whole = prefix === '' ? name : `${prefix}.${name}`
    const field: Field = {
      name: whole,
      type: typeOf(property),
      required: schema.required?.includes(name) === true,
      text: textOf(property),
    }
    return [field, ...rows(property, schemas, whole, false)]
  })
}

function textOf(schema: Schema): string {
  const { description = '' } = schema
  return schema.default === undefined
    ? description
    : `${description} Default: ${JSON.stringify(schema.default)}.`.trim()
}

/** Fields of one of several forms say which. */
function variant({ properties = {} }: Schema, fields: readonly Field[]): readonly Field[] {
  const mark = Object.entries(properties).find(([, property]) => fixed(property) !== undefined)
  if (!mark) return fields
  const label = `With ${mark[0]} = ${String(fixed(mark[1]))}.`
  return fields
    .filter(({ name }) => name !== mark[0] || fields.length === 1)
    .map((field) => ({ ...field, text: `${label} ${field.text}`.trim() }))
}

function fixed({ const: value, enum: values }: Schema): unknown {
  return value ?? (values?.length === 1 ? values[0] : undefined)
}
