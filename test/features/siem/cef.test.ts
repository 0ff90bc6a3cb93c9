import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { cefLine } from '../../../src/features/siem/cef.ts'

const entry: AuditEntry = {
  atMs: 1_790_000_000_123,
  action: 'key.get',
  result: 'success',
  instanceId: 'i-1',
  object: 'k=1',
  actor: { kind: 'client', id: 'c-1', name: 'vc|1=\\a\nb', certificateSha256: 'ab', address: '192.0.2.7' },
  reason: null,
  requestId: null,
  detail: { bytes: 16 },
}

function lineOf(changes: Partial<AuditEntry> = {}): string {
  const body = JSON.stringify({ ...entry, ...changes })
  return cefLine(
    { writer: 'w', number: 7, hash: 'f0', body },
    { version: '1.2|3', meanings: { 'key.get': 'A client\nfetched it.' } },
  )
}

test('an entry becomes one line: header, then the keys of the dictionary', () => {
  const head = String.raw`CEF:0|Mortise|Mortise|1.2\|3|key.get|A client fetched it.|3|`
  assert.ok(lineOf().startsWith(`${head}rt=1790000000123 act=key.get outcome=success `), lineOf())
  assert.match(lineOf(), / src=192\.0\.2\.7 deviceExternalId=w externalId=7 cs1=i-1 cs1Label=Instance /)
  assert.match(lineOf(), / cs5=f0 cs5Label=Chain hash msg=\{"bytes":16\}$/)
})

test('what would end a field or the line is escaped in values; a bar is not', () => {
  assert.ok(lineOf().includes(String.raw` suser=vc|1\=\\a\nb `), lineOf())
  assert.ok(lineOf().includes(String.raw` cs2=k\=1 `))
  assert.ok(!lineOf().includes('\n'))
})

test('a refusal is more severe, and says its reason', () => {
  const line = lineOf({ result: 'refused', reason: 'ItemNotFound' })
  assert.match(line, /\|6\|rt=.* outcome=refused reason=ItemNotFound /)
  assert.doesNotMatch(line, / cnt=/)
  assert.match(lineOf({ result: 'refused', detail: { refusals: 980 } }), / cnt=980 msg=/)
})

test('an IPv6 address has its own key, and what is not known is left out', () => {
  const actor = { ...entry.actor, address: '2001:db8::7', name: null, certificateSha256: null }
  const line = lineOf({ actor, object: null, detail: null })
  assert.match(line, / c6a2=2001:db8::7 c6a2Label=Source IPv6 Address /)
  assert.doesNotMatch(line, /src=|suser=|cs2=|cs4=|msg=/)
})
