// An administrator's changes of instances, clients and tokens: each takes effect at once, refuses to lock everybody out
// or lose keys, and is entered in the audit.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CorePorts } from '../../../src/core/server/core.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { hashCredential, matchesCredential } from '../../../src/core/trust/credential.ts'
import { KeysUnavailable } from '../../../src/core/sealing/unwrap-cache.ts'
import { StoreConflict } from '../../../src/core/ports/store.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import type { Role } from '../../../src/core/trust/rows.ts'
import { TrustRefused } from '../../../src/core/trust/writer.ts'
import { makeCertificate, testVmca } from '../../support/certificates/certificates.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import {
  createKey,
  edit,
  faults,
  peerOf,
  look,
  makeInstance,
  manager,
  openCore,
  openCoreWithClient,
  trustClient,
  type TestCore,
} from '../../support/server/core.ts'

const refused = (code: TrustRefused['why'], message = /./) => {
  return (error: unknown) =>
    error instanceof TrustRefused && error.why === code && message.test(error.message)
}

async function actions(core: TestCore): Promise<readonly string[]> {
  const page = await core.store.audit({ order: 'oldest', limit: 1000 })
  return page.entries.map(({ body }) => (JSON.parse(body) as AuditEntry).action)
}

test('an instance is renamed and set, and keeps its id, clients and keys', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  await makeInstance(core, 'taken')
  const { instances } = core.trust
  await assert.rejects(instances.update(serverActor, instance.id, { name: 'taken' }), refused('exists'))
  await assert.rejects(instances.update(serverActor, 'unknown', { name: 'x' }), refused('not-found'))
  await instances.update(serverActor, instance.id, { name: 'renamed', cacheSeconds: 1, outageSeconds: 0 })
  assert.equal((await core.access.instance('renamed'))?.id, instance.id)
  assert.equal(await core.access.instance('default'), undefined)
  await perform((work) => work.fetch(id))
  core.rootKey.fault = 'unreachable'
  core.clock.pass(1_000)
  await assert.rejects(
    perform((work) => work.fetch(id)),
    faults('GeneralFailure', /cannot be reached/),
    'the new settings count',
  )
  assert.ok((await actions(core)).includes('instance.set'))
})

test('an instance with live objects cannot be deleted; one without them is deleted with everything in it', async (t) => {
  const { core, instance, identity, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const token = { name: 'script', role: 'viewer', instanceId: instance.id, expiresMs: null } as const
  const { bearer } = await core.trust.tokens.create(serverActor, token)
  const { instances } = core.trust
  await assert.rejects(instances.remove(serverActor, instance.id), refused('in-use', /1 PreActive/))
  await perform((work) => work.destroy(id))
  await instances.remove(serverActor, instance.id)
  assert.equal((await core.access.identify(peerOf(identity))).trusted, false)
  assert.equal(await core.access.token(bearer), undefined)
  assert.deepEqual(await core.access.instances(), [])
  const left = look(core.file, 'SELECT kind FROM trust').map(({ kind }) => kind)
  assert.deepEqual(left, ['head'])
  assert.deepEqual(await core.store.dataKeys(instance.id), [])
  assert.ok((await actions(core)).includes('key.create'), 'its audit stays')
  assert.deepEqual((await core.reopen()).alarms, [])
})

test('a key created while its instance is deleted either exists or was refused', async (t) => {
  let around: StoreAround | undefined
  const wrap = (store: CorePorts['store']) => (around = new StoreAround(store))
  const { core, instance, perform } = await openCoreWithClient(t, { wrap })
  assert.ok(around)
  const one = around
  one.before = async (change) => {
    if (!change.entries.some(({ action }) => action === 'instance.delete')) return
    one.before = () => undefined
    await perform(createKey())
  }
  const removing = core.trust.instances.remove(serverActor, instance.id)
  await assert.rejects(removing, refused('in-use'))
  assert.ok(await core.access.instance(instance.id))
})

test('shredding destroys the data keys at once: nothing opens, cached or not, and no other instance is touched', async (t) => {
  const { core, instance, identify, perform } = await openCoreWithClient(t)
  const neighbour = await makeInstance(core, 'neighbour')
  const theirs = await trustClient(core, neighbour, 'theirs')
  const kept = await core.keys.perform(theirs.identify, createKey())
  const id = await perform(createKey())
  await perform((work) => work.fetch(id))
  const [before] = await core.store.dataKeys(instance.id)
  const receipt = await core.trust.instances.shred(serverActor, instance.id)
  assert.deepEqual(
    receipt.dataKeys.map((key) => key.id),
    [before?.id],
  )
  assert.deepEqual(receipt.objects, { PreActive: 1 })
  await assert.rejects(
    core.keys.perform(identify, (work) => work.fetch(id)),
    faults('AuthenticationNotSuccessful'),
  )
  assert.deepEqual(await core.store.dataKeys(instance.id), [])
  await assert.rejects(
    async () => core.keyring.byId(instance, before?.id ?? ''),
    (error) => !(error instanceof KeysUnavailable),
  )
  await core.keys.perform(theirs.identify, (work) => work.fetch(kept))
  assert.ok((await actions(core)).includes('instance.shred'))
})

test('a client is renamed and set; names are its instance’s own', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const neighbour = await makeInstance(core, 'neighbour')
  await trustClient(core, neighbour, 'second')
  await trustClient(core, instance, 'third')
  const { clients } = core.trust
  await assert.rejects(clients.update(manager, instance.id, 'vcenter', { name: 'third' }), refused('exists'))
  await assert.rejects(clients.update(manager, neighbour.id, 'vcenter', { name: 'x' }), refused('not-found'))
  const { id } = await clients.update(manager, instance.id, 'vcenter', { name: 'second' })
  const result = await core.access.identify(peerOf(identity))
  assert.equal(result.trusted && result.client.name, 'second')
  await clients.update(manager, instance.id, id, { expiredGraceDays: 0 })
  const [set] = (await core.access.clients(instance.id)).filter((client) => client.id === id)
  assert.equal(set?.expiredGraceDays, 0)
  assert.equal(set?.name, 'second')
})

