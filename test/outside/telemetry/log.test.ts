// The log: what it writes, and what it must not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { messageFirst, type Log } from '../../../src/core/ports/log.ts'

function logTo(format: 'json' | 'human', level = 'info'): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { log: createLog({ format, level, write: (line) => lines.push(line) }), lines }
}

test('JSON lines have level, time, message and fields', () => {
  const { log, lines } = logTo('json')
  log.warn({ client: 'vc1', days: 3 }, 'certificate expired')
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/)
  assert.deepEqual(rest, { level: 'warn', client: 'vc1', days: 3, message: 'certificate expired' })
})

test('bytes are never written, in no format', () => {
  const secret = Buffer.from('0123456789abcdef0123456789abcdef')
  for (const format of ['json', 'human'] as const) {
    const { log, lines } = logTo(format)
    log.error({ key: secret, view: new Uint8Array(secret), big: 12n }, 'oops')
    assert.match(lines[0] ?? '', /<32 bytes>/)
    for (const form of ['utf8', 'hex', 'base64'] as const) assert(!lines[0]?.includes(secret.toString(form)))
    assert(!lines[0]?.includes('48,49'))
  }
})

test('errors come with what caused them; a level leaves out what is below', () => {
  const { log, lines } = logTo('json', 'warn')
  log.info({}, 'unseen')
  log.debug({}, 'unseen')
  log.error({ error: new Error('unwrap', { cause: new Error('no answer') }) }, 'it failed')
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /unwrap.*no answer/)
})

test('lines for people are one line each, and what strangers sent cannot steer the terminal', () => {
  const { log, lines } = logTo('human')
  log.info({ subject: 'CN=\u001b[2Jx\ny', address: '192.0.2.1' }, 'refused')
  assert.match(
    lines[0] ?? '',
    /^\d\d:\d\d:\d\d INFO {2}refused {2}subject=CN=\ufffd\[2Jx\ufffdy {2}address=192\.0\.2\.1\n$/,
  )
  log.info({ names: ['\u009b2J', '\u202e'] }, 'a\u0085b')
  assert.match(lines[1] ?? '', /INFO {2}a\ufffdb {2}names=\["\ufffd2J","\ufffd"\]\n$/)
  log.error({ error: new Error('broken') }, 'it failed')
  assert.match(lines[2] ?? '', /ERROR it failed\n {4}Error: broken\n {8}at /)
})

test('lines with a field that is left out are not written', () => {
  const lines: string[] = []
  const write = (line: string) => lines.push(line)
  const log = createLog({ format: 'human', level: 'info', leaveOut: 'checkpoint', write })
  log.info({ checkpoint: { number: 1 } }, 'audit checkpoint')
  log.info({ kmip: '[::]:5696' }, 'serving')
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /serving/)
})

test('a room that says the message first is heard too', () => {
  const { log, lines } = logTo('json')
  messageFirst(log).warn('half a message', { bytes: 7 })
  messageFirst(log).info('nothing else')
  assert.match(lines.join(''), /"bytes":7,"message":"half a message".*"message":"nothing else"/s)
})

test('lines with a field that is held back come once its promise settles, in their order, and the others at once', async () => {
  const lines: string[] = []
  const told = Promise.withResolvers<void>()
  const holdBack = { field: 'checkpoint', until: told.promise }
  const log = createLog({ format: 'human', level: 'info', write: (line) => lines.push(line), holdBack })
  log.info({ checkpoint: 1 }, 'first')
  log.warn({}, 'second')
  log.info({ checkpoint: 2 }, 'third')
  assert.match(lines.join(''), /^\S+ WARN {2}second\n$/)
  told.resolve()
  await told.promise
  log.info({ checkpoint: 3 }, 'fourth')
  assert.deepEqual(
    lines.map((line) => line.split(/ +/)[2]?.trim()),
    ['second', 'first', 'third', 'fourth'],
  )
})
