// Makes a schema for searches, in which every field of a structure may be omitted: an object matches by the fields that the
// client states (KMIP 1.4 §4.9).

import { withFields } from '../ttlv/schema.ts'
import type { SchemaField, ItemSchema, Schema, Shape } from '../ttlv/schema.ts'

/** The schema without required fields in its structures. */
export function partial<T>(schema: ItemSchema<T>): ItemSchema<Partial<T>> {
  return { ...schema, shape: loosened(schema.shape) }
}

function loosened(shape: Shape): Shape {
  if (shape.kind === 'Dependent')
    return {
      ...shape,
      choose: (siblings, version) => loosenedField(shape.choose(siblings, version)),
    }
  if (shape.kind !== 'Structure') return shape
  const fields = shape.fields.map((field): SchemaField => ({ ...field, schema: loosenedField(field.schema) }))
  return { ...shape, ...withFields(fields) }
}

function loosenedField(schema: Schema): Schema {
  const presence = schema.presence === 'required' ? 'optional' : schema.presence
  return { ...schema, shape: loosened(schema.shape), presence }
}
