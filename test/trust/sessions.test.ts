// Sessions of the console: what ends them, and that nobody makes one.

import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { limits } from '../../src/limits.ts'
import { MacKey } from '../../src/sealing/mac-key.ts'
import { Sessions } from '../../src/trust/sessions.ts'
import { openCore } from '../support/core.ts'
import { MovableClock } from '../support/movable-clock.ts'

function begin(keyByte = 1) {
  const clock = new MovableClock()
  const sessions = new Sessions({ macs: new MacKey(createSecretKey(Buffer.alloc(32, keyByte))), clock })
  return { clock, sessions }
}
const token = { id: 'token-1', sha256: 'ab'.repeat(32) }

test('a session is read back, by any server with the same key, and by no other', () => {
  const { sessions } = begin()
  const session = sessions.begin(token)
  const text = sessions.textOf(session)
  assert.ok(Sessions.isSession(text))
  assert.deepEqual(begin().sessions.read(text), session)
  assert.equal(begin(2).sessions.read(text), undefined)
})

test('a text that somebody changed or made is none', () => {
  const { sessions } = begin()
  const text = sessions.textOf(sessions.begin(token))
  const [head = '', body = '', mac = ''] = text.split('.')
  for (let at = 0; at < body.length; at += 5) {
    const other = body[at] === 'A' ? 'B' : 'A'
    assert.equal(sessions.read(`${head}.${body.slice(0, at)}${other}${body.slice(at + 1)}.${mac}`), undefined)
  }
  for (const wrong of [
    `${head}.`,
    `${head}.${body}`,
    `${head}.${body}.`,
    `${head}..${mac}`,
    `${text}A.B`,
    head,
  ])
    assert.equal(sessions.read(wrong), undefined, wrong)
})

test('it ends without a request for its time, and after its whole time however much it is used', () => {
  const { clock, sessions } = begin()
  let session = sessions.begin(token)
  const endsMs = sessions.endsMs(session)
  const first = sessions.textOf(session)
  clock.pass(limits.sessionIdleMs - 1)
  assert.ok(sessions.read(first))
  clock.pass(1)
  assert.equal(sessions.read(first), undefined)

  const { clock: later, sessions: used } = begin()
  session = used.begin(token)
  assert.equal(used.renewed(session), undefined, 'a young text stays')
  let text = used.textOf(session)
  for (let atMs = 0; atMs + limits.sessionIdleMs / 2 < limits.sessionMs; atMs += limits.sessionIdleMs / 2) {
    later.pass(limits.sessionIdleMs / 2)
    const known = used.read(text)
    assert.ok(known)
    text = used.renewed(known) ?? assert.fail('an old text is made anew')
    assert.equal(used.endsMs(known) - endsMs, used.endsMs(session) - endsMs)
  }
  later.pass(limits.sessionIdleMs / 2)
  assert.equal(used.read(text), undefined)
})

test('what a page asks by itself is no use of its session, which ends without anybody', () => {
  const { clock, sessions } = begin()
  const session = sessions.begin(token)
  clock.pass(2 * limits.sessionRenewMs)
  assert.equal(sessions.renewed(session, { isBackground: true }), undefined)
  assert.ok(sessions.renewed(session))
})

test('at a start no more of the audit log is read than texts can be old, since a busy server writes millions of entries a day', async (t) => {
  const core = await openCore(t)
  let sinceMs: number | undefined
  await core.sessions.recall({ list: (query) => ((sinceMs = query.sinceMs), core.audit.list(query)) })
  assert.equal(sinceMs, core.clock.now() - limits.sessionIdleMs)
})

test('a session that was ended is refused, and those beside it are not', () => {
  const { clock, sessions } = begin()
  const [one, other] = [sessions.begin(token), sessions.begin(token)]
  clock.pass(limits.sessionRenewMs)
  const renewed = sessions.renewed(one) ?? ''
  sessions.end(one)
  assert.equal(sessions.read(sessions.textOf(one)), undefined)
  assert.equal(sessions.read(renewed), undefined)
  assert.ok(sessions.read(sessions.textOf(other)))
})
