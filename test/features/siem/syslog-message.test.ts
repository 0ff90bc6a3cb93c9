import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chainHash } from '../../../src/core/audit/chain.ts'
import { jsonLine, syslogFrame } from '../../../src/features/siem/syslog-message.ts'

const body = JSON.stringify({
  writer: 'w',
  number: 3,
  atMs: 1_790_000_000_123,
  action: 'key.get',
  result: 'refused',
})
const entry = { writer: 'w"]\\', number: 3, hash: 'ab12', body }
const source = { host: 'kms-1.example', process: 42 }

test('a frame is the length in bytes, a space, and an RFC 5424 message', () => {
  const frame = syslogFrame(entry, source, 'Schlüssel').toString('utf8')
  const [, length, message = ''] = /^(\d+) (.*)$/s.exec(frame) ?? []
  assert.equal(Buffer.byteLength(message), Number(length))
  const data = String.raw`[mortise@32473 writer="w\"\]\\" number="3" hash="ab12"]`
  assert.equal(message, `<108>1 2026-09-21T14:13:20.123Z kms-1.example mortise 42 key.get ${data} Schlüssel`)
})

test('the severity tells how the act ended: informational, notice, warning', () => {
  const priorities = (['success', 'undone', 'refused'] as const).map((result) => {
    const text = syslogFrame({ ...entry, body: body.replace('refused', result) }, source, '').toString()
    return /<(\d+)>/.exec(text)?.[1]
  })
  assert.deepEqual(priorities, ['110', '109', '108'])
})

test('what a header must not have is replaced in it', () => {
  const odd = { ...entry, body: body.replace('key.get', `key get ${'x'.repeat(40)}`) }
  const message = syslogFrame(odd, { ...source, host: 'büro 1' }, '').toString()
  assert.match(message, / b_ro_1 mortise 42 key_get_x{24} /)
  assert.match(syslogFrame(entry, { ...source, host: '' }, '').toString(), /Z - mortise/)
})

test('the line of JSON has the text that was hashed, so a receiver can check the chain', () => {
  const hash = chainHash('', body)
  const line = jsonLine({ ...entry, hash })
  const { time, hash: stated, ...rest } = JSON.parse(line) as Record<string, unknown>
  assert.equal(time, '2026-09-21T14:13:20.123Z')
  assert.equal(stated, hash)
  assert.equal(chainHash('', JSON.stringify(rest)), hash)
})
