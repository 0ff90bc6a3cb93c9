// The rules for changes of clients, on a real store without a server. system/cross-instance.test.ts has the attacks
// that they answer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowOf, allows } from '../../../src/core/trust/allow.ts'
import type { Grantor } from '../../../src/core/trust/grantor.ts'
import { makeHead, makeRow, type Instance } from '../../../src/core/trust/rows.ts'
import { TrustRefused } from '../../../src/core/trust/writer.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { namesShownMax } from '../../../src/base/bounds.ts'
import { pinsPerTurn } from '../../../src/core/trust/client-rules.ts'
import { basicConstraints, keyUsage } from '../../../src/core/pki/build.ts'
import {
  clientCertificate,
  makeCertificate,
  testVmca,
  type TestIdentity,
} from '../../support/certificates/certificates.ts'
import {
  dayMs,
  peerOf,
  makeInstance,
  manager,
  openCore,
  openCoreWithClient,
  trustClient,
  type TestCore,
} from '../../support/server/core.ts'

const managerOf = ({ id }: Instance): Grantor => ({ ...manager, onlyInstanceId: id })
const operator: Grantor = { ...manager, role: 'operator' }

const refused = (code: TrustRefused['why'], message = /./) => {
  return (error: unknown) =>
    error instanceof TrustRefused && error.why === code && message.test(error.message)
}

async function who(core: TestCore, identity: TestIdentity): Promise<string> {
  const result = await core.access.identify(peerOf(identity))
  return result.trusted ? `${result.instance.name}/${result.client.name}` : result.why
}

function pinAs(core: TestCore, by: Grantor, instance: Instance, name: string, { certificate }: TestIdentity) {
  const allow = by.role === 'manager' ? ['all'] : ['vsphere']
  return core.trust.clients.trustCertificate(by, { instanceId: instance.id, name, certificate, allow })
}

async function trustCa(core: TestCore, by: Grantor, instance: Instance, leavePinned = false) {
  const { certificate: ca } = await testVmca()
  const subject = 'kmipClient*'
  const wanted = { instanceId: instance.id, name: 'by CA', ca, subject, leavePinned, allow: ['all'] }
  return core.trust.clients.trustAuthority(by, wanted)
}

async function audited(core: TestCore): Promise<readonly AuditEntry[]> {
  const page = await core.store.audit({ order: 'oldest', limit: 1000 })
  return page.entries.map(({ body }) => JSON.parse(body) as AuditEntry)
}

test('a client without a list in its row may ask for everything', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  const [client] = await core.access.clients(instance.id)
  assert.ok(client)
  const { certificates: _, authorities: __, allow: ___, ...row } = client
  const { version, macs } = await core.access.snapshot()
  const old = makeRow(core.secrets, 'client', row)
  const listed = new Map([...macs, [`client/${old.id}`, Buffer.from(old.mac).toString('hex')]])
  const writes = [old, makeHead(core.secrets, version + 1, listed)].map(
    (one) => ({ type: 'trust', row: one }) as const,
  )
  await core.store.commit({ expect: { trustVersion: version }, writes, entries: [], durability: 'disk' })
  const result = await core.access.identify(peerOf(identity))
  assert.ok(result.trusted && result.client.allow === undefined)
  assert.deepEqual(allowOf(result.client), ['all'])
  const { allow } = core.access.callerOf(result, peerOf(identity), 'request')
  assert.ok(allows(allow, 'Destroy'))
  // It has full rights: an operator cannot change it.
  await assert.rejects(
    core.trust.clients.update(operator, instance.id, client.id, { name: 'x' }),
    refused('forbidden', /may ask for all/),
  )
})

test('with a single instance, a token for it trusts like one for all, but lifts no block', async (t) => {
  const core = await openCore(t)
  const only = await makeInstance(core, 'only')
  const [first, second] = [
    await makeCertificate({ commonName: 'first', ownKey: true, key: 'ec' }),
    await makeCertificate({ commonName: 'second', ownKey: true, key: 'ec' }),
  ]
  const mine = managerOf(only)
  await pinAs(core, mine, only, 'first', first)
  await trustCa(core, mine, only)
  const { sha256 } = second.certificate
  await core.trust.clients.block(manager, sha256, 'stolen', null)
  await assert.rejects(pinAs(core, mine, only, 'second', second), refused('forbidden'))
  await core.trust.clients.unblock(manager, sha256)
  await pinAs(core, mine, only, 'second', second)

  await makeInstance(core, 'another')
  const third = await makeCertificate({ commonName: 'third', ownKey: true, key: 'ec' })
  await assert.rejects(pinAs(core, mine, only, 'third', third), refused('forbidden'))
  const [attempt] = (await audited(core)).filter(({ result }) => result === 'refused').slice(-1)
  assert.deepEqual(
    [attempt?.action, attempt?.detail],
    ['client.trust', { certificate: third.certificate.sha256 }],
  )
  await assert.rejects(trustCa(core, mine, only), refused('forbidden', /a CA can be trusted/))
  assert.equal(await who(core, first), 'only/first', 'what was trusted before stays')
  assert.equal(await who(core, await clientCertificate('vmca-signed')), 'only/by CA')
})

