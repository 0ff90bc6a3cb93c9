// A schema freed of its versions: every field and every value of every version, for what is stored and must come
// back as it was, whichever version it came in or goes out.

import type { EnumerationNames, Field, ItemSchema, Schema, Shape } from '../ttlv/schema.ts'

/** The same schema, in which nothing came in or went with a version. */
export function timeless<T>(schema: ItemSchema<T>): ItemSchema<T> {
  return { ...schema, ...always, shape: freed(schema.shape) }
}

const always = { since: 0, until: Infinity } as const

function freed(shape: Shape): Shape {
  if (shape.kind === 'Structure') {
    const fields = shape.fields.map((field): Field => ({ ...field, schema: freedField(field.schema) }))
    return { ...shape, fields, byTag: new Map(fields.map((field) => [field.tag, field])) }
  }
  if (shape.kind === 'Enumeration') {
    return shape.names === undefined ? shape : { ...shape, names: freedNames(shape.names) }
  }
  if (shape.kind === 'OneOf') return { ...shape, choices: shape.choices.map(freedField) }
  if (shape.kind === 'Dependent') {
    return { ...shape, choose: (siblings, version) => freedField(shape.choose(siblings, version)) }
  }
  return shape
}

/** A field that came later may be missing from what was stored before, so it is asked for no longer. */
function freedField(schema: Schema): Schema {
  const late = schema.presence === 'required' && (schema.since > 0 || schema.until < Infinity)
  return { ...schema, ...always, shape: freed(schema.shape), presence: late ? 'optional' : schema.presence }
}

function freedNames({ byCode, byName }: EnumerationNames): EnumerationNames {
  return {
    byCode: new Map([...byCode].map(([code, name]) => [code, { ...name, ...always }])),
    byName: new Map([...byName].map(([text, name]) => [text, { ...name, ...always }])),
  }
}
