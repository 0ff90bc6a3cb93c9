// XML as vCenter's API uses it: reads an answer piece by piece into an ordered tree of elements, in bounded memory, and writes requests.
// The reader refuses document types, processing instructions, encodings other than UTF-8, and entities other than the five of XML. It
// drops comments, text beside child elements, and prefixes of names. This file knows no SOAP.

import { SaxesParser, type SaxesTagNS } from 'saxes'

/** One element. `text` is '' where there are child elements. */
export interface XmlElement {
  readonly name: string
  /** The class of the value: its attribute xsi:type, without a prefix. */
  readonly class: string | undefined
  /** The attribute `type`: the kind of object that a reference names. */
  readonly type: string | undefined
  readonly text: string
  readonly children: readonly XmlElement[]
}

export interface XmlBounds {
  readonly bytesMax: number
  /** Elements that the reader holds at once; elements that it handed over do not count. */
  readonly elementsMax: number
  /** Characters of text that the reader holds at once. Left out: `bytesMax` is the only bound. */
  readonly textMax?: number
}

/** The deepest nesting of elements. */
const xmlDepthMax = 100
/** The longest text, name, attribute value or comment. */
export const xmlTextBytesMax = 4 * 1024 * 1024
const xmlAttributesMax = 64
/** `write` gives the parser this much at once. A caller that shares its thread calls it with no more. */
export const xmlPieceBytes = 16 * 1024
/** Names that the reader stores once, since answers repeat some dozens of them. */
const sharedNamesMax = 2_000
const schemaInstance = 'http://www.w3.org/2001/XMLSchema-instance'

/** The bytes are not XML of the kind that this file reads, or too large. The message has none of their content. */
export class XmlError extends Error {
  override readonly name = 'XmlError'
  readonly reason: 'malformed' | 'too-large'
  constructor(reason: 'malformed' | 'too-large', message: string) {
    super(message)
    this.reason = reason
  }
}

/** The whole tree of a document. Throws XmlError. */
export function readXml(bytes: Uint8Array, bounds: XmlBounds): XmlElement {
  const reader = new XmlReader(bounds)
  reader.write(bytes)
  return reader.end()
}

interface Open {
  readonly name: string
  readonly class: string | undefined
  readonly type: string | undefined
  text: string
  children: XmlElement[] | undefined
}

/** Reads one document. After an XmlError it is unusable. */
export class XmlReader {
  readonly #bounds: XmlBounds
  readonly #handOver: readonly string[]
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  readonly #parser = new SaxesParser({ xmlns: true, position: false })
  readonly #names = new Map<string, string>()
  readonly #open: Open[] = []
  #root: XmlElement | undefined
  #ready: XmlElement[] = []
  #bytes = 0
  #held = 0
  #heldText = 0
  /** Bytes since the parser last reported something: what it keeps of a text or a tag that has not ended. */
  #pending = 0
  #broken: XmlError | undefined

