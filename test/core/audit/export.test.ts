// An exported log as it is read, and a checkpoint that somebody kept outside: in a line of the server's log, of an export, or by itself.

import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { exportHead, linesOf, parseCheckpoint, readExport } from '../../../src/core/audit/export.ts'

test('a file without line ends is not read to its end before somebody sees that it is no export', async () => {
  let parts = 0
  const endless = (async function* () {
    for (;;) {
      parts++
      yield new Uint8Array(1024 * 1024)
    }
  })()
  for await (const line of linesOf(endless)) {
    assert.ok(line.length > 1024 * 1024)
    break
  }
  assert.equal(parts, 17)
})

const checkpoint = { number: 7, body: '{"number":7}', signature: 'AA==' }

test('a checkpoint is read wherever it stands, with nothing else that stands beside it', () => {
  for (const [line, expected] of [
    [checkpoint, checkpoint],
    [{ checkpoint }, checkpoint],
    [{ level: 'info', message: 'audit checkpoint', checkpoint: { ...checkpoint, more: 1 } }, checkpoint],
    [{ ...checkpoint, checkpoint: null }, undefined],
    [{ checkpoint: { ...checkpoint, number: '7' } }, undefined],
    [{ checkpoint: { ...checkpoint, body: undefined } }, undefined],
    [{ checkpoint: { ...checkpoint, signature: 1 } }, undefined],
    [{ entry: checkpoint }, undefined],
    [null, undefined],
    ['text', undefined],
    [[checkpoint], undefined],
  ] as const)
    assert.deepEqual(parseCheckpoint(JSON.stringify(line)), expected, JSON.stringify(line))
  for (const text of ['', 'no JSON', `${JSON.stringify(checkpoint)} and more`])
    assert.equal(parseCheckpoint(text), undefined, text)
})

test('an export comes as bytes that are cut anywhere, with lines and characters in several parts', async () => {
  const lines = ['{"a":"ä€🔑"}', '', 'second', '']
  const bytes = Buffer.from(lines.join('\n'))
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, part) =>
      bytes.subarray(part * size, (part + 1) * size),
    )
    const read: string[] = []
    for await (const line of linesOf(Readable.from(parts))) read.push(line)
    assert.deepEqual(read, lines, `parts of ${size}`)
  }
})

test('an export that is read as it comes is what it is as a whole, and tells the line that does not belong to it', async () => {
  const head = { writer: 'w', number: 1, hash: 'h' }
  const entry = { ...head, body: '{}' }
  const lines = [
    exportHead('key', { beginnings: [head], ends: [] }, 0),
    JSON.stringify({ entry }),
    '',
    JSON.stringify({ checkpoint }),
  ]
  const expected = {
    publicKey: 'key',
    beginnings: [head],
    ends: [],
    checkpoints: [checkpoint],
    entries: [entry],
  }
  assert.deepEqual(await readExport(lines), expected)
  assert.deepEqual(await readExport(Readable.from(lines)), expected)
  assert.deepEqual(JSON.parse(lines[0] ?? ''), {
    mortiseAudit: 1,
    publicKey: 'key',
    beginnings: [head],
    ends: [],
    exported: '1970-01-01T00:00:00.000Z',
  })
  for (const [wrong, message] of [
    [[...lines, '{"other":1}'], /line 5 is neither an entry nor a checkpoint/],
    [[...lines, 'no JSON'], /line 5 of the export is not JSON/],
    [[], /line 1 of the export is not JSON/],
    [['{}'], /not an audit export/],
    [[JSON.stringify({ mortiseAudit: 2, publicKey: 'key', beginnings: [head] })], /not an audit export/],
    [[JSON.stringify({ mortiseAudit: 1, publicKey: 7, beginnings: [head] })], /not an audit export/],
    [[JSON.stringify({ mortiseAudit: 1, publicKey: 'key' })], /not an audit export/],
    [
      [JSON.stringify({ mortiseAudit: 1, publicKey: 'key', beginnings: [{ ...head, number: '1' }] })],
      /not an audit/,
    ],
    [
      [JSON.stringify({ mortiseAudit: 1, publicKey: 'key', beginnings: [], ends: {} })],
      /not an audit export/,
    ],
  ] as const) {
    await assert.rejects(readExport(wrong), message)
  }
})
