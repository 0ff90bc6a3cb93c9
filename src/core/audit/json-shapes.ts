// Checks the shape of parsed JSON, for exports and checkpoints. The browser uses it too, so nothing here needs Node.

import type { WriterHead } from '../ports/audit.ts'

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

export function isList<T>(value: unknown, isOne: (one: unknown) => one is T): value is readonly T[] {
  return Array.isArray(value) && value.every(isOne)
}

export function isWriterHead(value: unknown): value is WriterHead {
  return isObject(value) && hasTypes(value, { writer: 'string', number: 'number', hash: 'string' })
}

/** Whether each field has a value of its type, as `typeof` names it. */
export function hasTypes(value: object, types: Readonly<Record<string, string>>): boolean {
  return Object.entries(types).every(([field, type]) => typeof Reflect.get(value, field) === type)
}