test('an id names its client, also where another one is named so', async (t) => {
  const { core, instance } = await openCoreWithClient(t)
  await trustClient(core, instance, 'second')
  const { clients } = core.trust
  const [a, b] = await core.access.clients(instance.id)
  assert.ok(a && b)
  for (const [{ id }, { id: name }] of [
    [a, b],
    [b, a],
  ] as const)
    assert.equal((await clients.update(manager, instance.id, id, { name })).id, id)
  for (const { id } of [b, a]) assert.equal((await clients.remove(manager, instance.id, id)).id, id)
})

test('removing one certificate of a client keeps its others, and another client’s certificate cannot be removed', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const renewed = await trustClient(core, instance, 'vcenter')
  const other = await trustClient(core, instance, 'other')
  const { clients } = core.trust
  const remove = (sha256: string) => clients.removeCertificate(manager, instance.id, 'vcenter', sha256)
  await assert.rejects(remove(other.identity.certificate.sha256), refused('not-found'))
  await remove(identity.certificate.sha256)
  assert.equal((await core.access.identify(peerOf(identity))).trusted, false)
  assert.equal((await core.access.identify(peerOf(renewed.identity))).trusted, true)
  assert.equal((await core.access.identify(peerOf(other.identity))).trusted, true)
})

test('a block can be lifted, even one that somebody removed from the database', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const { sha256 } = identity.certificate
  await assert.rejects(core.trust.clients.unblock(serverActor, sha256), refused('not-found'))
  for (const byHand of [false, true]) {
    await core.trust.clients.block(serverActor, sha256, 'lost', instance.id)
    if (byHand) edit(core.file, `DELETE FROM trust WHERE kind = 'block'`)
    assert.equal((await core.access.identify(peerOf(identity))).trusted, false)
    await core.trust.clients.unblock(serverActor, sha256)
    assert.equal((await core.access.identify(peerOf(identity))).trusted, true)
  }
  assert.deepEqual((await core.reopen()).alarms, [])
})

test('an operator lifts no block of a certificate that would be a client with more than an operator grants', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const operator = { ...manager, role: 'operator' } as const
  const { clients } = core.trust
  const { sha256 } = identity.certificate
  const lift = () => clients.unblock(operator, sha256)
  await clients.block(operator, sha256, 'stolen', null)
  await assert.rejects(lift(), refused('forbidden', /the client vcenter.*all.*operator grants vsphere/))
  assert.equal((await core.access.identify(peerOf(identity))).trusted, false)
  const entries = (await core.store.audit({ order: 'newest', limit: 1 })).entries.map(({ body }) => body)
  assert.match(entries[0] ?? '', /"client.unblock","result":"refused"/)
  await clients.update(manager, instance.id, 'vcenter', { allow: ['vsphere'] })
  await lift()
  assert.equal((await core.access.identify(peerOf(identity))).trusted, true)

  const ca = {
    instanceId: instance.id,
    name: 'by CA',
    ca: (await testVmca()).certificate,
    subject: 'kmipClient*',
    allow: ['all'],
  }
  await clients.trustAuthority(manager, ca)
  await clients.block(operator, sha256, 'stolen', null)
  await clients.remove(operator, instance.id, 'vcenter')
  await assert.rejects(lift(), refused('forbidden', /a CA may make it the client by CA/))
  await clients.unblock(manager, sha256)
})

test('the certificate of a CA that vouches for clients is not blocked, since that would refuse none of them', async (t) => {
  const { core, instance } = await openCoreWithClient(t)
  const { clients } = core.trust
  const ca = (await testVmca()).certificate
  const wanted = { instanceId: instance.id, name: 'by CA', ca, subject: 'kmipClient*' }
  const { id } = (await clients.trustAuthority(manager, wanted)).authority
  const block = () => clients.block(manager, ca.sha256, 'stolen', null)
  await assert.rejects(block(), refused('in-use', /vouches for the client by CA.*would refuse none/))
  await clients.removeCertificate(manager, instance.id, 'by CA', id)
  await block()
})

