// The audit entries of each change of a client, a block or a token.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { clientCertificate, testVmca } from '../../support/certificates/certificates.ts'
import { makeInstance, manager, openCore } from '../../support/server/core.ts'

test('each change is entered with its object, its instance and what it changed', async (t) => {
  const core = await openCore(t)
  const { id: instanceId } = await makeInstance(core)
  const { clients, tokens } = core.trust
  const { certificate } = await clientCertificate('self-signed')
  const { certificate: ca } = await testVmca()
  const { sha256 } = certificate
  const expected: unknown[] = []
  const expect = (action: string, object: string, detail: object | null, of: string | null = instanceId) =>
    expected.push({ action, object, instanceId: of, detail })

  await clients.block(serverActor, sha256, 'lost', null)
  expect('client.block', sha256, { reason: 'lost' }, null)
  await clients.unblock(serverActor, sha256)
  expect('client.unblock', sha256, null, null)
  await clients.block(serverActor, sha256, '', instanceId)
  expect('client.block', sha256, null)
  const allow = ['Get', 'Locate']
  const { client } = await clients.trustCertificate(manager, { instanceId, name: 'a', certificate, allow })
  expect('client.trust', client.id, { client: 'a', certificate: sha256, allow: 'Get, Locate' })
  expect('client.unblock', sha256, null, null)
  const { authority } = await clients.trustAuthority(manager, { instanceId, name: 'a', ca, subject: 'esx*' })
  expect('client.trust', client.id, { client: 'a', ca: ca.sha256, subject: 'esx*', allow: 'Get, Locate' })
  await clients.update(manager, instanceId, 'a', { name: 'b', expiredGraceDays: 3 })
  expect('client.set', client.id, { client: 'b', changed: 'name expiredGraceDays' })
  await clients.update(manager, instanceId, 'b', { allow: ['read'] })
  expect('client.set', client.id, { client: 'b', changed: 'allow', allow: 'read' })
  await clients.removeCertificate(manager, instanceId, 'b', authority.id)
  expect('client.certificate.remove', client.id, { client: 'b', certificate: authority.id })
  await clients.removeCertificate(manager, instanceId, 'b', sha256)
  expect('client.certificate.remove', client.id, { client: 'b', certificate: sha256 })
  await clients.remove(manager, instanceId, client.id)
  expect('client.remove', client.id, { client: 'b' })
  const made = await tokens.create(serverActor, { name: 't', role: 'viewer', instanceId, expiresMs: null })
  expect('token.create', made.token.id, { name: 't', role: 'viewer' })
  const owned = { name: 'u', role: 'viewer', instanceId, expiresMs: null, owner: 'ann' } as const
  expect('token.create', (await tokens.create(serverActor, owned)).token.id, {
    name: 'u',
    role: 'viewer',
    owner: 'ann',
  })
  await tokens.revoke(serverActor, made.token.id, null)
  expect('token.revoke', made.token.id, { name: 't', role: 'viewer' })

  const { entries } = await core.store.audit({ order: 'oldest', limit: 1_000 })
  const told = entries
    .map(({ body }) => JSON.parse(body) as AuditEntry)
    .filter(({ action }) => /^(client|token)\./.test(action))
  assert.deepEqual(
    told.map(({ action, object, instanceId: of, detail }) => ({ action, object, instanceId: of, detail })),
    expected,
  )
  assert.ok(told.every(({ result, reason }) => result === 'success' && reason === null))
})
