// The client against servers that do not answer, or not as the admin API does: each call ends, and says what was met.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { test } from 'node:test'
import { AdminClient, AdminUnreachable } from '../../../src/doors/http/client.ts'
import { unreachableHint } from '../../../src/doors/cli/connect.ts'
import { issueServer, privateKeyPem } from '../../../src/core/pki/issue.ts'
import { testAuthority } from '../../support/certificates/certificates.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { backupRoutes } from '../../../src/features/backup/routes.ts'
import { statusRoutes } from '../../../src/features/status/routes.ts'

const ca = await testAuthority()
const { certificate, privateKey } = await issueServer({ ca, names: ['127.0.0.1'], nowMs: Date.now() })
const tls = { cert: certificate.pem, key: privateKeyPem(privateKey) }
const patient = { connectMs: 60_000, idleMs: 60_000 }

interface Listening extends AsyncDisposable {
  readonly client: (waits: { connectMs: number; idleMs: number }) => AdminClient
}

async function listen(server: Server): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket.on('error', () => undefined))
    socket.once('close', () => sockets.delete(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const target = {
    url: `https://127.0.0.1:${port}`,
    token: 'x',
    trust: { by: 'authority', pem: ca.certificate.pem },
  } as const
  return {
    client: (waits) => new AdminClient(target, undefined, waits),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await once(server.close(), 'close')
    },
  }
}

/** A server that answers the request with this path by these bytes, and others not at all. */
function answering(answer: (path: string) => string | undefined): Server {
  return createTlsServer(tls, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (request: Buffer) => {
      const bytes = answer(request.toString().split(' ')[1] ?? '')
      if (bytes !== undefined) socket.end(bytes)
    })
  })
}

function json(body: object): string {
  const text = JSON.stringify(body)
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
}

async function metBy(call: Promise<unknown>): Promise<AdminUnreachable> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof AdminUnreachable, String(error))
  return error
}

test('a server that accepts a connection and says nothing in TLS', async () => {
  await using silent = await listen(createTcpServer())
  // A busy machine takes a while to connect.
  const client = silent.client({ ...patient, connectMs: 2_000 })
  for (const call of [
    client.call(statusRoutes.status),
    client.call(backupRoutes.createBackup, { body: {} }),
  ]) {
    const error = await metBy(call)
    assert.match(error.message, /^127\.0\.0\.1:\d+: it does not answer in TLS within 2 s$/)
    assert.match(unreachableHint(error) ?? '', /hangs/)
  }
})

test('a certificate that is not valid now leads to the clocks', () => {
  for (const code of ['CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED'])
    assert.match(unreachableHint({ code, message: '' }) ?? '', /clocks .* --admin-fingerprint/)
  assert.match(unreachableHint({ code: 'SELF_SIGNED_CERT_IN_CHAIN', message: '' }) ?? '', /--admin-ca FILE/)
})

test('a server that answers no request', async () => {
  await using silent = await listen(answering(() => undefined))
  const client = silent.client({ ...patient, idleMs: 100 })
  assert.match((await metBy(client.call(statusRoutes.status))).message, /: no answer came within 0\.1 s$/)
  const slow = await metBy(client.call(backupRoutes.createBackup, { body: {} }))
  assert.match(slow.message, /^127\.0\.0\.1:\d+: no answer came within 0\.1 s$/)
})

test('a slow call goes on for as long as the server answers others', async () => {
  let lookedAt = 0
  await using slow = await listen(
    createTlsServer(tls, (socket) => {
      socket.on('error', () => undefined)
      socket.once('data', (request: Buffer) => {
        if (!request.toString().startsWith('GET /health/live ')) waiting = socket
        else {
          lookedAt += 1
          socket.end(json({ live: true }))
          if (lookedAt === 2) waiting?.end(json(proof))
        }
      })
    }),
  )
  let waiting: Socket | undefined
  const proof = {
    ok: true,
    problems: [],
    restores: [],
    entries: 0,
    checkpoints: 0,
    provedFrom: null,
    provedTo: null,
    unprovedEntries: 0,
    keySha256: '0'.repeat(64),
  }
  assert.equal((await slow.client({ ...patient, idleMs: 1000 }).call(auditRoutes.verifyAudit)).ok, true)
})

test('an answer of another version is said in words', async () => {
  for (const answer of [json({ live: 'for ever' }), json([]).replace('[]', 'no')]) {
    await using other = await listen(answering(() => answer))
    const error = await metBy(other.client(patient).call(statusRoutes.live))
    assert.match(error.message, /does not understand what the server answers$/)
    assert.match(unreachableHint(error) ?? '', /another version/)
  }
})

test('what is not the admin API is said in words', async () => {
  await using closes = await listen(createTcpServer((socket) => socket.destroy()))
  await using plain = await listen(createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.9\r\n')))
  await using kmip = await listen(answering(() => '\u0042\u0000\u007b\u0001'))
  for (const [server, message] of [
    [closes, /: (read ECONNRESET|Client network socket disconnected .*)$/],
    [plain, /: it does not answer in TLS as the admin API does$/],
    [kmip, /: it does not answer in HTTP$/],
  ] as const) {
    const error = await metBy(server.client(patient).call(statusRoutes.status))
    assert.match(error.message, message)
    assert.match(unreachableHint(error) ?? '', /port of the admin API/)
  }
})
