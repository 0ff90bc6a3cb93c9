// What the routes do, through the typed client: trust in all its modes, keys, audit.

import { certificateRoutes } from '../../src/features/certificates/routes.ts'
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { after, before, test } from 'node:test'
import { AdminClient, AdminUnreachable } from '../../src/doors/http/client.ts'
import { Refusal, type ErrorCode } from '../../src/base/refusal.ts'
import { serverActor } from '../../src/core/audit/actor.ts'
import type { Caller } from '../../src/core/trust/caller.ts'
import { single } from '../../src/core/keys/object/managed-object.ts'
import { parseCertificate } from '../../src/core/pki/certificate.ts'
import { makeRequest } from '../../src/core/pki/make-request.ts'
import { startDoor, type TestDoor } from '../support/server/admin-door.ts'
import { clientCertificate, testVmca } from '../support/certificates/certificates.ts'
import { auditRoutes } from '../../src/features/audit/routes.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'

let door: TestDoor
let client: AdminClient
/** Its token is for the instance `blue` only. */
let blueClient: AdminClient
before(async () => {
  door = await startDoor()
  client = clientWith(await door.token('manager'))
  blueClient = clientWith(await door.token('manager', door.blue))
})
after(() => door.close())

function clientWith(token: string, { url, authorityPem }: TestDoor = door): AdminClient {
  return new AdminClient({ url, token, trust: { by: 'authority', pem: authorityPem } })
}

