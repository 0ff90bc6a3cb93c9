// XML as SOAP needs it: a tree of elements in their order, read with saxes and written again. Namespaces are made uniform: an element
// has its local name, and `xmlns` where its namespace is not that of its parent; types are `xsi:type`, those of XML Schema
// `xsd:string`. Text between child elements is dropped. It does not know what the elements mean (soap.ts).

import { SaxesParser } from 'saxes'

export interface Xml {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Xml[]
  /** Empty where there are child elements. */
  readonly text: string
}

const instanceNamespace = 'http://www.w3.org/2001/XMLSchema-instance'
const schemaNamespace = 'http://www.w3.org/2001/XMLSchema'

/** Throws an Error for text that is not XML. */
export function parseXml(text: string): Xml {
  const root = open('', '', {})
  const path = [root]
  const parser = new SaxesParser({ xmlns: true })
  parser.on('doctype', () => {
    throw new Error('a document type is not accepted')
  })
  parser.on('opentag', ({ local, uri, attributes }) => {
    const kept: Record<string, string> = {}
    if (uri !== path.at(-1)?.uri) kept['xmlns'] = uri
    for (const attribute of Object.values(attributes)) {
      const isDeclaration = attribute.prefix === 'xmlns' || attribute.name === 'xmlns'
      if (isDeclaration) continue
      if (attribute.uri !== instanceNamespace) kept[attribute.name] = attribute.value
      else kept[`xsi:${attribute.local}`] = uniformType(attribute.value, (prefix) => parser.resolve(prefix))
    }
    path.push(open(local, uri, kept))
  })
  parser.on('text', (piece) => void path.at(-1)?.pieces.push(piece))
  parser.on('cdata', (piece) => void path.at(-1)?.pieces.push(piece))
  parser.on('closetag', () => {
    const closed = path.pop()
    if (closed) path.at(-1)?.children.push(finish(closed))
  })
  parser.on('error', (error) => {
    throw error
  })
  parser.write(text).close()
  const [document] = root.children
  if (!document) throw new Error('there is no XML element')
  return document
}

function uniformType(value: string, resolve: (prefix: string) => string | undefined): string {
  const colon = value.indexOf(':')
  if (colon < 0) return value
  const isSchema = resolve(value.slice(0, colon)) === schemaNamespace
  return `${isSchema ? 'xsd:' : ''}${value.slice(colon + 1)}`
}

export function writeXml({ name, attributes, children, text }: Xml): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escape(value)}"`)
  const content = children.length > 0 ? children.map(writeXml).join('') : escape(text)
  return `<${name}${written.join('')}>${content}</${name}>`
}

/** An element to send. A list may hold undefined for fields that are left out. */
export function element(
  name: string,
  content: string | number | boolean | readonly (Xml | undefined)[] = '',
  attributes: Readonly<Record<string, string>> = {},
): Xml {
  if (typeof content !== 'object') return { name, attributes, children: [], text: `${content}` }
  return { name, attributes, children: content.filter((child) => child !== undefined), text: '' }
}

/** An element with xsi:type. */
export function typed(
  name: string,
  type: string,
  content: string | number | boolean | readonly (Xml | undefined)[] = '',
): Xml {
  return element(name, content, { 'xsi:type': type })
}

/** A field, left out where there is no value. */
export function optional(name: string, value: string | number | boolean | undefined): Xml | undefined {
  return value === undefined ? undefined : element(name, value)
}

/** The name without its prefix. */
export function localName({ name }: Xml): string {
  return name.slice(name.indexOf(':') + 1)
}

/** The type that an element names, without a prefix. */
export function typeOf({ attributes }: Xml): string | undefined {
  const type = attributes['xsi:type']
  return type?.slice(type.indexOf(':') + 1)
}

export function childrenOf(xml: Xml | undefined, name: string): readonly Xml[] {
  return xml?.children.filter((child) => localName(child) === name) ?? []
}

/** The first child element with this name; with several names, the one at the end of the path. */
export function at(xml: Xml | undefined, ...path: readonly string[]): Xml | undefined {
  return path.reduce<Xml | undefined>((parent, name) => childrenOf(parent, name)[0], xml)
}

/** The text at the end of the path; undefined if the element is not there. */
export function textAt(xml: Xml | undefined, ...path: readonly string[]): string | undefined {
  return at(xml, ...path)?.text
}

/** The element with some children replaced; a change that returns undefined deletes the child. */
export function changed(xml: Xml, change: (child: Xml) => Xml | undefined): Xml {
  return { ...xml, children: xml.children.flatMap((child) => change(child) ?? []) }
}

/** The element with each one at the end of the path replaced. */
export function inside(xml: Xml, path: readonly string[], replace: (xml: Xml) => Xml): Xml {
  const [first, ...rest] = path
  if (first === undefined) return replace(xml)
  return changed(xml, (child) => (localName(child) === first ? inside(child, rest, replace) : child))
}

interface OpenElement {
  readonly name: string
  readonly uri: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: Xml[]
  readonly pieces: string[]
}

function open(name: string, uri: string, attributes: Readonly<Record<string, string>>): OpenElement {
  return { name, uri, attributes, children: [], pieces: [] }
}

function finish({ name, attributes, children, pieces }: OpenElement): Xml {
  return { name, attributes, children, text: children.length > 0 ? '' : pieces.join('') }
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;')
}