test('a token is revoked at once, by those with the right; the last manager token for everything stays', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const make = (role: Role, instanceId: string | null, expiresMs: number | null = null) =>
    core.trust.tokens.create(serverActor, { name: role, role, instanceId, expiresMs })
  const [master, scoped] = [await make('manager', null), await make('manager', instance.id)]
  await make('manager', null, core.clock.now() + 1_000)
  const { tokens } = core.trust
  await assert.rejects(
    tokens.revoke(serverActor, master.token.id, null),
    refused('in-use', /last manager token/),
  )
  await assert.rejects(tokens.revoke(serverActor, master.token.id, instance.id), refused('not-found'))
  await assert.rejects(tokens.revoke(serverActor, scoped.token.id, 'another'), refused('not-found'))
  await tokens.revoke(serverActor, scoped.token.id, instance.id)
  assert.equal(await core.access.token(scoped.bearer), undefined)
  const second = await make('manager', null)
  const both = await Promise.allSettled(
    [master, second].map(({ token }) => tokens.revoke(serverActor, token.id, null)),
  )
  assert.equal(both.filter(({ status }) => status === 'fulfilled').length, 1, 'of two at once one stays')
})

test('concurrent changes are decided one after the other, and a store that always conflicts ends them', async (t) => {
  let around: StoreAround | undefined
  const { core } = await openCoreWithClient(t, { wrap: (store) => (around = new StoreAround(store)) })
  assert.ok(around)
  const made = await Promise.allSettled(Array.from({ length: 10 }, () => makeInstance(core, 'same')))
  assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 1)
  around.before = () => {
    throw new StoreConflict('trust', 'always')
  }
  await assert.rejects(makeInstance(core, 'never'), StoreConflict)
})

test('a credential is matched by user name and password, and shows neither', async () => {
  const credential = await hashCredential('required', 'vcenter', 'correct horse')
  assert.equal(await matchesCredential(credential, 'vcenter', 'correct horse'), true)
  for (const [userName, password] of [
    ['vcenter', 'correct horse '],
    ['vcenter', ''],
    ['vcenter', 'correct horse\0'],
    ['Vcenter', 'correct horse'],
    ['', 'correct horse'],
  ] as const)
    assert.equal(await matchesCredential(credential, userName, password), false)
  const again = await hashCredential('required', 'vcenter', 'correct horse')
  assert.notEqual(again.hash, credential.hash)
  assert.doesNotMatch(JSON.stringify(credential), /correct|horse/)
})

test('NULs at the end of a password are part of it', async () => {
  const credential = await hashCredential('required', 'vcenter', 'ends with two\0\0')
  for (const [password, right] of [
    ['ends with two\0\0', true],
    ['ends with two\0', false],
    ['ends with two', false],
    ['ends with two\0\0\0', false],
  ] as const)
    assert.equal(await matchesCredential(credential, 'vcenter', password), right, JSON.stringify(password))
})

test('the way of a user name and password is changed beside them, and needs them', async (t) => {
  const { core, instance } = await openCoreWithClient(t)
  const set = (credential: Parameters<typeof core.trust.clients.update>[3]['credential']) =>
    core.trust.clients.update(manager, instance.id, 'vcenter', {
      ...(credential !== undefined && { credential }),
    })
  await assert.rejects(set({ mode: 'required' }), refused('unfit', /no user name and password/))
  const whole = await hashCredential('when-sent', 'u', 'a password')
  assert.deepEqual((await set(whole)).credential, whole)
  assert.deepEqual((await set({ mode: 'required' })).credential, { ...whole, mode: 'required' })
  assert.deepEqual((await set(undefined)).credential, { ...whole, mode: 'required' }, 'left out, it stays')
  assert.equal((await set(null)).credential, null)
})

test('a client that is there gets no other operations by one more certificate', async (t) => {
  const { core, instance } = await openCoreWithClient(t)
  const trust = async (allow?: readonly string[]) => {
    const { certificate } = await makeCertificate({ key: 'ec', ownKey: true })
    const wanted = { instanceId: instance.id, name: 'vcenter', certificate, ...(allow && { allow }) }
    return core.trust.clients.trustCertificate(manager, wanted)
  }
  const first = await trust()
  assert.equal((await trust(['all'])).client.id, first.client.id)
  await assert.rejects(trust(['read']), refused('exists', /may request other operations: all/))
})

test('a new client may ask for what vSphere sends, whoever trusts it and by whatever certificate', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const { clients } = core.trust
  for (const role of ['operator', 'manager'] as const) {
    const { certificate } = await makeCertificate({ key: 'ec', ownKey: true })
    const wanted = { instanceId: instance.id, name: role, certificate }
    const { client } = await clients.trustCertificate({ ...manager, role }, wanted)
    assert.deepEqual(client.allow, ['vsphere'])
  }
  const ca = (await testVmca()).certificate
  const wanted = { instanceId: instance.id, name: 'by CA', ca, subject: 'kmipClient*' }
  const { client } = await clients.trustAuthority(manager, wanted)
  assert.deepEqual(client.allow, ['vsphere'])
})