function refused(code: ErrorCode, message: RegExp) {
  return (error: unknown) => {
    assert(error instanceof Refusal, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

const red = { instance: 'red' }

// ---------------------------------------------------------------- trust

test('a certificate is trusted as a client, and a second one of the same name joins it', async () => {
  const first = await clientCertificate('self-signed')
  const body = { by: 'certificate', name: 'vc1', certificate: first.certificate.pem } as const
  const trusted = await client.call(clientRoutes.trustClient, { ...red, body })
  assert.equal(trusted.sha256, first.certificate.sha256)
  assert.equal(trusted.instance.name, 'red')
  const renewed = (await clientCertificate('self-signed-renewed')).certificate
  const again = await client.call(clientRoutes.trustClient, {
    ...red,
    body: { ...body, certificate: renewed.pem },
  })
  assert.equal(again.id, trusted.id)
  assert.equal(again.certificates.length, 2)
  assert.deepEqual(
    (await client.call(clientRoutes.listClients, red)).map(({ name, certificates }) => [
      name,
      certificates.length,
    ]),
    [['vc1', 2]],
  )
  await assert.rejects(
    client.call(clientRoutes.trustClient, { ...red, body }),
    refused('conflict', /belongs to the client vc1 already/),
  )
})

test('a certificate of one instance cannot be trusted in another, which is not told where it belongs', async () => {
  const { certificate } = await clientCertificate('self-signed')
  const body = { by: 'certificate', name: 'mine', certificate: certificate.pem } as const
  await assert.rejects(blueClient.call(clientRoutes.trustClient, { instance: 'blue', body }), (error) => {
    assert(error instanceof Refusal && error.code === 'forbidden')
    assert.doesNotMatch(error.message, /red|vc1/)
    return true
  })
})

test('a CA is trusted with a subject filter; an overlapping one elsewhere is refused', async () => {
  const ca = (await testVmca()).certificate
  const body = { by: 'authority', name: 'vcenters', authority: ca.pem } as const
  const trusted = await client.call(clientRoutes.trustClient, { ...red, body })
  assert.equal(trusted.authorities[0]?.subject, 'kmipClient*')
  assert.equal(trusted.sha256, ca.sha256)
  await assert.rejects(
    client.call(clientRoutes.trustClient, { instance: 'blue', body: { ...body, subject: 'kmip*' } }),
    refused('conflict', /overlap/),
  )
  await assert.rejects(
    client.call(clientRoutes.trustClient, { ...red, body: { ...body, subject: '' } }),
    refused('bad-request', /subject/),
  )
})

test('wrong pastes are answered with what they are and what to give', async () => {
  const vmca = (await testVmca()).certificate
  const leaf = (await clientCertificate('vmca-signed')).certificate
  const { request, privateKey } = await makeRequest({ commonName: 'x' })
  const attempts: [object, RegExp][] = [
    [{ by: 'certificate', certificate: privateKey.toString() }, /private key/i],
    [{ by: 'certificate', certificate: request }, /request/i],
    [{ by: 'certificate', certificate: leaf.pem + vmca.pem }, /2 certificates|several|one/i],
    [{ by: 'certificate', certificate: '<html>log in first</html>' }, /./],
    [{ by: 'authority', authority: leaf.pem }, /not the certificate of a CA/],
  ]
  for (const [body, expected] of attempts)
    await assert.rejects(
      client.call(clientRoutes.trustClient, { ...red, body: { name: 'paste', ...body } as never }),
      refused('bad-request', expected),
    )
  await assert.rejects(
    client.call(clientRoutes.signClient, { ...red, body: { name: 'paste', request: leaf.pem } }),
    refused('bad-request', /certificate/),
  )
  assert.equal(
    (await client.call(clientRoutes.listClients, red)).some(({ name }) => name === 'paste'),
    false,
  )
})

test('a pending client is seen and trusted by its whole SHA-256, with a token for all instances only', async () => {
  const stranger = (await clientCertificate('self-signed-other')).certificate
  door.context.pending.recordUnknown(stranger, '192.0.2.7')
  const [pending] = await client.call(clientRoutes.listPending)
  assert.equal(pending?.sha256, stranger.sha256)
  assert.equal(pending.address, '192.0.2.7')
  assert.match(pending.subject ?? '', /kmipClient20270101120000/)
  const body = { by: 'pending', name: 'vc2', sha256: stranger.sha256 } as const
  await assert.rejects(
    blueClient.call(clientRoutes.trustClient, { instance: 'blue', body }),
    refused('forbidden', /all instances/),
  )
  const shortened = { ...body, sha256: stranger.sha256.slice(0, 16) }
  await assert.rejects(
    client.call(clientRoutes.trustClient, { ...red, body: shortened }),
    refused('bad-request', /whole SHA-256/),
  )
  const colons = stranger.sha256.toUpperCase().replaceAll(/(..)(?!$)/g, '$1:')
  const trusted = await client.call(clientRoutes.trustClient, { ...red, body: { ...body, sha256: colons } })
  assert.equal(trusted.sha256, stranger.sha256)
  assert.deepEqual(await client.call(clientRoutes.listPending), [])
  await assert.rejects(
    client.call(clientRoutes.trustClient, { ...red, body }),
    refused('not-found', /no pending client/),
  )
})

test('a signed request is trusted with the key that asked for it', async () => {
  const { request, privateKey } = await makeRequest({ commonName: 'vc-signed' })
  const signed = await client.call(clientRoutes.signClient, {
    ...red,
    body: { name: 'vc-signed', request, days: 30 },
  })
  const certificate = parseCertificate(signed.certificate)
  assert.equal(certificate.sha256, signed.sha256)
  assert(createPublicKey(certificate.pem).equals(createPublicKey(privateKey)))
  assert.equal(parseCertificate(signed.authority).subject, certificate.issuer)
  const verdict = await door.context.access.identify({ certificate, address: '192.0.2.8' })
  assert.equal(verdict.trusted, true)
})

test('a blocked certificate is refused, and trusting it again lifts that', async () => {
  const { certificate } = await clientCertificate('self-signed')
  const peer = { certificate, address: '192.0.2.9' }
  await client.call(clientRoutes.blockCertificate, { body: { sha256: certificate.sha256, reason: 'stolen' } })
  const verdict = await door.context.access.identify(peer)
  assert.equal(verdict.trusted, false)
  const body = { by: 'certificate', name: 'vc1', certificate: certificate.pem } as const
  await assert.rejects(
    blueClient.call(clientRoutes.trustClient, { instance: 'blue', body }),
    refused('forbidden', /a token for all instances only/),
  )
  await client.call(clientRoutes.trustClient, { ...red, body })
  assert.equal((await door.context.access.identify(peer)).trusted, true)
})

test('a removed client is not trusted any more; one of another instance is not found', async () => {
  await assert.rejects(
    blueClient.call(clientRoutes.removeClient, { instance: 'blue', client: 'vc2' }),
    refused('not-found', /no client vc2/),
  )
  assert.equal((await client.call(clientRoutes.removeClient, { ...red, client: 'vc2' })).name, 'vc2')
  const { certificate } = await clientCertificate('self-signed-other')
  assert.equal((await door.context.access.identify({ certificate, address: '192.0.2.7' })).trusted, false)
})

// ---------------------------------------------------------------- keys

async function identifyRed(): Promise<Caller> {
  const trustVersion = (await door.context.access.snapshot()).version
  return { instanceId: door.red.id, actor: serverActor, allow: ['all'], trustVersion, requestId: 'test' }
}

async function makeKey(name?: string): Promise<string> {
  const attributes = new Map<string, readonly { index: number; value: unknown }[]>([
    ['CryptographicAlgorithm', single('AES')],
    ['CryptographicLength', single(256)],
    ['CryptographicUsageMask', single(12)],
    ['x-Component', single({ type: 'TextString', value: 'vm-17' })],
    ...(name === undefined
      ? []
      : ([['Name', single({ NameValue: name, NameType: 'UninterpretedTextString' })]] as const)),
  ])
  return door.context.keys.perform(identifyRed, async (work) =>
    work.create({ objectType: 'SymmetricKey', attributes }),
  )
}

test('a key goes through its life', async () => {
  const key = await makeKey('disk-1')
  const shown = await client.call(keyRoutes.showKey, { ...red, key })
  assert.equal(shown.state, 'PreActive')
  assert.deepEqual([shown.name, shown.algorithm, shown.length], ['disk-1', 'AES', 256])
  assert.equal(shown.vsphere.component, 'vm-17')
  assert.equal(shown.attributes.find(({ name }) => name === 'CryptographicUsageMask')?.value, 12)
  const initial = shown.attributes.find(({ name }) => name === 'InitialDate')?.value
  assert.match(String(initial), /^\d{4}-\d\d-\d\dT/)
  assert.equal((await client.call(keyRoutes.activateKey, { ...red, key })).state, 'Active')
  await assert.rejects(client.call(keyRoutes.activateKey, { ...red, key }), refused('refused', /./))
  await assert.rejects(client.call(keyRoutes.destroyKey, { ...red, key }), refused('refused', /./))
  const revoked = await client.call(keyRoutes.revokeKey, { ...red, key, body: { reason: 'Superseded' } })
  assert.equal(revoked.state, 'Deactivated')
  assert.equal((await client.call(keyRoutes.destroyKey, { ...red, key })).state, 'Destroyed')
  for (const call of [keyRoutes.showKey, keyRoutes.activateKey, keyRoutes.destroyKey])
    await assert.rejects(
      client.call(call, { instance: 'blue', key }),
      refused('not-found', /no key|no object/),
      call.path,
    )
})

test('no answer about a key holds its material', async () => {
  const key = await makeKey('secret-1')
  const { material } = await door.context.keys.perform(identifyRed, async (work) => {
    const fetched = await work.fetch(key)
    return { material: Buffer.from(fetched.material.bytes) }
  })
  assert.equal(material.length, 32)
  const token = await door.token('manager')
  const paths = [`/keys/${key}`, '/keys', '/audit']
  const answers = await Promise.all(
    paths.map((path) => door.ask('GET', `/api/v1/instances/red${path}`, { token })),
  )
  const activated = await door.ask('POST', `/api/v1/instances/red/keys/${key}/activate`, { token })
  for (const { status, text } of [...answers, activated]) {
    assert.equal(status, 200)
    assert(text.includes(key))
    for (const form of ['hex', 'base64', 'base64url'] as const)
      assert.equal(text.toLowerCase().includes(material.toString(form).toLowerCase()), false)
  }
  await client.call(keyRoutes.revokeKey, { ...red, key, body: {} })
})

test('keys are listed by page, state and name, newest first', async () => {
  const ids: string[] = []
  for (let i = 0; i < 5; i++) ids.unshift(await makeKey(`many-${i}`))
  await client.call(keyRoutes.activateKey, { ...red, key: ids[2] ?? '' })
  const seen: string[] = []
  let after: string | null = null
  do {
    const query: { limit: number; after?: string } = { limit: 2, ...(after !== null && { after }) }
    const page: Awaited<ReturnType<typeof list>> = await list(query)
    seen.push(...page.keys.map(({ id }) => id))
    after = page.after
  } while (after !== null)
  assert.deepEqual(seen.slice(0, ids.length), ids)
  assert.equal(new Set(seen).size, seen.length)
  assert.deepEqual(
    (await list({ state: 'Active' })).keys.map(({ id }) => id),
    [ids[2]],
  )
  assert.deepEqual(
    (await list({ name: 'many-0' })).keys.map(({ id }) => id),
    [ids[4]],
  )
  assert.equal((await list({ state: 'Destroyed' })).keys.length, 1)
  assert.deepEqual((await blueClient.call(keyRoutes.listKeys, { instance: 'blue' })).keys, [])
})

async function list(query: {
  limit?: number
  after?: string
  state?: 'Active' | 'Destroyed'
  name?: string
}) {
  return client.call(keyRoutes.listKeys, { ...red, query })
}

test('identifiers with any characters survive the path', async () => {
  for (const key of ['a/b', 'a%2Fb', '%', 'ключ', 'a b?c#d', '1'])
    await assert.rejects(client.call(keyRoutes.showKey, { ...red, key }), (error) => {
      assert(error instanceof Refusal && error.code === 'not-found', key)
      assert(error.message.includes(key), error.message)
      return true
    })
})

// ---------------------------------------------------------------- audit, and the rest

test('what tokens did stands in the audit in their name, and each instance sees its own only', async () => {
  const { entries } = await client.call(auditRoutes.listInstanceAudit, {
    ...red,
    query: { action: 'key.destroy' },
  })
  const done = entries.find(({ result }) => result === 'success')
  assert.equal(done?.actor.kind, 'token')
  assert.match(done.actor.name ?? '', /^manager/)
  assert.equal(done.actor.address, '127.0.0.1')
  assert(entries.some(({ result, reason }) => result === 'refused' && reason !== null))
  const blue = await blueClient.call(auditRoutes.listInstanceAudit, {
    instance: 'blue',
    query: { limit: 1000 },
  })
  assert(blue.entries.every(({ instanceId }) => instanceId === door.blue.id))
  const all = await client.call(auditRoutes.listAudit, { query: { limit: 3 } })
  assert.equal(all.entries.length, 3)
  assert.notEqual(all.after, null)
})

test('the audit log is verified, exported and pruned', async (t) => {
  // The other door has refused some things, and enters that up to two seconds later.
  const own = await startDoor()
  t.after(() => own.close())
  const client = clientWith(await own.token('manager'), own)
  await own.context.audit.checkpoint()
  const proof = await client.call(auditRoutes.verifyAudit)
  assert.deepEqual([proof.ok, proof.unprovedEntries], [true, 0])
  const lines: string[] = []
  for await (const line of await client.call(auditRoutes.exportAudit)) lines.push(line)
  const exported = lines.filter((line) => line.startsWith('{"entry"')).length
  assert.ok(exported >= proof.entries)
  assert.ok(exported <= (await client.call(auditRoutes.verifyAudit)).entries)
  await assert.rejects(
    client.call(auditRoutes.pruneAudit, { body: { before: '2999-01-01T00:00:00.000Z' } }),
    refused('bad-request', /future/),
  )
  const before = new Date().toISOString()
  await assert.rejects(
    client.call(auditRoutes.pruneAudit, { body: { before } }),
    refused('bad-request', /90 days/),
  )
  await client.call(auditRoutes.pruneAudit, { body: { before, younger: true } })
  const after = await client.call(auditRoutes.verifyAudit)
  assert.equal(after.ok, true)
  assert(after.entries < proof.entries)
})

test('the server certificate, health and metrics', async () => {
  const shown = await client.call(certificateRoutes.showServerCertificate)
  assert.equal(shown.sha256, door.certificateSha256)
  assert(shown.names.includes('localhost') && shown.names.includes('::1'))
  assert.deepEqual(await client.call(statusRoutes.live), { live: true })
  assert.equal((await client.call(statusRoutes.ready)).ready, true)
  assert.match(await client.call(statusRoutes.metrics), /mortise_test 1/)
})

test('the client sends its token only to the server that was meant', async () => {
  const token = await door.token('manager')
  const good = new AdminClient({
    url: door.url,
    token,
    trust: { by: 'fingerprint', sha256: door.certificateSha256 },
  })
  assert.equal((await good.call(instanceRoutes.listInstances)).length, 2)
  const others = [
    { by: 'fingerprint', sha256: '0'.repeat(64) },
    { by: 'authority', pem: (await testVmca()).certificate.pem },
    { by: 'system' },
  ] as const
  for (const trust of others)
    await assert.rejects(
      new AdminClient({ url: door.url, token, trust }).call(instanceRoutes.listInstances),
      AdminUnreachable,
    )
  await assert.rejects(
    new AdminClient({ url: 'https://127.0.0.1:1', token, trust: { by: 'system' } }).call(statusRoutes.live),
    (error) => error instanceof AdminUnreachable && error.code === 'ECONNREFUSED',
  )
})

test('nothing of this file ended in an error of the server', () => {
  assert.deepEqual(door.bugs, [])
})
