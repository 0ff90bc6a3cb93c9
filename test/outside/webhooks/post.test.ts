// One body to a real HTTP server: what is worth another attempt, and where nothing goes.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { NotSent, postJson } from '../../../src/outside/webhooks/post.ts'
import { startWebhook } from '../../support/webhook/fake.ts'

const options = { headers: { 'x-mark': 'm' }, timeoutMs: 10_000 }
const failure = (again: boolean, message: RegExp) => (error: unknown) =>
  error instanceof NotSent && error.again === again && message.test(error.message)

test('a receiver gets the body as JSON, with the headers', async (t) => {
  const { asked, url } = await startWebhook(t, 204)
  await postJson(url, '{"a":1}', options)
  const [{ headers, body } = assert.fail('nothing came')] = asked
  assert.deepEqual([headers['content-type'], headers['x-mark'], body], ['application/json', 'm', '{"a":1}'])
})

for (const [status, again] of [
  [404, false],
  [400, false],
  [429, true],
  [408, true],
  [500, true],
  [503, true],
] as const)
  test(`an answer ${status} is ${again ? 'worth another attempt' : 'final'}`, async (t) => {
    const { url } = await startWebhook(t, status)
    await assert.rejects(postJson(url, '{}', options), failure(again, new RegExp(`answered ${status}`)))
  })

test('no redirect is followed: it may lead to a place inside the network', async (t) => {
  const { asked, url } = await startWebhook(t, 200)
  const { url: away } = await startWebhook(t, 307, { location: url })
  await assert.rejects(postJson(away, '{}', options), failure(true, /redirect/))
  assert.equal(asked.length, 0)
})

test('a receiver that does not answer meets the timeout', async (t) => {
  const silent = createServer((socket) => t.after(() => socket.destroy())).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => silent.close())
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
  await assert.rejects(postJson(url, '{}', { ...options, timeoutMs: 50 }), failure(true, /timeout/))
})
