// Sessions: a password that vCenter refuses is never sent twice, a session that has ended is begun again once, and no error repeats a
// secret.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { VsphereError, type VsphereErrorKind } from '../../../src/outside/vsphere-api/errors.ts'
import { openSession, type VsphereSession } from '../../../src/outside/vsphere-api/session.ts'
import { xml } from '../../../src/outside/vsphere-api/xml.ts'
import { answer, ApiServer, fault, type ApiReply } from './api-server.ts'

const password = 'pa&ss-<word>'
const self = { type: 'ServiceInstance', id: 'ServiceInstance' }
const opening = ['/sdk/vimServiceVersions.xml', 'RetrieveServiceContent', 'Login']

async function open(t: TestContext, replies: Readonly<Record<string, ApiReply>> = {}) {
  const server = await ApiServer.start(t, replies)
  const secret = Buffer.from(password)
  const session = await openSession(server.connect(t), { user: 'u@vsphere.local', password: secret })
  secret.fill(0)
  return { server, session }
}

function isError(kind: VsphereErrorKind, message: RegExp, fault?: string) {
  return (error: unknown) => {
    assert.ok(error instanceof VsphereError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, message)
    assert.equal(error.fault, fault)
    assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes('pa&'))
    return true
  }
}

const now = (session: VsphereSession) => session.call(self, 'CurrentTime')

/** NotAuthenticated for all cookies but this one. */
function onlyFor(cookie: string, content = ''): ApiReply {
  return (response, call) => {
    if (call.cookie === cookie) return response.end(answer(call.name, content))
    const refuse = fault('NotAuthenticated', 'The session is not authenticated.')
    return typeof refuse === 'string' ? undefined : refuse(response, call)
  }
}

/** Each login gives another cookie: `s-1`, `s-2`. */
function login(): ApiReply {
  let count = 0
  return (response, { name }) => {
    response.setHeader('Set-Cookie', `vmware_soap_session="s-${++count}"; Path=/; HttpOnly; Secure`)
    response.end(answer(name, `<returnval><key>key-${count}</key></returnval>`))
  }
}

const sessionCookie = (name: string) => `vmware_soap_session="${name}"`

test('a session says what vCenter is, calls with its cookie and version, and logs out', async (t) => {
  const { server, session } = await open(t)
  assert.deepEqual(session.about, {
    product: 'VMware vCenter Server',
    version: '8.0.3',
    build: '',
    apiVersion: '8.0.3.0',
    apiType: 'VirtualCenter',
    instanceUuid: 'uuid-1',
  })
  assert.deepEqual(session.content.cryptoManager, { type: 'CryptoManagerKmip', id: 'CryptoManager' })
  assert.equal(session.key, 'key-1')
  const values = await session.call(self, 'CurrentTime', [xml('a', 'x < y')])
  assert.deepEqual(
    values.map(({ text }) => text),
    ['2026-11-25T09:47:08Z'],
  )
  const call = server.calls.at(-1)
  assert.match(
    call?.body ?? '',
    /<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance<\/_this><a>x &lt; y<\/a><\/CurrentTime>/,
  )
  assert.deepEqual([call?.cookie, call?.action], [sessionCookie('s-1'), '"urn:vim25/8.0.3.0"'])
  const sent = server.calls.find(({ name }) => name === 'Login')
  assert.equal(sent?.cookie, undefined)
  assert.match(
    sent?.body ?? '',
    /<userName>u@vsphere\.local<\/userName><password>pa&amp;ss-&lt;word&gt;<\/password>/,
  )
  await session.end()
  await session.end()
  assert.deepEqual(server.names, [...opening, 'CurrentTime', 'Logout'])
  assert.equal(server.calls.at(-1)?.cookie, sessionCookie('s-1'))
  await assert.rejects(now(session), isError('login', /has been closed/))
  assert.equal(server.names.length, 5)
})

test('a refused password is sent once, and the error has neither it nor words that may repeat it', async (t) => {
  for (const name of ['InvalidLogin', 'PasswordExpired']) {
    const server = await ApiServer.start(t, { Login: fault(name, `wrong: pa&amp;ss-&lt;word&gt;`) })
    const connection = server.connect(t)
    await assert.rejects(
      openSession(connection, { user: 'u', password: Buffer.from(password) }),
      isError('login', new RegExp(`^vCenter refuses Login: ${name}$`), name),
    )
    assert.deepEqual(server.names, opening)
  }
})

test('a password that is refused later is sent once more at most, whatever is called then', async (t) => {
  const { server, session } = await open(t, { CurrentTime: onlyFor('none') })
  server.replies = { ...server.replies, Login: fault('InvalidLogin', 'no') }
  const refused = isError('login', /InvalidLogin/, 'InvalidLogin')
  const calls = [now(session), now(session)]
  for (const call of calls) await assert.rejects(call, refused)
  for (let round = 0; round < 3; round++) {
    server.clock.pass(3600_000)
    await assert.rejects(now(session), refused)
  }
  assert.equal(server.names.filter((name) => name === 'Login').length, 2)
})

