// XML as vCenter's API uses it: the tree, what is refused, the bounds, and that what is written reads as it was.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  readXml,
  writeXml,
  xml,
  XmlError,
  XmlReader,
  xmlTextBytesMax,
  type XmlElement,
} from '../../../src/outside/vsphere-api/xml.ts'

const bounds = { bytesMax: 16 * 1024 * 1024, elementsMax: 1_000 }

function read(text: string | Buffer): XmlElement {
  return readXml(Buffer.from(text as string), bounds)
}

function element(name: string, more: Partial<XmlElement> = {}): XmlElement {
  return { name, class: undefined, type: undefined, text: '', children: [], ...more }
}

test('elements keep their order, their class, the type of a reference and their text', () => {
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<e:a xmlns:e="urn:e" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
  <b i:type="v:Sub">x &amp; &lt;y&gt; &#233;&#x1F600;</b><!-- no --><c type="VirtualMachine">vm-1</c>
  <b><![CDATA[<raw> & ]]>more</b><d/><d></d>
</e:a>`
  assert.deepEqual(
    read(text),
    element('a', {
      children: [
        element('b', { class: 'Sub', text: 'x & <y> é😀' }),
        element('c', { type: 'VirtualMachine', text: 'vm-1' }),
        element('b', { text: '<raw> & more' }),
        element('d'),
        element('d'),
      ],
    }),
  )
})

test('a type of another namespace is neither a class nor the type of a reference', () => {
  const [child] = read('<a xmlns:x="urn:x"><b x:type="C"/></a>').children
  assert.deepEqual(child, element('b'))
})

const refused = {
  'a document type': '<!DOCTYPE a><a/>',
  'an entity of its own': '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
  'an unknown entity': '<a>&nbsp;</a>',
  'a processing instruction': '<?go there?><a/>',
  'another encoding': '<?xml version="1.0" encoding="ISO-8859-1"?><a/>',
  'bytes that are not UTF-8': Buffer.from('<a>\xff</a>', 'latin1'),
  'half a character at the end': Buffer.concat([Buffer.from('<a/>'), Buffer.from([0xc3])]),
  nothing: '',
  'no element': '<?xml version="1.0"?>',
  'an element that does not end': '<a><b></b>',
  'an element that ends another': '<a><b></a></b>',
  'two roots': '<a/><b/>',
  'text outside': '<a/>x',
  'a prefix without a namespace': '<x:a/>',
  'an attribute twice': '<a b="1" b="2"/>',
  'a character that XML lacks': '<a>&#0;</a>',
  HTML: '<html><body><br></body></html>',
}

for (const [what, text] of Object.entries(refused))
  test(`refuses ${what}`, () => {
    assert.throws(() => read(text), { name: 'XmlError', reason: 'malformed' })
  })

test('names of JavaScript are names like others', () => {
  const tree = read('<__proto__ constructor="1"><toString type="hasOwnProperty"/></__proto__>')
  assert.equal(tree.name, '__proto__')
  assert.equal(tree.children[0]?.type, 'hasOwnProperty')
})

test('bytes, elements, depth and attributes have their bounds', () => {
  const tooLarge = { name: 'XmlError', reason: 'too-large' }
  assert.throws(() => readXml(Buffer.from('<a>1234</a>'), { ...bounds, bytesMax: 10 }), tooLarge)
  assert.throws(() => read(`<a>${'<b/>'.repeat(1_000)}</a>`), tooLarge)
  assert.throws(() => read('<a>'.repeat(101)), tooLarge)
  const attributes = Array.from({ length: 65 }, (_, index) => `a${index}=""`).join(' ')
  assert.throws(() => read(`<a ${attributes}/>`), tooLarge)
  assert.equal(read('<a>'.repeat(100) + '</a>'.repeat(100)).name, 'a')
})

const long = 'x'.repeat(xmlTextBytesMax + 20_000)
const unending = {
  text: '<a>',
  cdata: '<a><![CDATA[',
  name: '<',
  value: '<a b="',
  comment: '<!--',
  doctype: '<!DOCTYPE ',
}
for (const [what, begin] of Object.entries(unending))
  test(`a ${what} without an end is refused once it is longer than the longest text`, () => {
    const reader = new XmlReader({ ...bounds, bytesMax: 1e9 })
    const tooLarge = { name: 'XmlError', reason: 'too-large' }
    assert.throws(() => reader.write(Buffer.from(begin + long)), tooLarge)
    assert.throws(() => reader.write(Buffer.from('>')), tooLarge)
  })

test('a text in pieces of CDATA has the bound of one text', () => {
  const piece = `<![CDATA[${'x'.repeat(1024 * 1024)}]]>`
  assert.throws(() => read(`<a>${piece.repeat(5)}</a>`), { reason: 'too-large' })
})

test('texts that are held have a bound together; those that are handed over or dropped do not count', () => {
  const limits = { bytesMax: 100_000, elementsMax: 1_000, textMax: 100 }
  const piece = `<b>${'x'.repeat(60)}</b>`
  assert.throws(
    () => readXml(Buffer.from(`<a>${piece}${piece}</a>`), limits),
    (error) => error instanceof XmlError && error.reason === 'too-large',
  )
  readXml(Buffer.from(`<a>${piece}</a>`), limits)
  const spaces = ' '.repeat(40)
  readXml(Buffer.from(`<a>${spaces}<b>${spaces}<c/>${spaces}</b>${spaces}</a>`), limits)
  const reader = new XmlReader(limits, ['a', 'b'])
  for (const text of ['<a>', piece, piece, piece, '</a>']) reader.write(Buffer.from(text))
  assert.deepEqual(reader.end().children, [])
})

test('elements that are handed over leave the tree, and do not count as held', () => {
  const reader = new XmlReader({ ...bounds, elementsMax: 10 }, ['r', 'list', 'item'])
  const item = '<item><x>1</x><y><item/></y></item>'
  const text = `<r><list>${item.repeat(500)}<token>t</token></list><item/></r>`
  const items: XmlElement[] = []
  for (const byte of Buffer.from(text)) items.push(...reader.write(Buffer.from([byte])))
  assert.equal(items.length, 500)
  const [first] = items
  assert.deepEqual(
    first?.children.map(({ name, text }) => name + text),
    ['x1', 'y'],
  )
  assert.deepEqual(
    reader.end(),
    element('r', {
      children: [element('list', { children: [element('token', { text: 't' })] }), element('item')],
    }),
  )
})

const character = fc.oneof(
  fc.constantFrom(...Array.from('<>&"\'\t\n\r ]é漢')),
  fc
    .integer({ min: 0x20, max: 0x10_ff_ff })
    .filter(isCharacter)
    .map((code) => String.fromCodePoint(code)),
)
const anyText = fc.array(character, { maxLength: 30 }).map((characters) => characters.join(''))

function isCharacter(code: number): boolean {
  return !(code >= 0xd8_00 && code <= 0xdf_ff) && code !== 0xff_fe && code !== 0xff_ff
}

test('what is written reads as it was, secret or not, in pieces of any size', () => {
  fc.assert(
    fc.property(anyText, anyText, anyText, fc.integer({ min: 1, max: 50 }), (text, secret, type, size) => {
      const bytes = writeXml(
        xml('a', [xml('t', text, { type }), xml('s', Buffer.from(secret)), xml('n', 7), xml('b', false)]),
      )
      const reader = new XmlReader(bounds)
      for (let at = 0; at < bytes.length; at += size) reader.write(bytes.subarray(at, at + size))
      const [t, s, n, b] = reader.end().children
      assert.deepEqual([t?.text, t?.type, s?.text, n?.text, b?.text], [text, type, secret, '7', 'false'])
    }),
  )
})

test('a text with a character that XML lacks is not written, nor is the text in the error', () => {
  for (const content of ['geheim\u0000', 'geheim\ud800', 'geheim\uffff', Buffer.from('geheim\u0001')])
    assert.throws(
      () => writeXml(xml('a', content)),
      (error) => error instanceof TypeError && !error.message.includes('geheim'),
    )
})

test('an error has none of the content', () => {
  for (const text of ['<a>geheim', '<a geheim=>', '<a>&geheim;</a>'])
    assert.throws(
      () => read(text),
      (error) =>
        error instanceof XmlError && !String(error.stack).includes('geheim') && error.cause === undefined,
    )
})
