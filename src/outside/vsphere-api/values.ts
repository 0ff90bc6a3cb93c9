// Values of vCenter's API as elements: reads those of answers, and writes those of requests. Readers return undefined for what is not
// there; those whose names begin with `required` throw VsphereError.

import { VsphereError } from './errors.ts'
import { xml, type XmlContent, type XmlElement, type XmlNode } from './xml.ts'

/** A managed object. */
export interface Ref {
  /** `VirtualMachine` */
  readonly type: string
  /** `vm-42`. Unique within one vCenter. */
  readonly id: string
}

// ------------------------------------------------------------ Readers

/** The first element at the path of names. */
export function elementAt(
  element: XmlElement | undefined,
  ...path: readonly string[]
): XmlElement | undefined {
  return path.reduce((above, name) => above?.children.find((child) => child.name === name), element)
}

export function elementsOf(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? []
}

export function textAt(element: XmlElement | undefined, ...path: readonly string[]): string | undefined {
  return elementAt(element, ...path)?.text
}

/** Throws VsphereError. */
export function requiredText(element: XmlElement | undefined, ...path: readonly string[]): string {
  const text = textAt(element, ...path)
  if (text === undefined) throw lacking(path)
  return text
}

export function booleanAt(element: XmlElement | undefined, ...path: readonly string[]): boolean | undefined {
  const text = textAt(element, ...path)?.trim()
  if (text === 'true' || text === '1') return true
  return text === 'false' || text === '0' ? false : undefined
}

/** A whole number. Undefined also for one that is larger than JavaScript's integers. */
export function integerAt(element: XmlElement | undefined, ...path: readonly string[]): number | undefined {
  const text = textAt(element, ...path)?.trim() ?? ''
  const number = /^[+-]?\d{1,16}$/.test(text) ? Number(text) : undefined
  return Number.isSafeInteger(number) ? number : undefined
}

/** The object that an element names. */
export function refOf(element: XmlElement | undefined): Ref | undefined {
  if (element?.type === undefined || element.text === '') return undefined
  return { type: element.type, id: element.text }
}

/** Throws VsphereError. `what` names the value in the message. */
export function requiredRef(element: XmlElement | undefined, what: string): Ref {
  const ref = refOf(element)
  if (!ref) throw lacking([what])
  return ref
}

/** The error for an answer without a value that it must have. */
export function lacking(path: readonly string[]): VsphereError {
  return new VsphereError('answer', `vCenter's answer lacks ${path.join('.')}`)
}

// ------------------------------------------------------------ Writers

/** A reference to an object. */
export function ref(name: string, { type, id }: Ref): XmlNode {
  return xml(name, id, { type })
}

/** A value of a subclass: the schema of its element names a class above it. */
export function typed(name: string, type: string, content: XmlContent): XmlNode {
  return xml(name, content, { 'xsi:type': type })
}
