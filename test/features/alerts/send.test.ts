// One alert to a real HTTP server and to a real mail server.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { Alert } from '../../../src/features/alerts/alert.ts'
import { signatureOf } from '../../../src/features/alerts/messages.ts'
import { send, type SendOptions } from '../../../src/features/alerts/send.ts'
import type { AlertTarget } from '../../../src/features/alerts/targets.ts'
import { NotSent } from '../../../src/outside/webhooks/post.ts'
import { startWebhook } from '../../support/webhook/fake.ts'

const alert: Alert = {
  id: 'disk-low',
  severity: 'warning',
  instanceId: null,
  about: '',
  message: 'the disk is nearly full',
  action: 'Make room.',
  key: 'k',
  event: 'begun',
  atMs: 0,
}
const plain: SendOptions = {
  origin: { node: 'kms-1', version: '1' },
  signingKeyFile: null,
  smtp: null,
  now: () => 5_000,
}

const target = (kind: AlertTarget['kind'], address: string): AlertTarget => ({ kind, address, name: kind })
const failure = (again: boolean, message: RegExp) => (error: unknown) =>
  error instanceof NotSent && error.again === again && message.test(error.message)

function keyFile(t: TestContext, content: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-alerts-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'key')
  writeFileSync(file, `${content}\n`, { mode: 0o600 })
  return file
}

test('a webhook gets JSON, signed with the key of the file', async (t) => {
  const { asked, url } = await startWebhook(t, 204)
  await send(alert, target('json', url), { ...plain, signingKeyFile: keyFile(t, 'secret') })
  const [{ headers, body } = assert.fail('nothing came')] = asked
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['mortise-signature'], signatureOf(body, Buffer.from('secret'), 5_000))
  assert.equal((JSON.parse(body) as Alert).message, alert.message)
})

test('chat and PagerDuty get what is theirs, without a signature', async (t) => {
  const { asked, url } = await startWebhook(t, 200)
  const options = { ...plain, signingKeyFile: keyFile(t, 'secret'), pagerdutyUrl: url }
  await send(alert, target('slack', url), options)
  await send(alert, target('teams', url), options)
  await send(alert, target('pagerduty', 'ROUTINGKEY'), options)
  assert.deepEqual(
    asked.map(({ body }) => Object.keys(JSON.parse(body) as object)[0]),
    ['text', 'type', 'routing_key'],
  )
  assert.ok(asked.every(({ headers }) => headers['mortise-signature'] === undefined))
})

test('nobody there, and a key that cannot be read, are tried again', async (t) => {
  const { url } = await startWebhook(t, 200)
  await assert.rejects(
    send(alert, target('json', 'http://127.0.0.1:1/'), plain),
    failure(true, /ECONNREFUSED|bad port/),
  )
  const options = { ...plain, signingKeyFile: '/nowhere/key' }
  await assert.rejects(send(alert, target('json', url), options), failure(true, /ENOENT.*\/nowhere\/key/))
})

async function mailServer(t: TestContext, options: SMTPServerOptions) {
  const mails: string[] = []
  const take = async (stream: Readable, done: () => void) => {
    mails.push(await text(stream))
    done()
  }
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    logger: false,
    onData: (stream, _, done) => void take(stream, done),
    ...options,
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  server.on('error', () => {})
  t.after(() => new Promise<void>((resolve) => server.close(resolve)))
  return { mails, url: `smtp://127.0.0.1:${(server.server.address() as AddressInfo).port}` }
}

const smtp = (url: string) => ({ ...plain, smtp: { url, passwordFile: null, from: 'mortise@kms-1' } })
const ops = target('mail', 'ops@example.com')

test('mail comes with sender, subject and advice', async (t) => {
  const { mails, url } = await mailServer(t, {})
  await send(alert, ops, smtp(url))
  assert.match(
    mails[0] ?? '',
    /From: mortise@kms-1[^]*To: ops@example\.com[^]*Subject: \[warning\] Mortise kms-1: the disk/,
  )
  assert.match(mails[0] ?? '', /Make room\./)
})

test('a mail server may be named by its IPv6 address', async () => {
  const sent = send(alert, ops, smtp('smtp://[::1]:1'))
  // The machine may have no such address: then it says so, or that nothing listens.
  await assert.rejects(sent, failure(true, /::1:1\b/))
})

const refusing = (code: number): SMTPServerOptions => ({
  onRcptTo: (_, __, done) => done(Object.assign(new Error('no'), { responseCode: code })),
})

test('a mailbox that does not exist is final, a server that is busy is not', async (t) => {
  await assert.rejects(
    send(alert, ops, smtp((await mailServer(t, refusing(550))).url)),
    failure(false, /550/),
  )
  await assert.rejects(send(alert, ops, smtp((await mailServer(t, refusing(451))).url)), failure(true, /451/))
})

test('a password never goes to a server without TLS', async (t) => {
  const passwords: (string | null | undefined)[] = []
  const { url } = await mailServer(t, {
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _, done) => (passwords.push(password), done(null, { user: username })),
  })
  const options = {
    ...plain,
    smtp: { url: url.replace('//', '//me@'), passwordFile: keyFile(t, 'pw'), from: 'm@x' },
  }
  await assert.rejects(send(alert, ops, options), NotSent)
  assert.deepEqual(passwords, [])
})

test('a mail server that says a little now and then, and never the rest, holds nothing up', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.write('220 here\r\n')
    socket.once('data', () => {
      const talking = setInterval(() => socket.write('250-wait\r\n'), 20)
      socket.once('close', () => clearInterval(talking))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const url = `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`
  await assert.rejects(
    send(alert, ops, { ...smtp(url), mailMs: 500 }),
    failure(true, /^it did not take the mail within 0\.5 s$/),
  )
})

test('without a mail server, mail says what to name', async () => {
  await assert.rejects(send(alert, ops, plain), failure(false, /alerts\.smtp/))
})
