// JSON as messages: what is read, in any order of members, and what is refused with a sentence that says where.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageBytesMax, structureDepthMax } from '../../../src/base/bounds.ts'
import { whole } from '../../../src/base/parts.ts'
import { readJson } from '../../../src/wire/ttlv/read-json.ts'
import { writeJson } from '../../../src/wire/ttlv/write-json.ts'
import { colours, refusal } from './colour-names.ts'

function hex(text: string | Buffer): string {
  return whole(readJson(Buffer.from(text), colours)).toString('hex')
}

function refused(text: string | Buffer): string {
  return refusal(() => hex(text))
}

function item(type: string, value: string): string {
  return `{"tag":"Thing","type":"${type}","value":${value}}`
}

const says = '{"tag":"Says","type":"TextString","value":"colour"}'
const said = '54000201000000205400050700000006636f6c6f7572000054000605000000040000000100000000'

const read: readonly (readonly [string, string])[] = [
  ['{"tag":"Box","value":[]}', '5400020100000000'],
  [' { "tag" : "Box" } ', '5400020100000000'],
  ['{"tag":"Box","type":"Structure","value":null}', '5400020100000000'],
  ['{"value":[{"value":[],"tag":"Box"}],"tag":"Box"}', '54000201000000085400020100000000'],
  ['{"tag":"0x54FFFF","name":"Other","type":"Integer","value":1}', '54ffff02000000040000000100000000'],
  [item('Integer', '-2147483648'), '54000102000000048000000000000000'],
  [item('Integer', '"0xffffffff"'), '5400010200000004ffffffff00000000'],
  [item('LongInteger', '9007199254740991'), '5400010300000008001fffffffffffff'],
  [item('LongInteger', '"0x8000000000000000"'), '54000103000000088000000000000000'],
  [item('BigInteger', '-1'), '5400010400000008ffffffffffffffff'],
  [item('BigInteger', '"0x0080"'), '54000104000000080000000000000080'],
  [item('Boolean', 'true'), '54000106000000080000000000000001'],
  [item('Boolean', '"0x0000000000000000"'), '54000106000000080000000000000000'],
  [
    item('TextString', String.raw`"\"\\\/\b\f\n\r\t\u20ac\ud83d\ude00"`),
    '540001070000000f225c2f080c0a0d09e282acf09f988000',
  ],
  [
    item('TextString', String.raw`"\uD7FF\uE000\u001f \uDBFF\uDFFF\u0000"`),
    '540001070000000ded9fbfee80801f20f48fbfbf00000000',
  ],
  [item('TextString', '"a\u007f"'), '5400010700000002617f000000000000'],
  [item('Integer', '-0'), '54000102000000040000000000000000'],
  [item('Boolean', '"true"'), '54000106000000080000000000000001'],
  [item('ByteString', '"C50f"'), '5400010800000002c50f000000000000'],
  [item('DateTime', String.raw`"2008-03-14T11:56:40\u002B00:00"`), '54000109000000080000000047da67f8'],
  [item('DateTime', '1205495800'), '54000109000000080000000047da67f8'],
  [item('DateTimeExtended', '1'), '5400010b000000080000000000000001'],
  [item('Interval', '4294967295'), '5400010a00000004ffffffff00000000'],
  ['{"tag":"Colour","type":"Enumeration","value":"LightRed"}', '54000305000000040000000200000000'],
  ['{"tag":"Colour","type":"Enumeration","value":9}', '54000305000000040000000900000000'],
  ['{"tag":"Flags","type":"Integer","value":"One|Four|0x10"}', '54000402000000040000001500000000'],
  ['{"tag":"Flags","type":"Integer","value":0}', '54000402000000040000000000000000'],
  [`{"tag":"Box","value":[${says},{"value":"Red","type":"Enumeration","tag":"Said"}]}`, said],
]

for (const [text, expected] of read)
  test(`read: ${text}`, () => {
    assert.equal(hex(text), expected)
    const again = whole(writeJson(Buffer.from(expected, 'hex'), colours))
    assert.equal(whole(readJson(again, colours)).toString('hex'), expected)
    JSON.parse(again.toString())
  })

