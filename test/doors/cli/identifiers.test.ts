// The file of `--ids`: lists and tables as vCenter's tools, PowerShell and spreadsheets write them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIdentifiers } from '../../../src/doors/cli/identifiers.ts'
import { UsageError } from '../../../src/doors/cli/world.ts'

const parse = (text: string, encoding: BufferEncoding = 'utf8') =>
  parseIdentifiers(Buffer.from(text, encoding), 'keys')

const both = ['key-1', 'key-2']

for (const [what, text] of Object.entries({
  'one a line': 'key-1\nkey-2\n',
  'CRLF, blanks, comments and empty lines': '# from vc-1\r\n  key-1 \r\n\r\nkey-2\r\nkey-1\r\n',
  'a byte order mark': '\ufeffkey-1\nkey-2',
  'one column with a name': 'id\nkey-1\nkey-2\n',
  "PowerShell's CSV": '#TYPE Selected\r\n"id","Name"\r\n"key-1","web, ""1"""\r\n"key-2","db"\r\n',
  semicolons: 'name;keyId;disk\r\nweb;key-1;\r\ndb;key-2;\r\n',
  'a spreadsheet that declares its separator': 'sep=;\r\nname;keyId\r\nweb;key-1\r\ndb;key-2\r\n',
  tabs: 'name\tunique-identifier\nweb\tkey-1\ndb\tkey-2\n',
  'a name with a line break': '"name","keyId"\n"web\n1","key-1"\n"db","key-2"\n',
  'machines without a key': 'name,keyId\nweb,key-1\nnone,\ndb,key-2\n',
  'an inventory in JSON': '[{"name":"web","keyId":"key-1"},{"name":"none"},{"name":"db","keyId":"key-2"}]',
  'JSON, one a line': '{"keyId":"key-1"}\n{"keyId":"key-2"}\n',
}))
  test(`identifiers in ${what}`, async () => assert.deepEqual(await parse(text), both))

test('UTF-16, as Windows PowerShell 5 writes it, with and without a byte order mark', async () => {
  assert.deepEqual(await parse('\ufeff"id","Name"\r\n"key-1","a"\r\n"key-2","b"\r\n', 'utf16le'), both)
  assert.deepEqual(await parse('key-1\r\nkey-2\r\n', 'utf16le'), both)
})

function refused(text: string, message: RegExp, encoding?: BufferEncoding): Promise<void> {
  return assert.rejects(
    parse(text, encoding),
    (error) => error instanceof UsageError && message.test(error.message),
  )
}

test('rows are never taken for identifiers, and what is no list of them is told', async () => {
  await refused(
    '"Name","KeyNumber"\n"web","key-1"\n',
    /^keys, line 1: none of its columns .* named id or keyId$/,
  )
  await refused('Name;Number\nweb;key-1\n', /none of its columns/)
  await refused('', /^keys holds no identifiers/)
  await refused('id\n', /^keys holds no identifiers/)
  await refused('"id"\n"key-1\n', /^keys, line 2: it opens a quote that is not closed again$/)
  await refused('61ff62', /^keys: .* not UTF-/, 'hex')
  await refused(
    '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n',
    /^keys: this is .* key in PEM/,
  )
  await refused('k'.repeat(1025), /longer than an identifier may be/)
})
