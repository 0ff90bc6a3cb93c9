// A checkpoint that somebody kept outside, as it is read from a line of the server's log, of an export, or by itself.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesOf, parseCheckpoint } from '../../src/audit/export.ts'

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