  /** `handOver`: names from the root down. `write` returns elements at this place, and the tree lacks them. */
  constructor(bounds: XmlBounds, handOver: readonly string[] = []) {
    this.#bounds = bounds
    this.#handOver = handOver
    const parser = this.#parser
    parser.on('xmldecl', ({ encoding }) => {
      if (encoding !== undefined && !/^utf-?8$/i.test(encoding)) throw malformed('it is not in UTF-8')
    })
    parser.on('doctype', () => {
      throw malformed('it has a document type')
    })
    parser.on('processinginstruction', () => {
      throw malformed('it has a processing instruction')
    })
    parser.on('comment', () => (this.#pending = 0))
    parser.on('opentag', (tag) => this.#begin(tag))
    parser.on('text', (text) => this.#text(text))
    parser.on('cdata', (text) => this.#text(text))
    parser.on('closetag', () => this.#end())
  }

  /** Takes the next bytes. Returns the elements of `handOver` that ended with them, in order. Throws XmlError. */
  write(bytes: Uint8Array): readonly XmlElement[] {
    this.#ready = []
    for (let at = 0; at < bytes.length; at += xmlPieceBytes) {
      const piece = bytes.subarray(at, at + xmlPieceBytes)
      this.#bytes += piece.length
      if (this.#bytes > this.#bounds.bytesMax)
        throw this.#fail(tooLarge(`it has more than ${this.#bounds.bytesMax} bytes`))
      this.#pending += piece.length
      this.#guard(() => this.#parser.write(this.#decoder.decode(piece, { stream: true })))
      if (this.#pending > xmlTextBytesMax) throw this.#fail(longText())
    }
    return this.#ready
  }

  /** The root. Throws XmlError if the document has not ended. */
  end(): XmlElement {
    this.#guard(() => this.#parser.write(this.#decoder.decode()).close())
    const root = this.#root
    if (!root) throw this.#fail(malformed('it has no element'))
    return root
  }

  #begin(tag: SaxesTagNS): void {
    this.#pending = 0
    if (this.#open.length >= xmlDepthMax) throw tooLarge(`its elements are nested deeper than ${xmlDepthMax}`)
    if (++this.#held > this.#bounds.elementsMax)
      throw tooLarge(`it has more than ${this.#bounds.elementsMax} elements`)
    const attributes = Object.values(tag.attributes)
    if (attributes.length > xmlAttributesMax)
      throw tooLarge(`an element has more than ${xmlAttributesMax} attributes`)
    const ofClass = attributes.find(({ local, uri }) => local === 'type' && uri === schemaInstance)
    const ofType = attributes.find(({ name }) => name === 'type')
    this.#open.push({
      name: this.#shared(tag.local),
      class: ofClass && this.#shared(ofClass.value.slice(ofClass.value.lastIndexOf(':') + 1)),
      type: ofType && this.#shared(ofType.value),
      text: '',
      children: undefined,
    })
  }

  #text(text: string): void {
    this.#pending = 0
    const open = this.#open.at(-1)
    if (!open || open.children) return
    if (open.text.length + text.length > xmlTextBytesMax) throw longText()
    this.#heldText += text.length
    const { textMax = Infinity } = this.#bounds
    if (this.#heldText > textMax) throw tooLarge(`it has more than ${textMax} characters of text`)
    open.text = open.text === '' ? text : open.text + text
  }

  #end(): void {
    this.#pending = 0
    const open = this.#open.pop()
    if (!open) return
    const { children = none } = open
    const text = children === none ? own(open.text) : ''
    const element: XmlElement = { name: open.name, class: open.class, type: open.type, text, children }
    const above = this.#open.at(-1)
    if (!above) {
      this.#root = element
      return
    }
    if (!above.children) {
      // Text beside child elements is dropped.
      this.#heldText -= above.text.length
      above.text = ''
      above.children = []
    }
    if (this.#isHandedOver(element)) {
      this.#ready.push(element)
      this.#held -= countOf(element)
      this.#heldText -= textIn(element)
    } else above.children.push(element)
  }

  #isHandedOver({ name }: XmlElement): boolean {
    const place = this.#handOver
    if (place.length !== this.#open.length + 1 || place.at(-1) !== name) return false
    return this.#open.every((open, depth) => open.name === place[depth])
  }

  #shared(name: string): string {
    const known = this.#names.get(name)
    if (known !== undefined) return known
    const copy = own(name)
    if (this.#names.size < sharedNamesMax) this.#names.set(copy, copy)
    return copy
  }

  #guard(work: () => unknown): void {
    if (this.#broken) throw this.#broken
    try {
      work()
    } catch (error) {
      throw this.#fail(error instanceof XmlError ? error : malformed('it is not well-formed XML'))
    }
  }

  #fail(error: XmlError): XmlError {
    return (this.#broken ??= error)
  }
}

const none: readonly XmlElement[] = Object.freeze([])

function countOf({ children }: XmlElement): number {
  return children.reduce((sum, child) => sum + countOf(child), 1)
}

function textIn({ text, children }: XmlElement): number {
  return children.reduce((sum, child) => sum + textIn(child), text.length)
}

/** A copy. A part of a string keeps the whole alive, so an identifier would keep all of the piece in which it came. */
function own(text: string): string {
  return text.length < shortestPart ? text : Buffer.from(text).toString()
}

/** V8 copies shorter parts of strings by itself. */
const shortestPart = 13

function malformed(message: string): XmlError {
  return new XmlError('malformed', message)
}

function tooLarge(message: string): XmlError {
  return new XmlError('too-large', message)
}

function longText(): XmlError {
  return tooLarge(`a text in it has more than ${xmlTextBytesMax} bytes`)
}

/** A Buffer is text in UTF-8 that may be secret. */
export type XmlContent = string | number | boolean | Buffer | readonly XmlNode[]

/** An element to write. */
export interface XmlNode {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly content: XmlContent
}

export function xml(
  name: string,
  content: XmlContent,
  attributes: Readonly<Record<string, string>> = {},
): XmlNode {
  return { name, attributes, content }
}

/**
 * The document, in UTF-8. The caller wipes it if a Buffer in it is secret. Throws TypeError for a text with a character that XML lacks,
 * without the text.
 */
export function writeXml(root: XmlNode): Buffer {
  const parts: Buffer[] = [Buffer.from('<?xml version="1.0" encoding="UTF-8"?>')]
  try {
    writeNode(root, parts)
    return Buffer.concat(parts)
  } finally {
    for (const part of parts) part.fill(0)
  }
}

function writeNode({ name, attributes, content }: XmlNode, parts: Buffer[]): void {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`)
  parts.push(Buffer.from(`<${name}${pairs.join('')}>`))
  if (Array.isArray(content)) for (const node of content as readonly XmlNode[]) writeNode(node, parts)
  else if (Buffer.isBuffer(content)) parts.push(escapedBytes(content))
  else parts.push(Buffer.from(escaped(String(content as string | number | boolean))))
  parts.push(Buffer.from(`</${name}>`))
}

/** Characters that a document cannot have, and surrogates without their other half. */
// oxlint-disable-next-line no-control-regex
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/u

function escaped(text: string): string {
  if (forbidden.test(text)) throw new TypeError('a text has a character that XML cannot carry')
  return text.replace(/[&<>"\t\n\r]/g, (character) => escapes[character] ?? character)
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** Works on bytes, since a string cannot be wiped. */
function escapedBytes(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (const [at, byte] of bytes.entries()) {
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)
      throw new TypeError('a text has a character that XML cannot carry')
    const escape = byte < 0x80 ? escapes[String.fromCodePoint(byte)] : undefined
    if (escape === undefined) continue
    parts.push(bytes.subarray(from, at), Buffer.from(escape))
    from = at + 1
  }
  return Buffer.concat([...parts, bytes.subarray(from)])
}
