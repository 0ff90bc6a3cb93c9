// Long bodies and the description of the API, which another thread parses, checks and makes: they are answered as if one thread
// did it, and a thread that ends leads to a refusal, before anything was changed.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { adoptRequestIdentifiersMax } from '../../../src/base/bounds.ts'
import { Refusal } from '../../../src/base/refusal.ts'
import { errorAnswer } from '../../../src/doors/http/error-answer.ts'
import { SchemaThread, type SchemaThreadOptions } from '../../../src/doors/http/schema-thread.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'

const odd = new URL('./odd-schema-thread.ts', import.meta.url)
const unhurried = { spent: false, turn: () => {} }
const waits = { asker: 'a', hasLeft: () => false }
const long = ' '.repeat(65 * 1024)

async function opened(t: TestContext, schemaThread: SchemaThreadOptions): Promise<TestDoor> {
  const door = await startDoor({ schemaThread })
  t.after(() => door.close())
  return door
}

async function createToken(door: TestDoor, raw: string | Buffer) {
  return door.ask('POST', '/api/v1/tokens', { token: await door.token('manager'), raw })
}

const named = (name: string) => `{"role":"viewer","name":"${name}"}`

const tokenBody = (text: string) => ({ route: 'createToken', bytes: Uint8Array.from(Buffer.from(text)) })

const errorOf = (json: unknown) => {
  const { requestId: _, ...error } = errorAnswer.parse(json).error
  return error
}

test('a long body is answered as a short one', async (t) => {
  const door = await opened(t, {})
  for (const body of [
    '{"role":7}',
    '{"role":"viewer","a":1,"b":2,"expiresDays":0}',
    '[]',
    '{"role":"viewer"',
    Buffer.from('7b22726f6c65223a22ff227d', 'hex'),
  ]) {
    const short = await createToken(door, body)
    const padded = await createToken(door, Buffer.concat([Buffer.from(body), Buffer.from(long)]))
    assert.equal(short.status, 400)
    assert.equal(padded.status, 400)
    assert.deepEqual(errorOf(padded.json), errorOf(short.json))
  }
  const made = await createToken(door, `${named('  of a long body ')}${long}`)
  assert.equal(made.status, 201)
  assert.equal((made.json as { name: string }).name, 'of a long body')
  assert.deepEqual(door.bugs, [])
})

test('a list with as many entries as a body may have arrives whole', async (t) => {
  const door = await opened(t, {})
  const ids = Array.from({ length: adoptRequestIdentifiersMax }, (_, number) => `key ${number}`)
  const token = await door.token('viewer')
  const check = (body: object) =>
    door.ask('POST', `/api/v1/instances/${door.red.id}/adoption-check`, { token, body })
  const { status, json } = await check({ ids })
  assert.equal(status, 200)
  assert.deepEqual(json, { present: 0, missing: ids, destroyed: [] })
  const wrong = await check({ ids: [...ids.slice(1), ''] })
  assert.equal(errorOf(wrong.json).message, `body.ids.${ids.length - 1}: it is empty`)
})

test('a request without a fitting token is refused before its body is parsed', async (t) => {
  const door = await opened(t, { script: odd })
  const body = { name: 'end the thread', ids: [long] }
  const path = `/api/v1/instances/${door.red.id}/inventory/imports/x/rows`
  assert.equal((await door.ask('POST', path, { body })).status, 401)
  assert.equal((await door.ask('POST', path, { token: await door.token('viewer'), body })).status, 403)
  assert.deepEqual(door.bugs, [])
})

test('a thread that ends leads to 503, nothing is written, and the next body starts another', async (t) => {
  const door = await opened(t, { script: odd })
  const refused = await createToken(door, `${named('end the thread')}${long}`)
  assert.equal(refused.status, 503)
  assert.deepEqual(errorOf(refused.json), {
    code: 'unavailable',
    message: 'the thread that does this work ended; nothing was changed',
    hint: 'Try again.',
  })
  assert.match(String(door.bugs.splice(0)), /given up: it ended with code 3/)
  const tokens = async () =>
    (await door.ask('GET', '/api/v1/tokens', { token: await door.token('manager') })).text
  assert.doesNotMatch(await tokens(), /end the thread/)
  assert.equal((await createToken(door, `${named('of another thread')}${long}`)).status, 201)
  // A short body needs no thread.
  assert.equal((await createToken(door, named('end the thread'))).status, 201)
  assert.deepEqual(door.bugs, [])
})

test('a thread that does not answer is given up, and what waits for it is refused', async (t) => {
  const door = await opened(t, { script: odd, answerMs: 1_000 })
  const body = `${named('hold the thread')}${long}`
  const both = await Promise.all([createToken(door, body), createToken(door, body)])
  assert.deepEqual(
    both.map(({ status }) => status),
    [503, 503],
  )
  assert.match(String(door.bugs.splice(0)), /given up: it did not answer in time/)
})

test('a thread that is not there leads to 503, and is looked for again', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-schema-thread-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const script = path.join(folder, 'thread.mjs')
  const door = await opened(t, { script: pathToFileURL(script) })
  for (const page of ['/api/openapi.json', '/api/docs'])
    assert.equal((await door.ask('GET', page)).status, 503)
  assert.equal(door.bugs.splice(0).length, 2)
  writeFileSync(script, `import ${JSON.stringify(odd.href)}`)
  for (const page of ['/api/openapi.json', '/api/docs'])
    assert.equal((await door.ask('GET', page)).status, 200)
})

test('a thread that was idle for long ends, and the next work starts another', async () => {
  const bugs: unknown[] = []
  const thread = new SchemaThread({ idleMs: 0, failed: (error) => bugs.push(error) })
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(await thread.body(tokenBody('{"role":"viewer"}'), unhurried, waits), { role: 'viewer' })
    // The timer of the idle thread fires.
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await thread.close()
  assert.deepEqual(bugs, [])
})

test('an asker has one body at a time, and that of a client that has left is not parsed', async () => {
  const thread = new SchemaThread({ script: odd, failed: () => assert.fail('the thread was given up') })
  const held = assert.rejects(thread.body(tokenBody('hold the thread'), unhurried, waits), isUnavailable)
  const asks: string[] = []
  const left = thread.body(tokenBody('{"role":"viewer"}'), unhurried, {
    asker: 'a',
    hasLeft: () => {
      asks.push('after the other')
      return true
    },
  })
  const refused = assert.rejects(left, /the client did not wait/)
  await new Promise(setImmediate)
  assert.deepEqual(asks, [])
  await thread.close()
  await Promise.all([held, refused])
  assert.deepEqual(asks, ['after the other'])
})

test('a server that closes refuses what waits, and what comes then', async () => {
  const thread = new SchemaThread({ script: odd, failed: () => assert.fail('the thread was given up') })
  const held = assert.rejects(thread.body(tokenBody('hold the thread'), unhurried, waits), isUnavailable)
  // It has begun.
  await new Promise(setImmediate)
  await thread.close()
  await held
  await assert.rejects(thread.body(tokenBody('{"role":"viewer"}'), unhurried, waits), isUnavailable)
})

const isUnavailable = (error: unknown) => error instanceof Refusal && error.code === 'unavailable'
