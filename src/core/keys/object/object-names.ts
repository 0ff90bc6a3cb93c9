// The Names of an object, and vSphere's names for it, which are custom attributes. transaction/names.ts says whether Names are free.

import { first, searchKey, type AttributeSet, type AttributeValue } from '../../../wire/kmip/attributes.ts'
import type { ManagedObject } from './managed-object.ts'

/** The Names of an object, in their form for comparison. */
export function comparedNames({ attributes }: Pick<ManagedObject, 'attributes'>): readonly string[] {
  return (attributes.get('Name') ?? []).map(({ value }) => searchKey('Name', value))
}

/** The Names of an object, as written. */
export function nameValues({ attributes }: Pick<ManagedObject, 'attributes'>): readonly string[] {
  return (attributes.get('Name') ?? []).map(({ value }) => (value as AttributeValue<'Name'>).NameValue)
}

/** The first Name, for people. */
export function firstName({ attributes }: Pick<ManagedObject, 'attributes'>): string | null {
  return first(attributes, 'Name')?.NameValue ?? null
}

/** The object without the Names that other objects of the instance have. */
export function withFreeNames(object: ManagedObject, taken: (name: string) => boolean): ManagedObject {
  const names = object.attributes.get('Name') ?? []
  const free = names.filter(({ value }) => !taken(searchKey('Name', value)))
  if (free.length === names.length) return object
  const attributes = new Map(object.attributes)
  if (free.length > 0) attributes.set('Name', free)
  else attributes.delete('Name')
  return { ...object, attributes }
}

/** The custom attributes in which vCenter describes the use of a key. */
export const vsphereNames = { name: 'x-Name', component: 'x-Component', identifier: 'x-Identifier' } as const

/** The text of a custom attribute; null if it is missing or holds another type. */
export function customText(attributes: AttributeSet, key: string): string | null {
  const value = attributes.get(key)?.[0]?.value
  if (typeof value !== 'object' || value === null || !('value' in value)) return null
  return typeof value.value === 'string' ? value.value : null
}
