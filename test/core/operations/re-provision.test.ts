// Re-Provision (KMIP 2.1 §6.1.48): a certificate that the server signs takes the place of the client's own, at once and for good.

import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import { readPaste } from '../../../src/core/pki/paste.ts'
import type { Response } from '../../../src/wire/kmip/operations.ts'
import type { Context } from '../../../src/core/operations/handler.ts'
import { reProvision } from '../../../src/core/operations/re-provision.ts'
import { faults } from '../../support/server/core.ts'
import { makeCertificate, type TestIdentity } from '../../support/certificates/certificates.ts'
import { batch, openSession, type Asked, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'

let server: RunningServer
let admin: KmipSession
useServer((started, opened) => {
  server = started
  admin = opened
})

async function newClient(
  name: string,
): Promise<{ readonly session: KmipSession; readonly identity: TestIdentity }> {
  const identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: name })
  await server.trust(name, identity)
  return { session: await openSession(server.port, identity), identity }
}

async function csr(commonName: string) {
  const { request, privateKey } = await makeRequest({ commonName, names: [] })
  const [CertificateRequestValue] = readPaste(request, 'certificate request')
  assert.ok(CertificateRequestValue)
  const asked = {
    CertificateRequest: { CertificateRequestType: 'PKCS_10', CertificateRequestValue },
  } as const
  return { asked, key: privateKey.toString() }
}

/** A new certificate for the client of the session; a session with it. */
async function reProvisioned(session: KmipSession, name: string) {
  const { asked, key } = await csr(name)
  const get: Asked = { operation: 'Get', request: {} }
  const [made, got] = await session.send('2.1', batch({ operation: 'ReProvision', request: asked }, get))
  assert.ok(made?.status === 'Success' && got?.status === 'Success', got?.message)
  const { Certificate } = got.payload as Response<'Get'>
  const certificate = new X509Certificate(Certificate?.CertificateValue ?? assert.fail('no certificate'))
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key)))
  const { UniqueIdentifier } = made.payload as { UniqueIdentifier: string }
  const tls = { cert: certificate.toString(), key }
  return { certificate, UniqueIdentifier, session: await openSession(server.port, { tls }) }
}

test('the new certificate counts within the message, and the old one never more', async () => {
  const { session, identity } = await newClient('moves')
  const { UniqueIdentifier: own } = { UniqueIdentifier: await session.key('1.4') }
  const next = await reProvisioned(session, 'moves-again')
  assert.equal(next.certificate.subject, 'CN=moves-again')
  assert.equal(await session.refused('2.1', 'Get', { UniqueIdentifier: own }), 'AuthenticationNotSuccessful')
  using anew = await openSession(server.port, identity)
  assert.equal(await anew.refused('2.1', 'Get', { UniqueIdentifier: own }), 'AuthenticationNotSuccessful')
  await next.session.ask('2.1', 'Get', { UniqueIdentifier: own })
  const dates = await next.session.values('1.4', next.UniqueIdentifier, 'Original Creation Date')
  assert.deepEqual(dates, await next.session.values('1.4', next.UniqueIdentifier, 'Initial Date'))
  const shown = await server.admin.call(clientRoutes.showClient, { instance: 'default', client: 'moves' })
  const sha256 = next.certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  assert.deepEqual(
    shown.certificates.map((one) => one.sha256),
    [sha256],
  )
  const blocks = await server.admin.call(clientRoutes.listBlocks)
  assert.ok(blocks.some((one) => one.sha256 === identity.certificate.sha256))
  const { entries } = await server.admin.call(auditRoutes.listAudit, { query: { limit: 10 } })
  const entry = entries.find(({ action }) => action === 'client.re-provision')
  assert.deepEqual(
    [entry?.detail?.['certificate'], entry?.detail?.['replaces']],
    [sha256, identity.certificate.sha256],
  )
  session.client.close()
  next.session.client.close()
})

test('one after the other leaves no more rows behind than one', async () => {
  const { session } = await newClient('often')
  const second = await reProvisioned(session, 'often-2')
  const blocks = (await server.admin.call(clientRoutes.listBlocks)).length
  const third = await reProvisioned(second.session, 'often-3')
  const fourth = await reProvisioned(third.session, 'often-4')
  assert.equal(
    (await server.admin.call(clientRoutes.listBlocks)).length,
    blocks,
    'what this server issued needs no block',
  )
  const shown = await server.admin.call(clientRoutes.showClient, { instance: 'default', client: 'often' })
  assert.equal(shown.certificates.length, 1)
  await fourth.session.ask('2.1', 'Ping', {})
  for (const one of [session, second.session, third.session, fourth.session]) one.client.close()
})

test('what proves nothing, and whoever may not, changes nothing', async () => {
  const { session, identity } = await newClient('stays')
  const { asked } = await csr('stays')
  const der = Buffer.from(asked.CertificateRequest.CertificateRequestValue)
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1
  const broken = { CertificateRequest: { ...asked.CertificateRequest, CertificateRequestValue: der } }
  assert.equal(await session.refused('2.1', 'ReProvision', broken), 'InvalidCSR')
  assert.equal(await session.refused('2.1', 'ReProvision', {}), 'FeatureNotSupported')
  const Certificate = { CertificateType: 'X_509', CertificateValue: identity.certificate.der } as const
  assert.equal(await session.refused('2.1', 'ReProvision', { Certificate }), 'FeatureNotSupported')
  const body = { allow: ['vsphere'] }
  await server.admin.call(clientRoutes.setClient, { instance: 'default', client: 'stays', body })
  assert.equal(await session.refused('2.1', 'ReProvision', asked), 'PermissionDenied')
  await session.ask('2.1', 'Ping', {})
  session.client.close()
  await admin.ask('2.1', 'Ping', {})
})

test('a batch that is undone leaves the old certificate', async () => {
  const { session } = await newClient('undone')
  const { asked } = await csr('undone')
  const get: Asked = { operation: 'Get', request: { UniqueIdentifier: 'none' } }
  const told = await session.send('2.1', batch({ operation: 'ReProvision', request: asked }, get), {
    batchErrorContinuationOption: 'Undo',
  })
  assert.deepEqual(
    told.map(({ status }) => status),
    ['OperationUndone', 'OperationFailed'],
  )
  await session.key('1.4')
  session.client.close()
})

test('a request in PKCS#10 or PEM is signed for a client that has not expired, and the answer names the certificate', async () => {
  const signed = { der: Buffer.of(1), sha256: 'a', notAfterMs: 1 }
  const ask = async (CertificateRequestType: 'PKCS_10' | 'PEM' | 'CRMF', isExpired = false) => {
    const done: unknown[] = []
    const context = {
      transaction: {
        certificates: { reProvision: async (one: unknown) => (assert.equal(one, signed), 'made') },
      },
      placeholder: { set: (id: string) => done.push(id) },
      provisioner: {
        isExpired,
        sign: async (request: Buffer) => (done.push(request.toString()), signed),
        replaced: (by: unknown) => done.push(by),
      },
    } as unknown as Context
    const CertificateRequest = { CertificateRequestType, CertificateRequestValue: Buffer.from('csr') }
    return { answer: await reProvision(context, { CertificateRequest }), done }
  }
  for (const type of ['PKCS_10', 'PEM'] as const)
    assert.deepEqual(await ask(type), { answer: { UniqueIdentifier: 'made' }, done: ['csr', signed, 'made'] })
  await assert.rejects(ask('CRMF'), faults('FeatureNotSupported', /PKCS#10, not CRMF/))
  await assert.rejects(ask('PEM', true), faults('PermissionDenied', /has expired/))
})
