// Lists the fields of a schema as table rows (dotted name, type, meaning) for the two pages made from the OpenAPI document:
// /api/docs and docs/admin-api.md.

import type { OpenApiDocument, OpenApiSchema } from './openapi.ts'

export interface InputField {
  /** For example `certificates[].sha256`; empty for a value without a name. */
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly text: string
}

type Schemas = OpenApiDocument['components']['schemas']

/** Lists the fields of an object, or of the items of a list. A field whose schema is a component is not expanded. */
export function fieldsOf(schema: OpenApiSchema, schemas: Schemas): readonly InputField[] {
  return rows(schema, schemas, '', true)
}

/** The type as a short text: `string`, `Key[]`, `"Active" | "PreActive"`. */
export function typeOf(schema: OpenApiSchema): string {
  const { $ref, enum: values, anyOf, oneOf, items } = schema
  if ($ref !== undefined) return nameOfReference($ref)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (values) return values.map((value) => JSON.stringify(value)).join(' | ')
  const several = anyOf ?? oneOf
  if (several) return several.map(typeOf).join(' | ')
  const type = [schema.type ?? 'any'].flat().join(' | ')
  return items ? type.replace('array', `${parenthesized(typeOf(items))}[]`) : type
}

export function nameOfReference(ref: string): string {
  return ref.slice(ref.lastIndexOf('/') + 1)
}

function parenthesized(type: string): string {
  return type.includes(' ') ? `(${type})` : type
}

function rows(
  schema: OpenApiSchema,
  schemas: Schemas,
  prefix: string,
  enter: boolean,
): readonly InputField[] {
  if (schema.$ref !== undefined)
    return enter ? rows(schemas[nameOfReference(schema.$ref)] ?? {}, schemas, prefix, true) : []
  const several = schema.oneOf ?? schema.anyOf
  if (several) return several.flatMap((part) => variant(part, rows(part, schemas, prefix, enter)))
  if (schema.items) return rows(schema.items, schemas, `${prefix}[]`.replace(/^\[\]$/, ''), enter)
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const whole = prefix === '' ? name : `${prefix}.${name}`
    const field: InputField = {
      name: whole,
      type: typeOf(property),
      required: schema.required?.includes(name) === true,
      text: textOf(property),
    }
    return [field, ...rows(property, schemas, whole, false)]
  })
}

function textOf(schema: OpenApiSchema): string {
  const { description = '' } = schema
  return schema.default === undefined
    ? description
    : `${description} Default: ${JSON.stringify(schema.default)}.`.trim()
}

/** Each field of one alternative of a union says which value of the union's `const` field it belongs to. */
function variant({ properties = {} }: OpenApiSchema, fields: readonly InputField[]): readonly InputField[] {
  const mark = Object.entries(properties).find(([, property]) => property.const !== undefined)
  if (!mark) return fields
  const label = `With ${mark[0]} = ${String(mark[1].const)}.`
  return fields
    .filter(({ name }) => name !== mark[0] || fields.length === 1)
    .map((field) => ({ ...field, text: `${label} ${field.text}`.trim() }))
}
