// XML as messages: what is read, and what is refused with a sentence that says where. The names are a small vocabulary of
// the test's own, since wire/ttlv/ knows no KMIP.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageBytesMax, structureDepthMax } from '../../../src/base/bounds.ts'
import { whole } from '../../../src/base/parts.ts'
import { readXml } from '../../../src/wire/ttlv/read-xml.ts'
import { writeXml } from '../../../src/wire/ttlv/write-xml.ts'
import { colours, refusal } from './colour-names.ts'

function hex(text: string | Buffer): string {
  return whole(readXml(Buffer.from(text), colours)).toString('hex')
}

function refused(text: string | Buffer): string {
  return refusal(() => hex(text))
}

/** An item with the tag 540001. */
function item(type: string, value: string): string {
  return `<Thing type="${type}" value="${value}"/>`
}

const read: readonly (readonly [string, string])[] = [
  ['<Box/>', '5400020100000000'],
  ['<Box></Box>', '5400020100000000'],
  ['<Box type="Structure"> <!-- - --> <Box/>\r\n\t</Box>', '54000201000000085400020100000000'],
  ['\uFEFF<?xml version="1.0" encoding="utf-8"?><Box/>', '5400020100000000'],
  [`<?xml  version = '1.0'  encoding = "UTF8"  standalone = 'no' ?>\n<Box/>`, '5400020100000000'],
  [`<?xml version="1.0" standalone="yes"?><Box/>`, '5400020100000000'],
  ['<Box xmlns="urn:oasis:tc:kmip:xmlns"/>', '5400020100000000'],
  ['<TTLV tag="0x54FFFF"><Box/></TTLV>', '54ffff01000000085400020100000000'],
  ['<TTLV tag="0x54FFFF"></TTLV >', '54ffff0100000000'],
  [`<Thing\ttype = 'TextString' value\n=\t'"' />`, '54000107000000012200000000000000'],
  ['<TTLV tag="0x54FFFF" name="Other" type="Integer" value="1"/>', '54ffff02000000040000000100000000'],
  ['<Thing type="0x02" value="1"/>', '54000102000000040000000100000000'],
  ['<Thing type="0x7" value=""/>', '5400010700000000'],
  [item('Integer', '-2147483648'), '54000102000000048000000000000000'],
  [item('Integer', '0xFFFFFFFF'), '5400010200000004ffffffff00000000'],
  [item('Integer', ' 7 '), '54000102000000040000000700000000'],
  [item('LongInteger', '9223372036854775807'), '54000103000000087fffffffffffffff'],
  [item('LongInteger', '0xffffffffffffffff'), '5400010300000008ffffffffffffffff'],
  [item('BigInteger', '00'), '54000104000000080000000000000000'],
  [item('BigInteger', 'ff01'), '5400010400000008ffffffffffffff01'],
  [
    item('BigInteger', '00000000000000008000000000000000'),
    '540001040000001000000000000000008000000000000000',
  ],
  [item('Boolean', '1'), '54000106000000080000000000000001'],
  [item('TextString', 'a&lt;&#x20AC;&#10;b\tc'), '5400010700000009613ce282ac0a62206300000000000000'],
  [item('TextString', ''), '5400010700000000'],
  [item('TextString', '&quot;&amp;&lt;&gt;&apos;'), '540001070000000522263c3e27000000'],
  [item('TextString', 'a&#9;&#13;'), '540001070000000361090d0000000000'],
  [item('TextString', 'a\r\nb\rc\r'), '54000107000000066120622063200000'],
  [item('TextString', '&#x20;&#xD7FF;&#xE000;&#xFFFD;'), '540001070000000a20ed9fbfee8080efbfbd000000000000'],
  [item('TextString', '&#x10000;&#x10FFFF;&#0000065;'), '5400010700000009f0908080f48fbfbf4100000000000000'],
  [item('TextString', '\uFFFC\uEFFE\uFFBE'), '5400010700000009efbfbceebfbeefbebe00000000000000'],
  [item('ByteString', ' &#52;1 '), '54000108000000014100000000000000'],
  [item('ByteString', 'C50f'), '5400010800000002c50f000000000000'],
  [item('DateTime', '2008-03-14T11:56:40+00:00'), '54000109000000080000000047da67f8'],
  [item('DateTime', '2008-03-14T13:26:40.9+01:30'), '54000109000000080000000047da67f8'],
  [item('DateTime', '2008-03-14T11:56:40Z'), '54000109000000080000000047da67f8'],
  [item('DateTime', '0x0000000047DA67F8'), '54000109000000080000000047da67f8'],
  [item('DateTimeExtended', '1970-01-01T00:00:01.0000019Z'), '5400010b0000000800000000000f4241'],
  [item('DateTimeExtended', '-1'), '5400010b00000008ffffffffffffffff'],
  [item('Interval', '4294967295'), '5400010a00000004ffffffff00000000'],
  ['<Colour type="Enumeration" value="LightRed"/>', '54000305000000040000000200000000'],
  ['<Colour type="Enumeration" value="3"/>', '54000305000000040000000300000000'],
  ['<Colour type="Enumeration" value="0x00000009"/>', '54000305000000040000000900000000'],
  ['<Flags type="Integer" value="One   Four 0x10"/>', '54000402000000040000001500000000'],
  ['<Flags type="Integer" value="One|2"/>', '54000402000000040000000300000000'],
  ['<Flags type="Integer" value=""/>', '54000402000000040000000000000000'],
  [
    '<Box><Says type="TextString" value="colour"/><Said type="Enumeration" value="Red"/></Box>',
    '54000201000000205400050700000006636f6c6f7572000054000605000000040000000100000000',
  ],
  [
    '<Box><Says type="ByteString" value="636f6c6f7572"/><Said type="Enumeration" value="1"/></Box>',
    '54000201000000205400050800000006636f6c6f7572000054000605000000040000000100000000',
  ],
]

