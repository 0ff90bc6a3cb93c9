// Reading and writing a long text pauses, whatever the text is made of, so that its reader can do other work in between.

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Parts } from '../../../src/base/parts.ts'
import { TtlvError } from '../../../src/wire/ttlv/error.ts'
import { readJson } from '../../../src/wire/ttlv/read-json.ts'
import { readXml } from '../../../src/wire/ttlv/read-xml.ts'
import { pieceBytes } from '../../../src/wire/ttlv/text-value.ts'
import { writeJson } from '../../../src/wire/ttlv/write-json.ts'
import { writeXml } from '../../../src/wire/ttlv/write-xml.ts'
import { colours } from './colour-names.ts'

const longBytes = 200_000

/** So many pieces may become one between two pauses: the digits of a byte are two, and an item may be long. */
const piecesAtOnce = 4

interface Pauses {
  readonly count: number
  readonly result: Buffer | TtlvError
}

function pauses(parts: Parts<Buffer>): Pauses {
  for (let count = 0; ; count++) {
    try {
      const step = parts.next()
      if (step.done) return { count, result: step.value }
    } catch (error) {
      assert(error instanceof TtlvError)
      return { count, result: error }
    }
  }
}

function pausesEnough({ count, result }: Pauses): void {
  assert.ok(result instanceof Buffer, String(result))
  assert.ok(count >= longBytes / pieceBytes / piecesAtOnce, `${count} pauses`)
}

const filled = (head: string, middle: string, end: string) =>
  Buffer.from(head + middle.repeat(longBytes / middle.length) + end)

const xmlValue = (type: string, middle: string) => filled(`<Thing type="${type}" value="`, middle, '"/>')
const xmlItems = (item: string) => filled('<Box>', item, '</Box>')
const jsonValue = (type: string, middle: string) =>
  filled(`{"tag":"Thing","type":"${type}","value":"`, middle, '"}')
const jsonItems = (item: string) => filled('{"tag":"Box","value":[{"tag":"Box"}', `,${item}`, ']}')

const texts: Readonly<Record<string, readonly [typeof readXml, Buffer]>> = {
  'characters in XML': [readXml, xmlValue('TextString', 'abcd')],
  'decimal references': [readXml, xmlValue('TextString', '&#65;')],
  'hexadecimal references': [readXml, xmlValue('TextString', '&#x1F511;')],
  'named references': [readXml, xmlValue('TextString', '&apos;')],
  'line breaks': [readXml, xmlValue('TextString', '\r\n')],
  'digits in XML': [readXml, xmlValue('ByteString', '5a')],
  'digits of a number': [readXml, xmlValue('BigInteger', '5a')],
  comments: [readXml, xmlItems('<!---->')],
  'items in XML': [readXml, xmlItems('<Thing type="Integer" value="1"/>')],
  'empty structures in XML': [readXml, xmlItems('<Box/>')],
  'masks of names': [readXml, xmlItems(`<Flags type="Integer" value="${'One|Two|Four|'.repeat(100)}"/>`)],
  'masks of numbers': [readXml, xmlItems(`<Flags type="Integer" value="${'1 0x1 '.repeat(100)}"/>`)],
  'characters in JSON': [readJson, jsonValue('TextString', 'abcd')],
  'short escapes': [readJson, jsonValue('TextString', String.raw`\n`)],
  'escapes by number': [readJson, jsonValue('TextString', String.raw`\u0041`)],
  'escapes of pairs': [readJson, jsonValue('TextString', String.raw`\ud83d\udd11`)],
  'digits in JSON': [readJson, jsonValue('ByteString', '5a')],
  'a name that nobody reads': [readJson, filled('{"tag":"Box","name":"', 'abcd', '"}')],
  'items in JSON': [readJson, jsonItems('{"tag":"Thing","type":"Integer","value":1}')],
}

suite('reading pauses', () => {
  for (const [what, [read, text]] of Object.entries(texts))
    test(what, () => pausesEnough(pauses(read(text, colours))))
})

suite('writing pauses', () => {
  for (const [language, write] of Object.entries({ writeXml, writeJson })) {
    for (const [what, type, byte] of [
      ['characters', 7, 0x61],
      ['control characters', 7, 0x01],
      ['digits', 8, 0x5a],
    ] as const)
      test(`${language}: ${what}`, () => {
        const message = Buffer.alloc(8 + longBytes, byte)
        message.writeUIntBE(0x540001, 0, 3)
        message[3] = type
        message.writeUInt32BE(longBytes, 4)
        pausesEnough(pauses(write(message, colours)))
      })
    test(`${language}: items`, () => {
      const item = Buffer.from('54000102000000040000000100000000', 'hex')
      const items = Buffer.concat(Array.from({ length: longBytes / item.length }, () => item))
      const head = Buffer.from('5400020100000000', 'hex')
      head.writeUInt32BE(items.length, 4)
      pausesEnough(pauses(write(Buffer.concat([head, items]), colours)))
    })
  }
})

test('a text that is given up between two parts leaves nothing of what was read', () => {
  const parts = readXml(xmlValue('ByteString', '5a'), colours)
  parts.next()
  const left = new Error('left')
  assert.throws(
    () => parts.throw(left),
    (error) => error === left,
  )
  assert.equal(parts.next().done, true)
})