test('calls whose session has ended log in once and run again; their arguments are made again', async (t) => {
  const { server, session } = await open(t, {
    Login: login(),
    CurrentTime: onlyFor(sessionCookie('s-2'), '<returnval/>'),
  })
  let made = 0
  const args = () => [xml('a', ++made)]
  await Promise.all([1, 2, 3].map(() => session.call(self, 'CurrentTime', args)))
  assert.equal(made, 6)
  assert.equal(server.names.filter((name) => name === 'Login').length, 2)
  assert.equal(session.key, 'key-2')
  assert.equal(server.calls.findLast(({ name }) => name === 'Login')?.cookie, undefined)
  const streamed = session.stream(self, 'CurrentTime', args, ['returnval'])
  assert.equal((await streamed.next()).value?.name, 'returnval')
  await streamed.return(undefined as never)
})

test('a session that ends again and again is begun once a minute, not with each call', async (t) => {
  const { server, session } = await open(t, { CurrentTime: onlyFor('none') })
  const logins = () => server.names.filter((name) => name === 'Login').length
  await assert.rejects(now(session), isError('login', /NotAuthenticated/, 'NotAuthenticated'))
  assert.equal(logins(), 2)
  for (let round = 0; round < 3; round++)
    await assert.rejects(now(session), isError('login', /less than a minute/, 'NotAuthenticated'))
  assert.equal(logins(), 2)
  server.clock.pass(60_000)
  await assert.rejects(now(session), isError('login', /NotAuthenticated/, 'NotAuthenticated'))
  assert.equal(logins(), 3)
})

test('a login whose answer is lost is not repeated within a minute, and later it may succeed', async (t) => {
  const { server, session } = await open(t, {
    Login: login(),
    CurrentTime: onlyFor(sessionCookie('s-2'), '<returnval/>'),
  })
  const { Login: works } = server.replies
  assert.ok(works !== undefined)
  server.replies = { ...server.replies, Login: (response) => response.socket?.destroy() }
  for (let round = 0; round < 3; round++)
    await assert.rejects(now(session), isError('unreachable', /cannot be reached/))
  assert.equal(server.names.filter((name) => name === 'Login').length, 2)
  server.replies = { ...server.replies, Login: works }
  server.clock.pass(60_000)
  await now(session)
})

test('a call that is bound to its session is not repeated in another one', async (t) => {
  const { server, session } = await open(t, {
    Login: login(),
    CurrentTime: onlyFor(sessionCookie('s-2'), '<returnval/>'),
  })
  await assert.rejects(
    session.call(self, 'CurrentTime', [], { isBound: true }),
    isError('login', /NotAuthenticated/, 'NotAuthenticated'),
  )
  assert.equal(server.names.filter((name) => name === 'Login').length, 1)
  await now(session)
  await session.call(self, 'CurrentTime', [], { isBound: true })
})

test('a session without its password is not begun again', async (t) => {
  const { server, session } = await open(t)
  await now(session)
  session.forgetPassword()
  await now(session)
  server.replies = { ...server.replies, CurrentTime: fault('NotAuthenticated', 'The session has ended.') }
  server.calls.length = 0
  await assert.rejects(now(session), isError('login', /NotAuthenticated/, 'NotAuthenticated'))
  assert.deepEqual(server.names, ['CurrentTime'])
})

test('a session that ends while it logs in again leaves no session behind', async (t) => {
  const arrived = Promise.withResolvers<undefined>()
  let respond: (() => unknown) | undefined
  const { server, session } = await open(t, { Login: login(), CurrentTime: onlyFor('none') })
  const { Login: works } = server.replies
  assert.ok(typeof works === 'function')
  server.replies = {
    ...server.replies,
    Login: (response, call) => {
      respond = () => works(response, call)
      arrived.resolve(undefined)
    },
  }
  const call = now(session)
  await arrived.promise
  await session.end()
  respond?.()
  await assert.rejects(call, isError('login', /has been closed/))
  const logouts = server.calls.filter(({ name }) => name === 'Logout')
  assert.deepEqual(logouts.map(({ cookie }) => cookie).filter(Boolean), [sessionCookie('s-2')])
})

test('a server that is not a vCenter, or gives no session, is named as such', async (t) => {
  for (const [replies, message] of [
    [{ RetrieveServiceContent: '<returnval/>' }, /lacks name/],
    [
      { RetrieveServiceContent: (r) => r.end('<html/>') },
      /What answers RetrieveServiceContent is not vCenter's API/,
    ],
    [{ Login: '<returnval><key>k</key></returnval>' }, /gives no session after a login/],
  ] as readonly (readonly [Readonly<Record<string, ApiReply>>, RegExp])[])
    await assert.rejects(open(t, replies), isError('answer', message))
})

test('a call with a secret has an error without the words of vCenter', async (t) => {
  const { session } = await open(t, {
    UploadClientCert: fault('InvalidArgument', 'pa&amp;ss-&lt;word&gt; is bad'),
  })
  await assert.rejects(
    session.call(self, 'UploadClientCert', [], { hasSecret: true }),
    isError('fault', /^vCenter refuses UploadClientCert: InvalidArgument$/, 'InvalidArgument'),
  )
  await assert.rejects(
    session.call(self, 'Missing', []),
    isError('fault', /^vCenter refuses Missing: InvalidRequest: unknown method$/, 'InvalidRequest'),
  )
})
