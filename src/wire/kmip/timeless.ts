// Makes a schema with every field and every value of every version. Stored values use it, so that they stay the same whichever
// version writes or reads them.

import { withFields } from '../ttlv/schema.ts'
import type { EnumerationNames, SchemaField, ItemSchema, Schema, Shape } from '../ttlv/schema.ts'

/** The schema without version limits. */
export function timeless<T>(schema: ItemSchema<T>): ItemSchema<T> {
  return { ...schema, ...always, shape: freed(schema.shape) }
}

const always = { since: 0, until: Infinity } as const

function freed(shape: Shape): Shape {
  if (shape.kind === 'Structure') {
    const fields = shape.fields.map((field): SchemaField => ({ ...field, schema: freedField(field.schema) }))
    return { ...shape, ...withFields(fields) }
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

/** A field of a later version may be missing from older stored values, so it becomes optional. */
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
