// An operator's day on the whole server: instances, tokens, clients' settings, new keys and finding them, status,
// metrics. Over HTTP as any program would, and over KMIP where a setting has its effect.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { AdminClient, type AdminTarget } from '../../src/doors/http/client.ts'
import { Refusal, type ErrorCode } from '../../src/base/refusal.ts'
import type { Input, Output } from '../../src/doors/http/route.ts'
import { basicConstraints } from '../../src/core/pki/build.ts'
import { clientCertificate, makeCertificate, testVmca } from '../support/certificates/certificates.ts'
import { aes, openSession, text, type Asked, type Header } from '../support/clients/kmip-session.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { auditRoutes } from '../../src/features/audit/routes.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'
import { tokenRoutes } from '../../src/features/tokens/routes.ts'

let server: RunningServer
let admin: AdminClient
before(async () => {
  server = await startInProcess()
  admin = server.admin
})
after(() => server[Symbol.asyncDispose]())

function refused(code: ErrorCode, message: RegExp) {
  return (error: unknown) => {
    assert(error instanceof Refusal, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  }
}

/** The same server with another token. */
function as(token: string): AdminClient {
  const target: AdminTarget = {
    url: server.adminUrl,
    token,
    trust: { by: 'fingerprint', sha256: server.serverCertSha256 },
  }
  return new AdminClient(target)
}

// ---------------------------------------------------------------- instances

test('an instance is made, with a root key of its own in the data folder, renamed and set', async () => {
  const made = await admin.call(instanceRoutes.createInstance, {
    body: { name: 'red', rootKey: 'file:red.key', outageSeconds: 0 },
  })
  assert.deepEqual([made.rootKey, made.outageSeconds, made.cacheSeconds], ['file:red.key', 0, 300])
  assert(existsSync(path.join(server.data, 'red.key')))
  await assert.rejects(
    admin.call(instanceRoutes.createInstance, { body: { name: 'red' } }),
    refused('conflict', /red exists already/),
  )
  const set = await admin.call(instanceRoutes.setInstance, {
    instance: 'red',
    body: { name: 'crimson', cacheSeconds: 1, portable: true, expiredGraceDays: 0 },
  })
  assert.deepEqual(
    [set.id, set.name, set.cacheSeconds, set.portable, set.expiredGraceDays],
    [made.id, 'crimson', 1, true, 0],
  )
  await assert.rejects(
    admin.call(instanceRoutes.setInstance, { instance: 'crimson', body: { name: 'default' } }),
    refused('conflict', /default exists already/),
  )
  const shown = await admin.call(instanceRoutes.showInstance, { instance: made.id })
  assert.deepEqual([shown.name, shown.objects, shown.clients], ['crimson', {}, 0])
})

test('an instance without a usable root key is not made, and says why', async () => {
  const attempts: [string, RegExp][] = [
    ['file:/nowhere/else.key', /no root key at \/nowhere\/else\.key/],
    ['pkcs11:token=x', /names no key/],
    ['nothing', /not the URI of a root key/],
  ]
  for (const [rootKey, message] of attempts)
    await assert.rejects(
      admin.call(instanceRoutes.createInstance, { body: { name: 'grey', rootKey } }),
      refused('refused', message),
      rootKey,
    )
  const rootKey = 'keyprotect://us-south.kms.cloud.ibm.com/a/b'
  await assert.rejects(
    admin.call(instanceRoutes.createInstance, { body: { name: 'grey', rootKey } }),
    refused('bad-request', /custody.*must be said/),
  )
  await assert.rejects(
    admin.call(instanceRoutes.createInstance, { body: { name: 'grey', custody: 'keyprotect' } }),
    refused('bad-request', /custody keyprotect \(--custody; custody in the body\) is for root keys/),
  )
  assert(!(await admin.call(instanceRoutes.listInstances)).some(({ name }) => name === 'grey'))
})

test('an instance with keys is not deleted, and is told by what vSphere calls them; shredding prints a receipt', async () => {
  await admin.call(instanceRoutes.createInstance, { body: { name: 'doomed' } })
  const identity = await makeCertificate({ commonName: 'doomed', ownKey: true })
  const body = { by: 'certificate', name: 'vc', certificate: identity.certificate.pem } as const
  await admin.call(clientRoutes.trustClient, { instance: 'doomed', body })
  using session = await openSession(server.port, identity)
  await session.ask('1.1', 'Create', aes([text('x-Name', 'web-server-3')]))
  await admin.call(keyRoutes.createKey, { instance: 'doomed', body: {} })
  await assert.rejects(admin.call(instanceRoutes.deleteInstance, { instance: 'doomed' }), (error) => {
    assert(error instanceof Refusal && error.code === 'conflict')
    assert.match(error.message, /2 .*not destroyed.*web-server-3.*1 without/)
    assert.match(error.hint ?? '', /--shred/)
    return true
  })
  await assert.rejects(
    admin.call(instanceRoutes.deleteInstance, { instance: 'doomed', query: { shred: 'default' } }),
    refused('bad-request', /not the name of this instance/),
  )
  const { receipt, id } = await admin.call(instanceRoutes.deleteInstance, {
    instance: 'doomed',
    query: { shred: 'doomed' },
  })
  assert.equal(receipt?.dataKeys.length, 1)
  assert.deepEqual([receipt.standardKeys, receipt.objects], [0, { PreActive: 2 }])
  assert.equal(
    (await session.one('1.1', { operation: 'Query', request: { QueryFunction: ['QueryOperations'] } }))
      .reason,
    'AuthenticationNotSuccessful',
  )
  await assert.rejects(
    admin.call(instanceRoutes.showInstance, { instance: 'doomed' }),
    refused('not-found', /doomed/),
  )
  const { entries } = await admin.call(auditRoutes.listAudit, { query: { action: 'instance.shred' } })
  assert.deepEqual([entries[0]?.object, entries[0]?.detail?.['PreActive']], [id, 2])
  const kept = await admin.call(auditRoutes.listAudit, { query: { action: 'key.create', limit: 1000 } })
  assert.equal(kept.entries.filter(({ instanceId }) => instanceId === id).length, 2)
})

test('an empty instance is deleted with its clients and tokens', async () => {
  await admin.call(instanceRoutes.createInstance, { body: { name: 'short' } })
  const { token } = await admin.call(tokenRoutes.createToken, {
    body: { role: 'manager', instance: 'short' },
  })
  const gone = await as(token).call(instanceRoutes.deleteInstance, { instance: 'short' })
  assert.deepEqual([gone.name, gone.receipt], ['short', null])
  await assert.rejects(as(token).call(instanceRoutes.listInstances), refused('unauthenticated', /token/))
})

// ---------------------------------------------------------------- tokens

test('a token is shown once, known by its last use, and does not count once revoked', async () => {
  const made = await admin.call(tokenRoutes.createToken, {
    body: { role: 'viewer', name: 'grafana', expiresDays: 2 },
  })
  assert.match(made.token, /^mortise_[\w-]{43}$/)
  assert.equal(made.lastUsed, null)
  assert(Math.abs(Date.parse(made.expires ?? '') - Date.now() - 2 * 24 * 3600_000) < 60_000)
  const viewer = as(made.token)
  await viewer.call(instanceRoutes.listInstances)
  await assert.rejects(
    viewer.call(tokenRoutes.createToken, { body: { role: 'viewer' } }),
    refused('forbidden', /manager/),
  )
  const listed = await viewer.call(tokenRoutes.listTokens)
  const shown = listed.find(({ id }) => id === made.id)
  assert.equal(shown?.lastAddress, '127.0.0.1')
  assert(Math.abs(Date.parse(shown.lastUsed ?? '') - Date.now()) < 60_000)
  assert(!JSON.stringify(listed).includes(made.token))
  assert.deepEqual(Object.keys(shown).toSorted(), [
    'created',
    'expired',
    'expires',
    'id',
    'instance',
    'lastAddress',
    'lastUsed',
    'name',
    'owner',
    'role',
  ])
  await admin.call(tokenRoutes.revokeToken, { token: made.id })
  await assert.rejects(viewer.call(instanceRoutes.listInstances), refused('unauthenticated', /token/))
  await assert.rejects(
    admin.call(tokenRoutes.revokeToken, { token: made.id }),
    refused('not-found', /no token/),
  )
})

const make = async (body: Input<typeof tokenRoutes.createToken>['body']) =>
  (await admin.call(tokenRoutes.createToken, { body })).name

test('a token without a name has that of its owner, and a program its role: the audit log names it so', async () => {
  assert.equal(await make({ role: 'operator', owner: 'alice' }), 'alice')
  assert.equal(await make({ role: 'viewer' }), 'viewer')
  assert.equal(await make({ role: 'viewer', owner: 'alice', name: 'laptop' }), 'laptop')
  await assert.rejects(make({ role: 'viewer', owner: 'bootstrap' }), refused('bad-request', /first token/))
})

test('the last manager stays, and nobody poses as the first token', async () => {
  const [bootstrap] = (await admin.call(tokenRoutes.listTokens)).filter(({ name }) => name === 'bootstrap')
  await assert.rejects(
    admin.call(tokenRoutes.revokeToken, { token: bootstrap?.id ?? '' }),
    refused('conflict', /last manager/),
  )
  await assert.rejects(
    admin.call(tokenRoutes.createToken, { body: { role: 'viewer', name: 'bootstrap' } }),
    refused('bad-request', /bootstrap/),
  )
})

test('a token of an instance makes, sees and revokes tokens of that instance only', async () => {
  const { token } = await admin.call(tokenRoutes.createToken, {
    body: { role: 'manager', instance: 'crimson' },
  })
  const local = as(token)
  const made = await local.call(tokenRoutes.createToken, { body: { role: 'operator', name: 'alice' } })
  assert.equal(made.instance?.name, 'crimson')
  await assert.rejects(
    local.call(tokenRoutes.createToken, { body: { role: 'viewer', instance: 'default' } }),
    refused('not-found', /no instance default/),
  )
  assert((await local.call(tokenRoutes.listTokens)).every(({ instance }) => instance?.name === 'crimson'))
  const [bootstrap] = (await admin.call(tokenRoutes.listTokens)).filter(({ name }) => name === 'bootstrap')
  await assert.rejects(
    local.call(tokenRoutes.revokeToken, { token: bootstrap?.id ?? '' }),
    refused('not-found', /no token/),
  )
  assert.equal((await local.call(tokenRoutes.revokeToken, { token: made.id })).name, 'alice')
})

// ---------------------------------------------------------------- clients

const get = (UniqueIdentifier: string): Asked => ({ operation: 'Get', request: { UniqueIdentifier } })
function credentials(Username: string, Password: string): Header {
  return { credentials: [{ CredentialType: 'UsernameAndPassword', CredentialValue: { Username, Password } }] }
}

test('a password on a client is demanded with keys, checked where it is sent, and ignored where none is set', async () => {
  const identity = await clientCertificate('self-signed')
  await server.trust('vc1', identity)
  const client = { instance: 'default', client: 'vc1' }
  using session = await openSession(server.port, identity)
  const key = await session.key('1.1')
  const reasonOf = async (header?: Header) => (await session.one('1.1', get(key), header)).reason
  assert.equal(await reasonOf(credentials('anybody', 'anything')), undefined)
  const credential = { mode: 'required', userName: 'vcenter', password: 'right' } as const
  const set = await admin.call(clientRoutes.setClient, { ...client, body: { credential } })
  assert.deepEqual(set.credential, { mode: 'required', userName: 'vcenter' })
  const no = 'AuthenticationNotSuccessful'
  assert.equal(await reasonOf(), no)
  assert.equal(await reasonOf(credentials('vcenter', 'wrong')), no)
  assert.equal(await reasonOf(credentials('other', 'right')), no)
  assert.equal(await reasonOf(credentials('vcenter', 'right')), undefined)
  await admin.call(clientRoutes.setClient, { ...client, body: { credential: { mode: 'when-sent' } } })
  assert.equal(await reasonOf(), undefined)
  assert.equal(await reasonOf(credentials('vcenter', 'wrong')), no)
  assert.equal(await reasonOf(credentials('vcenter', 'right')), undefined)
  assert.equal(
    (await admin.call(clientRoutes.setClient, { ...client, body: { credential: null } })).credential,
    null,
  )
  assert.equal(await reasonOf(credentials('vcenter', 'wrong')), undefined)
  await assert.rejects(
    admin.call(clientRoutes.setClient, { ...client, body: { credential: { mode: 'required' } } }),
    refused('refused', /vc1 has no user name and password/),
  )
  const audit = await admin.call(auditRoutes.listAudit, { query: { limit: 1000 } })
  assert.doesNotMatch(
    JSON.stringify(audit) +
      JSON.stringify(await admin.call(clientRoutes.listClients, { instance: 'default' })),
    /"right"|"wrong"/,
  )
})

async function warningsOf(client: string): Promise<readonly string[] | undefined> {
  const shown = await admin.call(clientRoutes.showClient, { instance: 'default', client })
  return shown.certificates[0]?.warnings
}

test('a certificate that says CA:TRUE is warned of until a client shows it', async () => {
  const own = await makeCertificate({
    commonName: 'openssl',
    extensions: [basicConstraints(true)],
    ownKey: true,
  })
  await server.trust('openssl', own)
  assert.match(
    (await warningsOf('openssl'))?.join() ?? '',
    /^it is the certificate of a CA .* since it is trusted/,
  )
  using session = await openSession(server.port, own)
  await session.key('1.1')
  assert.deepEqual(await warningsOf('openssl'), [])
})

test('certificates of one client overlap in a renewal, each with its last sighting; the old one is taken away', async () => {
  const old = await makeCertificate({ commonName: 'renewed', ownKey: true })
  const young = await makeCertificate({ commonName: 'renewed', ownKey: true })
  await server.trust('renewed', old)
  await server.trust('renewed', young)
  using before = await openSession(server.port, old)
  await before.key('1.1')
  const client = { instance: 'default', client: 'renewed' }
  const seenOf = async (sha256: string) =>
    (await admin.call(clientRoutes.showClient, client)).certificates.find((one) => one.sha256 === sha256)
      ?.lastSeen
  assert.notEqual(await seenOf(old.certificate.sha256), null)
  assert.equal(await seenOf(young.certificate.sha256), null)
  using now = await openSession(server.port, young)
  await now.key('1.1')
  assert.notEqual(await seenOf(young.certificate.sha256), null)
  const certificate = old.certificate.sha256.toUpperCase().replaceAll(/(..)(?!$)/g, '$1:')
  const left = await admin.call(clientRoutes.removeCertificate, { ...client, certificate })
  assert.deepEqual(
    left.certificates.map(({ sha256 }) => sha256),
    [young.certificate.sha256],
  )
  assert.equal(await before.refused('1.1', 'Create', aes()), 'AuthenticationNotSuccessful')
  await now.key('1.1')
  await assert.rejects(
    admin.call(clientRoutes.removeCertificate, { ...client, certificate: old.certificate.sha256 }),
    refused('not-found', /no certificate or CA/),
  )
})

test('a client is renamed and gets a grace of its own', async () => {
  await server.trust('lately', await clientCertificate('expired-lately'))
  const client = { instance: 'default', client: 'lately' }
  using session = await openSession(server.port, await clientCertificate('expired-lately'))
  await session.key('1.1')
  await admin.call(clientRoutes.setClient, { ...client, body: { expiredGraceDays: 0 } })
  assert.equal(await session.refused('1.1', 'Create', aes()), 'AuthenticationNotSuccessful')
  const set = await admin.call(clientRoutes.setClient, {
    ...client,
    body: { name: 'late', expiredGraceDays: null },
  })
  assert.deepEqual([set.name, set.expiredGraceDays], ['late', null])
  await session.key('1.1')
  await assert.rejects(
    admin.call(clientRoutes.setClient, { instance: 'default', client: 'late', body: { name: 'vc1' } }),
    refused('conflict', /vc1 exists already/),
  )
})

test('a block is listed and lifted, by hand or by trusting again', async () => {
  const identity = await makeCertificate({ commonName: 'blocked', ownKey: true })
  const { sha256 } = identity.certificate
  await server.trust('blocked', identity)
  using session = await openSession(server.port, identity)
  await session.key('1.1')
  for (const lift of [
    () => admin.call(clientRoutes.unblockCertificate, { certificate: sha256 }),
    () => server.trust('blocked', identity),
  ]) {
    await admin.call(clientRoutes.blockCertificate, { body: { sha256, reason: 'stolen' } })
    assert.equal(await session.refused('1.1', 'Create', aes()), 'AuthenticationNotSuccessful')
    assert.deepEqual(
      (await admin.call(clientRoutes.listBlocks)).map((block) => [block.sha256, block.reason]),
      [[sha256, 'stolen']],
    )
    await lift()
    await session.key('1.1')
    assert.deepEqual(await admin.call(clientRoutes.listBlocks), [])
  }
  await assert.rejects(
    admin.call(clientRoutes.unblockCertificate, { certificate: sha256 }),
    refused('not-found', /blocked/),
  )
})

// ---------------------------------------------------------------- keys

test("vSphere 9's wrapping key: AES-256 that encrypts and wraps, Active on demand, fetched by its id", async () => {
  const made = await admin.call(keyRoutes.createKey, {
    instance: 'default',
    body: { name: 'wrapping', activate: true },
  })
  assert.deepEqual([made.name, made.state, made.algorithm, made.length], ['wrapping', 'Active', 'AES', 256])
  const { attributes } = await admin.call(keyRoutes.showKey, { instance: 'default', key: made.id })
  assert.equal(attributes.find(({ name }) => name === 'CryptographicUsageMask')?.value, 4 | 8 | 16 | 32)
  await assert.rejects(
    admin.call(keyRoutes.createKey, { instance: 'default', body: { name: 'wrapping' } }),
    refused('conflict', /Name/),
  )
  assert.equal((await admin.call(keyRoutes.createKey, { instance: 'default', body: {} })).state, 'PreActive')
  using session = await openSession(server.port, await clientCertificate('self-signed'))
  const { ObjectType } = await session.ask('1.1', 'Get', { UniqueIdentifier: made.id })
  assert.equal(ObjectType, 'SymmetricKey')
})

function noted(name: string, component: string, identifier: string) {
  return aes([text('x-Name', name), text('x-Component', component), text('x-Identifier', identifier)])
}

test('keys are found by every name, by when they were made and when they were fetched', async () => {
  await admin.call(instanceRoutes.createInstance, { body: { name: 'library' } })
  const identity = await makeCertificate({ commonName: 'library', ownKey: true })
  const body = { by: 'certificate', name: 'vc', certificate: identity.certificate.pem } as const
  await admin.call(clientRoutes.trustClient, { instance: 'library', body })
  using session = await openSession(server.port, identity)
  const web = (await session.ask('1.1', 'Create', noted('web-1', 'VM', 'vm-1'))).UniqueIdentifier
  const db = (await session.ask('1.1', 'Create', noted('db-1', 'VM', 'vm-2'))).UniqueIdentifier
  const { id: named } = await admin.call(keyRoutes.createKey, {
    instance: 'library',
    body: { name: 'web-1' },
  })
  await session.ask('1.1', 'Get', { UniqueIdentifier: db })
  const found = async (query: NonNullable<Parameters<typeof list>[0]>) =>
    (await list(query)).map(({ id }) => id)
  const list = async (query: object): Promise<Output<typeof keyRoutes.listKeys>['keys']> =>
    (await admin.call(keyRoutes.listKeys, { instance: 'library', query })).keys
  assert.deepEqual(await found({ vsphereName: 'web-1' }), [web])
  assert.deepEqual(await found({ vsphereComponent: 'VM' }), [db, web])
  assert.deepEqual(await found({ vsphereComponent: 'VM', vsphereIdentifier: 'vm-1' }), [web])
  assert.deepEqual(await found({ search: 'web-1' }), [named, web])
  assert.deepEqual(await found({ search: db }), [db])
  assert.deepEqual(await found({ search: 'web' }), [])
  assert.deepEqual(await found({ contains: 'WEB' }), [named, web])
  assert.deepEqual(await found({ contains: db.slice(4, 20).toUpperCase() }), [db])
  assert.deepEqual(await found({ notFetchedSince: new Date(0).toISOString() }), [named, web])
  assert.deepEqual(await found({ fetchedSince: new Date(Date.now() - 3600_000).toISOString() }), [db])
  assert.deepEqual(await found({ createdSince: new Date(Date.now() + 3600_000).toISOString() }), [])
  assert.deepEqual(await found({ createdUntil: new Date(Date.now() - 3600_000).toISOString() }), [])
  assert.equal((await found({ createdSince: new Date(Date.now() - 3600_000).toISOString() })).length, 3)
  const page = await admin.call(keyRoutes.listKeys, {
    instance: 'library',
    query: { search: 'web-1', limit: 1 },
  })
  assert.deepEqual(
    page.keys.map(({ id }) => id),
    [named],
  )
  const next = await admin.call(keyRoutes.listKeys, {
    instance: 'library',
    query: { search: 'web-1', limit: 1, after: page.after ?? '' },
  })
  assert.deepEqual(
    next.keys.map(({ id }) => id),
    [web],
  )
  const other = (await session.ask('1.1', 'Create', noted('Größe ΣΟΦΙΑΣ 東京', 'VM', 'vm-3')))
    .UniqueIdentifier
  for (const contains of ['GRÖ', 'σοφιας', 'ΣΟΦΙΑΣ', 'ΟΦΙ', '東京', 'VM-3'])
    assert.deepEqual(await found({ contains }), [other], contains)
  const odd = (await session.ask('1.1', 'Create', noted('\u212a-42 (a|b) [x]\\d', 'VM', '\u0130-7')))
    .UniqueIdentifier
  for (const contains of ['k-42', 'K-42', '(A|B)', '[x]', '\\d', 'i\u0307-7'])
    assert.deepEqual(await found({ contains }), [odd], contains)
  assert.deepEqual(await found({ contains: 'a.b' }), [])
  assert.deepEqual(await found({ contains: 'web', notFetchedSince: new Date(0).toISOString() }), [named, web])
  assert.deepEqual(await found({ contains: 'web', fetchedSince: new Date(0).toISOString() }), [])
})

// ---------------------------------------------------------------- how it is

test('status is one page of what the token may see', async () => {
  const status = await admin.call(statusRoutes.status)
  assert.deepEqual([status.ready, status.reason, status.version], [true, null, '0.0.0-test'])
  assert(status.instances.some(({ name, clients }) => name === 'default' && clients > 1))
  assert.equal(status.pending, (await admin.call(clientRoutes.listPending)).length)
  assert(status.expiries.some(({ kind, daysLeft }) => kind === 'client' && daysLeft < 0))
  const warned = status.conditions.filter(({ id }) => id === 'certificate-expired')
  assert(
    warned.some(({ message, action }) => /client late .*expired 3 days ago/.test(message) && action !== ''),
  )
  const { token } = await admin.call(tokenRoutes.createToken, {
    body: { role: 'viewer', instance: 'crimson' },
  })
  const own = await as(token).call(statusRoutes.status)
  assert.deepEqual(
    own.instances.map(({ name }) => name),
    ['crimson'],
  )
  assert.deepEqual([own.pending, own.traffic], [null, null])
  assert.deepEqual(own.conditions, [])
  assert.doesNotMatch(JSON.stringify(own), /default|library|vc1/)
})

test('health counts what needs somebody; the log has said it', async () => {
  const { ready, conditions, degraded } = await admin.call(statusRoutes.ready)
  assert.deepEqual([ready, degraded], [true, []])
  const shown = (await admin.call(statusRoutes.status)).conditions
  assert.equal(conditions.critical + conditions.warning + conditions.notice, shown.length)
  assert.ok(shown.some(({ id }) => id === 'root-key-not-copied'))
})

test('metrics tell operations, handshakes, commits, root key, expiries and state, and no names', async () => {
  const shown = await admin.call(statusRoutes.metrics)
  for (const pattern of [
    /^mortise_kmip_operation_seconds_count\{operation="Create",result="success"\} [1-9]/m,
    /^mortise_kmip_operation_seconds_count\{operation="Get",result="AuthenticationNotSuccessful"\} [1-9]/m,
    /^mortise_kmip_handshakes_total\{result="ok",.*\} [1-9]/m,
    /^mortise_kmip_peers_total\{result="trusted"\} [1-9]/m,
    /^mortise_store_commit_seconds_count\{result="done"\} [1-9]/m,
    /^mortise_root_key_seconds_count\{call="wrap",result="ok"\} [1-9]/m,
    /^mortise_data_key_uses_total\{source="cache"\} [1-9]/m,
    /^mortise_certificate_days_left\{kind="client"\} -/m,
    /^mortise_certificates_expiring\{kind="client"\} [1-9]/m,
    /^mortise_certificates_expiring\{kind="server"\} 0/m,
    /^mortise_ready 1$/m,
    /^mortise_store_writable 1$/m,
    /^mortise_degraded_instances 0$/m,
    /^mortise_objects\{state="PreActive"\} [1-9]/m,
    /^nodejs_eventloop_lag_p99_seconds /m,
  ])
    assert.match(shown, pattern)
  assert.doesNotMatch(shown, /crimson|library|vc1|web-1|renewed|[0-9a-f]{8}-[0-9a-f]{4}-/)
})

test('a CA that expires soon is warned about like a certificate', async () => {
  const ca = await testVmca()
  const body = { by: 'authority', name: 'hosts', authority: ca.certificate.pem, subject: 'esx*' } as const
  await admin.call(clientRoutes.trustClient, { instance: 'library', body })
  const { expiries } = await admin.call(statusRoutes.status)
  assert(
    expiries.some(
      ({ kind, name, instance }) => kind === 'client-ca' && name === 'hosts' && instance?.name === 'library',
    ),
  )
  assert.match(await admin.call(statusRoutes.metrics), /^mortise_certificates\{kind="client-ca"\} 1$/m)
})
