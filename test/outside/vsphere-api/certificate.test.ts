// vCenter's certificate is checked before a byte of HTTP: a server that is not trusted receives nothing.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import net, { type AddressInfo, type Server } from 'node:net'
import { test, type TestContext } from 'node:test'
import tls from 'node:tls'
import { issueServer } from '../../../src/core/pki/issue.ts'
import {
  connectTrusted,
  presentedCertificate,
  type VcenterTrust,
} from '../../../src/outside/vsphere-api/certificate.ts'
import { VsphereConnection } from '../../../src/outside/vsphere-api/connection.ts'
import { VsphereError, type VsphereErrorKind } from '../../../src/outside/vsphere-api/errors.ts'
import { makeCertificate, testAuthority, testVmca } from '../../support/certificates/certificates.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { failsInTime } from '../../support/time/passing-time.ts'

const get = { method: 'GET', path: '/' } as const

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** A TLS server that hangs up once it has read something. `received` is that, as soon as a connection has ended. */
async function tlsServer(t: TestContext, identity: tls.TlsOptions) {
  let received = ''
  const ended = Promise.withResolvers<undefined>()
  const server = tls.createServer(identity, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString()
      socket.end()
    })
    socket.on('close', () => ended.resolve(undefined))
  })
  server.on('tlsClientError', () => ended.resolve(undefined))
  const address = { host: '127.0.0.1', port: await listen(t, server) }
  return { address, received: () => ended.promise.then(() => received) }
}

async function rejection(
  work: Promise<unknown>,
  kind: VsphereErrorKind,
  message: RegExp,
): Promise<VsphereError> {
  const error: unknown = await work.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  assert.ok(error instanceof VsphereError, String(error))
  assert.equal(error.kind, kind, error.message)
  assert.match(error.message, message)
  return error
}

function exchange(t: TestContext, address: { host: string; port: number }, trust: VcenterTrust) {
  const connection = new VsphereConnection({ address, trust, clock: new MovableClock() })
  t.after(() => connection.close())
  return connection.exchange(get)
}

test('a server with another certificate than the pinned one receives no byte of HTTP', async (t) => {
  const identity = await makeCertificate({ key: 'ec' })
  const { address, received } = await tlsServer(t, identity.tls)
  const fingerprint = '0'.repeat(64)
  const error = await rejection(
    exchange(t, address, { fingerprint }),
    'certificate',
    new RegExp(
      `127\\.0\\.0\\.1:${address.port} shows another certificate.* ${identity.certificate.sha256}, .* ${fingerprint}$`,
    ),
  )
  assert.match(error.hint ?? '', /compare the fingerprint in vCenter itself/)
  assert.equal(await received(), '')
})

test('a server that no trusted CA vouches for, or that has another name, receives no byte of HTTP', async (t) => {
  const ca = await testAuthority()
  const nowMs = Date.now()
  const authorities = [new X509Certificate(ca.certificate.der)]
  const issued = await issueServer({ ca, names: ['vcenter.example.test'], nowMs })
  const otherName = {
    cert: issued.certificate.pem,
    key: issued.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  }
  for (const [identity, code] of [
    [(await makeCertificate({ key: 'ec' })).tls, /DEPTH_ZERO_SELF_SIGNED_CERT/],
    [(await makeCertificate({ key: 'ec', byVmca: true })).tls, /UNABLE_TO/],
    [otherName, /ERR_TLS_CERT_ALTNAME_INVALID/],
  ] as const) {
    const { address, received } = await tlsServer(t, identity)
    await rejection(exchange(t, address, { authorities }), 'certificate', code)
    assert.equal(await received(), '')
  }
})

test('a server with a certificate of a trusted CA and its own name is trusted, and an expired one is not', async (t) => {
  const ca = await testAuthority()
  const options = { waitMs: 1_000, clock: new MovableClock() }
  const trust = { authorities: [new X509Certificate(ca.certificate.der)] }
  const issue = async (nowMs: number) => {
    const { certificate, privateKey } = await issueServer({ ca, names: ['127.0.0.1'], nowMs, days: 10 })
    return { cert: certificate.pem, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }
  }
  const { address } = await tlsServer(t, await issue(Date.now()))
  const socket = await connectTrusted(address, trust, options)
  assert.equal(socket.authorized, true)
  socket.destroy()
  const expired = await tlsServer(t, await issue(Date.now() - 20 * 24 * 3600_000))
  await rejection(connectTrusted(expired.address, trust, options), 'certificate', /CERT_HAS_EXPIRED/)
})

test('a certificate is shown with those above it before it is trusted, and nothing is sent', async (t) => {
  const vmca = await testVmca()
  const leaf = await makeCertificate({ key: 'ec', issuer: vmca })
  const { address, received } = await tlsServer(t, {
    key: leaf.tls.key,
    cert: `${leaf.certificate.pem}\n${vmca.certificate.pem}`,
  })
  const shown = await presentedCertificate(address, { waitMs: 1_000, clock: new MovableClock() })
  assert.equal(shown.fingerprint, leaf.certificate.sha256)
  assert.deepEqual(shown.leaf.raw, Buffer.from(leaf.certificate.der))
  assert.deepEqual(
    shown.chain.map(({ raw }) => raw),
    [Buffer.from(vmca.certificate.der)],
  )
  assert.equal(await received(), '')
})

test('a server that is silent, resets, is not there, or speaks no TLS is unreachable', async (t) => {
  const clock = new MovableClock()
  const options = { waitMs: 10_000, clock }
  const silent = net.createServer((socket) => void socket.on('error', () => undefined))
  const plain = net.createServer(
    (socket) => void socket.on('error', () => undefined).end('HTTP/1.1 400 Bad\r\n\r\n'),
  )
  const resetting = net.createServer((socket) => void socket.resetAndDestroy())
  const gone = net.createServer()
  const ports = {
    silent: await listen(t, silent),
    plain: await listen(t, plain),
    resetting: await listen(t, resetting),
    gone: await listen(t, gone),
  }
  gone.close()
  await once(gone, 'close')
  const at = (port: number) => presentedCertificate({ host: '127.0.0.1', port }, options)
  const late = await failsInTime(clock, at(ports.silent))
  assert.ok(late instanceof VsphereError)
  assert.match(late.message, /no TLS connection within 10 s/)
  await rejection(at(ports.plain), 'unreachable', /does not speak TLS/)
  await rejection(at(ports.resetting), 'unreachable', /reset/)
  await rejection(at(ports.gone), 'unreachable', /nothing listens there \(ECONNREFUSED\)/)
})

test('a server that wants a certificate of its client is not taken for one with a wrong certificate', async (t) => {
  const identity = await makeCertificate({ key: 'ec' })
  const { address } = await tlsServer(t, { ...identity.tls, requestCert: true, rejectUnauthorized: true })
  const trust = { fingerprint: identity.certificate.sha256 }
  await rejection(exchange(t, address, trust), 'unreachable', /./)
})