test('Mortise remembers what it signed for an instance until it expires', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const issue = async (name: string) => {
    const identity = await makeCertificate({ commonName: name, ownKey: true, key: 'ec' })
    const { certificate } = identity
    const wanted = { instanceId: a.id, name, certificate, issuedUntilMs: core.clock.now() + 10 * dayMs }
    await core.trust.clients.trustCertificate(managerOf(a), wanted)
    return identity
  }
  const identity = await issue('first')
  await core.trust.clients.remove(managerOf(a), a.id, 'first')
  await assert.rejects(pinAs(core, managerOf(b), b, 'mine', identity), refused('forbidden'))
  await pinAs(core, managerOf(a), a, 'again', identity)
  const records = async () => [...(await core.access.snapshot()).tables.issued.keys()]
  assert.deepEqual(await records(), [identity.certificate.sha256])
  core.clock.pass(11 * dayMs)
  const { certificate } = await issue('second')
  assert.deepEqual(await records(), [certificate.sha256], 'the expired one went with the next')
  await issue('third')
  assert.equal((await records()).length, 2, 'one that has not expired stays')
  await core.trust.instances.remove(manager, a.id)
  assert.deepEqual(await records(), [])
})

test('deleting an instance with its own token lets none of its certificates into another instance', async (t) => {
  for (const by of ['token of the instance', 'token for all'] as const) {
    const core = await openCore(t)
    const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
    const identity = await clientCertificate('vmca-signed')
    await trustClient(core, b, 'pinned', identity)
    await trustCa(core, manager, a, true)
    assert.equal(await who(core, identity), 'b/pinned')
    await core.trust.instances.shred(by === 'token for all' ? manager : managerOf(b), b.id)
    assert.equal(await who(core, identity), by === 'token for all' ? 'a/by CA' : 'blocked')
    const blocks = (await audited(core)).filter(({ action }) => action === 'client.block')
    assert.deepEqual(
      blocks.map(({ instanceId, object }) => [instanceId, object]),
      by === 'token for all' ? [] : [[null, identity.certificate.sha256]],
    )
  }
})

test('a CA that covers many pins elsewhere names some of them, and checks them in turns', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const issuer = await testVmca()
  const count = Math.max(pinsPerTurn, namesShownMax) + 3
  for (let number = 0; number < count; number++) {
    const leaf = await makeCertificate({ commonName: `kmipClient${number}`, key: 'ec', issuer })
    await pinAs(core, manager, b, 'many', leaf)
  }
  await assert.rejects(
    trustCa(core, manager, a),
    refused('overlap', new RegExp(`\\(the client many of b\\).* and ${count - namesShownMax} more`)),
  )
  await trustCa(core, manager, b)
})

test('a pin and a CA that vouches for it, trusted at once in two instances: neither order goes unnoticed', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const identity = await clientCertificate('vmca-signed')
  const [ca, pinned] = await Promise.allSettled([
    trustCa(core, manager, a),
    pinAs(core, manager, b, 'pinned', identity),
  ])
  assert.equal(pinned.status, 'fulfilled')
  const claimed = (await audited(core)).some(
    ({ action, instanceId }) => action === 'client.certificate.claim' && instanceId === a.id,
  )
  assert.equal(claimed, ca.status === 'fulfilled', 'the CA was refused, or its instance knows of the pin')
})

test('an operator for all instances does not extend a client’s rights by removing its pin either', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const identity = await clientCertificate('vmca-signed')
  await trustCa(core, manager, a)
  await core.trust.clients.trustCertificate(manager, {
    instanceId: b.id,
    name: 'weak',
    certificate: identity.certificate,
    allow: ['read'],
  })
  await assert.rejects(
    core.trust.clients.remove(operator, b.id, 'weak'),
    refused('forbidden', /would be the client by CA/),
  )
  await core.trust.clients.update(manager, b.id, 'weak', { allow: ['all'] })
  await assert.rejects(
    core.trust.clients.remove(operator, b.id, 'weak'),
    refused('forbidden', /would be the client by CA/),
    'as much as before, but in another instance',
  )
  await core.trust.clients.update(manager, a.id, 'by CA', { allow: ['vsphere'] })
  await core.trust.clients.remove(operator, b.id, 'weak')
  assert.equal(await who(core, identity), 'a/by CA')
})

test('an operator removes the pin of a client with a pin and a CA: the client gains no rights', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const identity = await clientCertificate('vmca-signed')
  await trustCa(core, manager, instance)
  await pinAs(core, manager, instance, 'by CA', identity)
  const { sha256 } = identity.certificate
  await core.trust.clients.removeCertificate(operator, instance.id, 'by CA', sha256)
  assert.equal(await who(core, identity), 'default/by CA')
})

test('a renewed CA stands beside the old one for the same client, even under another name', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const vmca = await testVmca()
  await trustCa(core, manager, a)
  const extensions = [basicConstraints(true), keyUsage('ca')]
  const renamed = await makeCertificate({ commonName: 'another name', extensions, keyPair: vmca })
  const wanted = { name: 'by CA', ca: renamed.certificate, subject: 'kmipClient*' }
  const trustIn = (instance: Instance, name = 'by CA') =>
    core.trust.clients.trustAuthority(manager, { ...wanted, instanceId: instance.id, name })
  await assert.rejects(trustIn(b), refused('overlap', /in the instance a already/))
  await assert.rejects(trustIn(a, 'other'), refused('overlap', /in this instance already/))
  await trustIn(a)
})
