// Sessions of the console: what ends them, and that nobody makes one.

import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { sessionIdleMs } from '../../../src/base/bounds.ts'
import { sessionMs, sessionRenewMs } from '../../../src/core/trust/sessions.ts'
import { EndedSessions } from '../../../src/core/sealing/ended-sessions.ts'
import { MacKey } from '../../../src/core/sealing/mac-key.ts'
import { Sessions } from '../../../src/core/trust/sessions.ts'
import { openCore } from '../../support/server/core.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { auditEntry } from '../../support/store/store-values.ts'

/** Nobody has ended a session. */
const nobody = { has: () => Promise.resolve(false), add: () => Promise.resolve(true) }

function begin(keyByte = 1) {
  const clock = new MovableClock()
  const macs = new MacKey(createSecretKey(Buffer.alloc(32, keyByte)))
  const sessions = new Sessions({ macs, clock, ended: nobody })
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
  clock.pass(sessionIdleMs - 1)
  assert.ok(sessions.read(first))
  clock.pass(1)
  assert.equal(sessions.read(first), undefined)

  const { clock: later, sessions: used } = begin()
  session = used.begin(token)
  assert.equal(used.renewed(session), undefined, 'a young text stays')
  let text = used.textOf(session)
  for (let atMs = 0; atMs + sessionIdleMs / 2 < sessionMs; atMs += sessionIdleMs / 2) {
    later.pass(sessionIdleMs / 2)
    const known = used.read(text)
    assert.ok(known)
    text = used.renewed(known) ?? assert.fail('an old text is made again')
    assert.equal(used.endsMs(known) - endsMs, used.endsMs(session) - endsMs)
  }
  later.pass(sessionIdleMs / 2)
  assert.equal(used.read(text), undefined)
})

test('what a page asks by itself is no use of its session, which ends without anybody', () => {
  const { clock, sessions } = begin()
  const session = sessions.begin(token)
  clock.pass(2 * sessionRenewMs)
  assert.equal(sessions.renewed(session, { isBackground: true }), undefined)
  assert.ok(sessions.renewed(session))
})

test('a session that was ended is over on every node, with all its texts, and those beside it are not', async (t) => {
  const { clock, sessions, secrets, store } = await openCore(t)
  const other = new Sessions({ macs: secrets, clock, ended: new EndedSessions(secrets) })
  const [one, beside] = [sessions.begin(token), sessions.begin(token)]
  await sessions.end(one, auditEntry({ action: 'session.end' }))
  for (const node of [sessions, other])
    assert.deepEqual(await Promise.all([one, beside].map((session) => node.hasEnded(session))), [true, false])
  const { entries } = await store.audit({ action: 'session.end', order: 'newest', limit: 9 })
  assert.equal(entries.length, 1)
})

test('the place of an ended session is that of the instance, or of the token of all instances', async () => {
  const places: string[] = []
  const ended = { ...nobody, add: async ({ of }: { readonly of: string }) => places.push(of) > 0 }
  const macs = new MacKey(createSecretKey(Buffer.alloc(32)))
  const sessions = new Sessions({ macs, clock: new MovableClock(), ended })
  for (const instanceId of ['instance', null])
    await sessions.end(sessions.begin(token), auditEntry({ instanceId }))
  assert.deepEqual(places, ['instance', token.id])
})

test('where too many were ended, the next end is refused, since it would not count', async () => {
  const ended = { ...nobody, add: () => Promise.resolve(false) }
  const macs = new MacKey(createSecretKey(Buffer.alloc(32)))
  const sessions = new Sessions({ macs, clock: new MovableClock(), ended })
  await assert.rejects(sessions.end(sessions.begin(token), auditEntry()), /too many sessions were ended/)
})
