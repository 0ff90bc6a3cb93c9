// The proof that a browser makes says what the server's says, of whole logs and of changed ones.

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { proveExport } from '../../../console/src/proof/prove-export.ts'
import { webCrypto } from '../../../console/src/proof/web-crypto.ts'
import { readExport } from '../../../src/core/audit/export.ts'
import { verifyLog } from '../../../src/core/audit/verify.ts'
import { history } from '../../support/store/audit-log.ts'

const waiting = { signal: new AbortController().signal, onProgress: () => undefined }

function prove(lines: readonly string[], checkpoint = '') {
  return proveExport(new Blob([lines.join('\n')]), checkpoint, webCrypto, waiting)
}

test('a browser proves by the same rules as the server', async (t) => {
  const core = await history(t)
  const lines: string[] = []
  for await (const line of core.audit.export()) lines.push(line)
  assert.deepEqual(await prove([...lines, '']), await core.audit.verify())
  const checkpoint = lines.findLast((line) => line.startsWith('{"checkpoint"')) ?? ''
  assert.equal((await prove(lines, checkpoint)).ok, true)
  const packed = new Blob([gzipSync(lines.join('\n'))])
  assert.deepEqual(await proveExport(packed, '', webCrypto, waiting), await core.audit.verify())
  for (let at = 1; at < lines.length; at++) {
    for (const changed of [
      lines.toSpliced(at, 1),
      lines.toSpliced(at, 0, lines[at] ?? ''),
      lines.with(at, (lines[at] ?? '').replace(/\d{4}\D*"/, '0$&')),
      lines.with(at, (lines[at] ?? '').replace('"signature":"', '"signature":"~')),
    ]) {
      const log = await readExport(changed)
      assert.deepEqual(await prove(changed), await verifyLog(log, log), `line ${at + 1}`)
    }
  }
  const missing = await prove(lines.slice(0, -6), checkpoint)
  assert.equal(missing.ok, false)
})

test('what is no log and no checkpoint is said in a sentence', async (t) => {
  await assert.rejects(prove(['']), /line 1 of the export is not JSON/)
  await assert.rejects(prove(['{"a":1}']), /this is not an audit export/)
  await assert.rejects(prove(['{}'], 'a checkpoint'), /This is no checkpoint/)
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey
  const publicKey = rsa.export({ type: 'spki', format: 'der' }).toString('base64')
  const head = JSON.stringify({ mortiseAudit: 1, publicKey, beginnings: [] })
  await assert.rejects(prove([head]), /the public key of this log is no Ed25519 key/)
  t.mock.method(crypto.subtle, 'importKey', () => {
    throw new DOMException('no', 'NotSupportedError')
  })
  await assert.rejects(prove([head]), /This browser cannot verify Ed25519 signatures/)
})

test('nobody waits any more: it ends', async () => {
  const left = new AbortController()
  left.abort()
  const head = JSON.stringify({ mortiseAudit: 1, publicKey: '', beginnings: [] })
  const long = new Blob([`${head}\n`, '\n'.repeat(3_000_000)])
  await assert.rejects(proveExport(long, '', webCrypto, { ...waiting, signal: left.signal }), {
    name: 'AbortError',
  })
})