for (const [text, expected] of read)
  test(`read: ${text}`, () => {
    assert.equal(hex(text), expected)
    const again = whole(writeXml(Buffer.from(expected, 'hex'), colours))
    assert.equal(whole(readXml(again, colours)).toString('hex'), expected)
  })

const hostile: readonly (readonly [string | Buffer, RegExp])[] = [
  ['', /an element must begin here \(byte 1 of the XML\)/],
  ['<!DOCTYPE a [<!ENTITY x "y">]><Box/>', /document types, entities and CDATA are not read \(byte 1 /],
  ['<Box><![CDATA[x]]></Box>', /document types, entities/],
  ['<Box><?php ?></Box>', /processing instructions/],
  ['<?xml version="1.1"?><Box/>', /only XML 1\.0 in UTF-8/],
  ['<?xml version="1.0" encoding="UTF-16"?><Box/>', /only XML 1\.0 in UTF-8/],
  ['<?xml version="1.0" more?><Box/>', /only XML 1\.0 in UTF-8/],
  ['<?xmlx<?xml version="1.0"?><Box/>', /only XML 1\.0 in UTF-8/],
  [`<?xml version="1.0"${' '.repeat(300)}?><Box/>`, /the XML declaration does not end/],
  ['<Box><!-- a -- b --></Box>', /a comment does not end/],
  ['<Box><!-- a ', /a comment does not end/],
  ['<Box><!-x--></Box>', /document types, entities/],
  [Buffer.from('<Box/>', 'utf16le'), /malformed/],
  [Buffer.from([0x3c, 0x42, 0xff]), /not UTF-8 \(byte 1 /],
  ['<Box/><Box/>', /something stands after the message \(byte 7 /],
  ['<Box>text</Box>', /only elements stand inside/],
  ['<Box><Box></Box>', /only elements stand inside/],
  ['<Box></Thing>', /an end tag belongs to another element/],
  ['<Box></Box x>', /the end tag does not end/],
  ['<Box{/>', /a space is missing/],
  ['<Box@/>', /a space is missing/],
  ['<A_1/>', /no version of KMIP has a tag of this name/],
  ['<Box', /a space is missing/],
  ['<Box/', /the element does not end/],
  ['<Box value="1"/>', /a structure has no value/],
  ['<k:Box/>', /prefixes of namespaces/],
  ['<Box xmlns="urn:other"/>', /the namespace is not/],
  ['<Nothing/>', /unknown-field .*no version of KMIP has a tag of this name/],
  ['<Thing type="Integer" type="Integer" value="1"/>', /type stands twice/],
  ['<Thing type="Integer"value="1"/>', /a space is missing/],
  ['<Thing type="Integer" colour="1"/>', /an attribute other than/],
  ['<Thing type="Integer" value=1/>', /stands in quotes/],
  ['<Thing type="Integer" value="1', /does not end/],
  ['<Thing type="Integer"/>', /the attribute value is missing/],
  ['<Thing type="Number" value="1"/>', /no item type/],
  ['<Thing type=" 0x02" value="1"/>', /no item type/],
  ['<Thing type="0x02 " value="1"/>', /no item type/],
  ['<Thing type="0x0F" value="1"/>', /no item type/],
  ['<Thing type="Integer" value="1"><Box/></Thing>', /only a structure has elements/],
  ['<TTLV tag="0x54FFFF0" type="Integer" value="1"/>', /no version of KMIP has a tag of this name/],
  ['<TTLV tag=" 0x54FFFF" type="Integer" value="1"/>', /no version of KMIP has a tag of this name/],
  ['<TTLV tag="54FFFF" type="Integer" value="1"/>', /no version of KMIP has a tag of this name/],
  ['<TTLV type="Integer" value="1"/>', /the attribute tag belongs/],
  [item('Integer', '2147483648'), /is not between -2147483648 and 2147483647/],
  [item('Integer', '1.0'), /is not a whole number/],
  [item('Integer', '&#49;'), /read/],
  [item('Integer', '0x123456789'), /more than 8 hexadecimal digits/],
  [item('LongInteger', '9223372036854775808'), /is not between/],
  [item('BigInteger', ''), /has no digits/],
  [item('BigInteger', '0x0'), /odd number/],
  [item('Boolean', 'TRUE'), /neither true nor false/],
  [item('TextString', '&x;'), /a reference to a character that XML does not have/],
  [item('TextString', '&#0;'), /a reference to a character/],
  [item('TextString', '&lt'), /a reference to a character/],
  [item('TextString', '&#x1F;'), /a reference to a character/],
  [item('TextString', '&#xDFFF;'), /a reference to a character/],
  [item('TextString', '&#x0010FFF;'), /a reference to a character/],
  [item('TextString', '&#x41;&x#x41;'), /a reference to a character/],
  [item('TextString', '&#xD800;'), /a reference to a character/],
  [item('TextString', '&#xFFFE;'), /a reference to a character/],
  [item('TextString', '&#x110000;'), /a reference to a character/],
  [item('TextString', '\u0001'), /a character that XML does not allow here/],
  [item('TextString', '<'), /a character that XML does not allow here/],
  [item('ByteString', 'abc'), /odd number/],
  [item('ByteString', 'zz'), /something other than hexadecimal/],
  [item('DateTime', '2008-03-14T11:56:40'), /a moment with its time zone/],
  [item('DateTime', '2008-02-30T11:56:40Z'), /a moment with its time zone/],
  [item('Interval', '-1'), /is not between 0 and 4294967295/],
  ['<Colour type="Enumeration" value="Mauve"/>', /unknown-value .*no version of KMIP names/],
  ['<Flags type="Integer" value="One Nine"/>', /unknown-value .*a bit that no version/],
  [`<Flags type="Integer" value="${'One '.repeat(1000)}"/>`, /is too long/],
  [`<${'a'.repeat(128)}/>`, /no version of KMIP has a tag of this name/],
  [`<${'a'.repeat(129)}/>`, /a name of letters/],
  [`<Thing type="${'a'.repeat(128)}" value="1"/>`, /no item type/],
  [`<Thing type="${'a'.repeat(129)}" value="1"/>`, /a name that is too long, or escaped/],
  ['<Thing type="Inte&#103;er" value="1"/>', /a name that is too long, or escaped/],
]

for (const [text, expected] of hostile)
  test(`refused: ${String(text).slice(0, 60)}`, () => {
    assert.match(refused(text), expected)
  })

test('it is bounded in depth, items and bytes, and names the place', () => {
  const depth = structureDepthMax
  assert.equal(refused('<Box>'.repeat(depth) + '</Box>'.repeat(depth)), 'read')
  assert.match(refused('<Box>'.repeat(depth + 1) + '</Box>'.repeat(depth + 1)), /^too-deep /)
  assert.match(refused('<Box>'.repeat(300_000)), /^too-deep /)
  const inside = item('Integer', '1')
  assert.equal(refused('<Box>'.repeat(depth) + inside + '</Box>'.repeat(depth)), 'read')
  assert.match(
    refused(`<Box>${'<Box/>'.repeat(messageBytesMax / 8)}</Box>`),
    /^too-large [\w.]+: the message has more than \d+ bytes in TTLV \(byte \d+ /,
  )
  const bytes = item('ByteString', '00'.repeat(messageBytesMax - 8))
  assert.equal(refused(bytes), 'read')
  assert.match(
    refused(`<Box>${bytes}</Box>`),
    /^too-large [\w.]+: the message has more than \d+ bytes in TTLV \(byte \d+ /,
  )
  assert.match(
    refused('<Box><Box><Thing type="Integer" value="x"/></Box></Box>'),
    /Box\.Box\.Thing: the value is/,
  )
})

test('no message repeats a value that it was given', () => {
  for (const type of [
    'Integer',
    'LongInteger',
    'BigInteger',
    'Boolean',
    'ByteString',
    'DateTime',
    'Interval',
  ])
    assert.doesNotMatch(refused(item(type, 'secret')), /secret/)
})

const written = (bytes: string) =>
  whole(writeXml(Buffer.from(bytes, 'hex'), colours))
    .toString()
    .split('\n')[1]

test('a mask without bits is written as 0, and what is no TTLV not at all', () => {
  assert.equal(written('54000402000000040000000000000000'), '<Flags type="Integer" value="0"/>')
  assert.throws(() => written('5400010f00000000'), /this is not TTLV/)
  assert.throws(() => written('5400010800000001'), /this is not TTLV/)
})

test('characters that XML does not have are written as U+FFFD', () => {
  const text = Buffer.from('5400010700000005610062efbfbe0000'.replace('0700000005', '0700000006'), 'hex')
  assert.match(whole(writeXml(text, colours)).toString(), /value="a\uFFFDb\uFFFD"/)
})