const hostile: readonly (readonly [string | Buffer, RegExp])[] = [
  ['', /an item is an object \(byte 1 of the JSON\)/],
  ['[]', /an item is an object/],
  ['{"type":"Structure"}', /the member tag is missing/],
  ['{}', /a text in double quotes/],
  ['{"tag":"Box"}{"tag":"Box"}', /something stands after the message \(byte 14 /],
  ['{"tag":"Box",}', /a text in double quotes/],
  ['{"tag":"Box" "value":[]}', /a comma is missing/],
  ['{"tag" "Box"}', /a colon is missing/],
  ['{tag:"Box"}', /a text in double quotes/],
  ['{"tag":"Box","value":[],}', /a text in double quotes/],
  ['{"tag":"Box","value":[{"tag":"Box"},]}', /an item is an object/],
  ['{"tag":"Box","value":[', /an item is an object/],
  ['{"tag":"Box","tag":"Box"}', /the member tag stands twice/],
  ['{"tag":"Box","value":[],"value":[]}', /the member value stands twice/],
  ['{"name":"a","name":"b","tag":"Box"}', /the member name stands twice/],
  ['{"tag', /a text does not end/],
  ['{"tag":"Box","__proto__":1}', /and nothing else/],
  ['{"tag":"Nothing"}', /unknown-field .*no version of KMIP/],
  ['{"tag":5505024}', /a text in double quotes/],
  ['{"tag":"Thing","type":"Number","value":1}', /no item type/],
  ['{"tag":"Thing","type":"Integer"}', /the member value is missing/],
  ['{"tag":"Thing","type":"Integer","value":[]}', /only the value of a structure is an array/],
  ['{"tag":"Box","value":{}}', /a value must stand here/],
  ['{"tag":"Box","value":"x"}', /the value of a structure is an array/],
  ['{"tag":"Box","value":false}', /the value of a structure is an array/],
  [item('Integer', '1.0'), /whole, without an exponent/],
  [item('Integer', '1e3'), /whole, without an exponent/],
  [item('Integer', '-'), /whole, without an exponent/],
  [item('Integer', '01'), /whole, without an exponent/],
  [item('Integer', '+1'), /a value must stand here/],
  [item('Integer', 'NaN'), /a value must stand here/],
  [item('Integer', 'true'), /does not fit the type Integer/],
  [item('Integer', 'null'), /does not fit the type Integer/],
  [item('Integer', '4294967296'), /is not between/],
  [item('LongInteger', '9007199254740992'), /beyond 2\^53 must be a hexadecimal text/],
  [item('LongInteger', '9'.repeat(400)), /beyond 2\^53/],
  [item('TextString', '1'), /does not fit the type TextString/],
  [item('ByteString', '1'), /does not fit the type ByteString/],
  [item('Boolean', '1'), /does not fit the type Boolean/],
  [item('TextString', '"\u0000"'), /a control character must be escaped/],
  [item('TextString', '"\u001f"'), /a control character must be escaped/],
  [item('TextString', String.raw`"\ud83dx\ude00"`), /half a character/],
  [item('TextString', String.raw`"\ud83d\u0041"`), /half a character/],
  [item('TextString', String.raw`"\ud800"`), /half a character/],
  [item('TextString', String.raw`"\udc00\ud800"`), /half a character/],
  [item('TextString', String.raw`"\x41"`), /an escape that JSON does not have/],
  [item('TextString', String.raw`"\u12"`), /an escape that JSON does not have/],
  [item('TextString', String.raw`"\"`), /a text does not end/],
  [Buffer.concat([Buffer.from('{"tag":"'), Buffer.from([0xff])]), /not UTF-8/],
]

for (const [text, expected] of hostile)
  test(`refused: ${String(text).slice(0, 60)}`, () => {
    assert.match(refused(text), expected)
  })

function nested(depth: number, inside = ''): string {
  return `${'{"tag":"Box","value":['.repeat(depth)}${inside}${']}'.repeat(depth)}`
}

test('it is bounded in depth, items and bytes, and names the place', () => {
  assert.equal(refused(nested(structureDepthMax)), 'read')
  assert.match(refused(nested(structureDepthMax + 1)), /^too-deep /)
  assert.match(refused('{"tag":"Box","value":['.repeat(100_000)), /^too-deep /)
  assert.equal(refused(nested(structureDepthMax, item('Integer', '1'))), 'read')
  assert.match(refused(nested(structureDepthMax, '{"tag":"Box"}')), /^too-deep /)
  const many = Array.from({ length: messageBytesMax / 8 }, () => '{"tag":"Box"}').join(',')
  assert.match(
    refused(`{"tag":"Box","value":[${many}]}`),
    /^too-large [\w.]+: the message has more than \d+ bytes in TTLV \(byte \d+ /,
  )
  const bytes = item('ByteString', `"${'00'.repeat(messageBytesMax - 8)}"`)
  assert.equal(refused(bytes), 'read')
  assert.match(
    refused(`{"tag":"Box","value":[${bytes}]}`),
    /^too-large [\w.]+: the message has more than \d+ bytes in TTLV \(byte \d+ /,
  )
  assert.match(
    refused(`{"tag":"Box","value":[${item('Integer', '"x"')}]}`),
    /Box\.Thing: the value is not a whole/,
  )
})

/** The value that is written for a Long Integer. */
function long(value: bigint): unknown {
  const bytes = Buffer.from('54000103000000080000000000000000', 'hex')
  bytes.writeBigInt64BE(value, 8)
  return (JSON.parse(whole(writeJson(bytes, colours)).toString()) as { readonly value: unknown }).value
}

test('a mask without bits is written as 0', () => {
  const flags = Buffer.from('54000402000000040000000000000000', 'hex')
  assert.equal(whole(writeJson(flags, colours)).toString(), '{"tag":"Flags","type":"Integer","value":0}')
})

test('numbers from 2^52 on are written as texts, since JavaScript would round them', () => {
  assert.deepEqual(
    [long(2n ** 52n - 1n), long(2n ** 52n), long(1n - 2n ** 52n), long(-(2n ** 52n))],
    [2 ** 52 - 1, '0x0010000000000000', 1 - 2 ** 52, '0xfff0000000000000'],
  )
})
