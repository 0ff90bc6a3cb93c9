// Exports of the audit log as files: longer than one text can be, and in whatever pieces they come.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { exportHead, linesOf } from '../../../src/core/audit/export.ts'
import { inProcess } from '../../support/server/command.ts'

test('an export that is longer than one text can be is verified', async () => {
  const key = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' })
  const head = exportHead(key.toString('base64'), { beginnings: [], ends: [] }, 0)
  const blank = Buffer.alloc(8 * 1024 * 1024, ' ')
  blank.write('\n', blank.length - 1)
  // Node.js makes no text of more than 512 MiB.
  const whole = async function* () {
    yield Buffer.from(`${head}\n`)
    for (let bytes = 0; bytes < 520 * 1024 * 1024; bytes += blank.length) yield blank
  }
  const { code, stdout, stderr } = await inProcess(['audit', 'verify', '-', '--json'], {}, (world) => ({
    ...world,
    stdin: Readable.from(whole()),
  }))
  assert.equal(code, 0, stderr)
  assert.equal((JSON.parse(stdout) as { entries: number }).entries, 0)
})

test('lines are those of the text, in whatever pieces its bytes come', async () => {
  const text = '{"name":"Müller €"}\n\n"🔑"\nlast'
  const bytes = Buffer.from(`\ufeff${text}`)
  for (const step of [1, 2, 3, 5, bytes.length]) {
    const parts = async function* () {
      for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
    }
    const lines: string[] = []
    for await (const line of linesOf(parts())) lines.push(line)
    assert.deepEqual(lines, text.split('\n'), String(step))
  }
})
