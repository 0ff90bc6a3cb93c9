// Which certificate is which client, as of now (design: section 3): pins, CAs with a filter, blocks, dates with their
// grace. Every answer follows the current rows.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { TrustRefused } from '../../../src/core/trust/writer.ts'
import { makeHead, makeRow, type Instance, type TrustKinds } from '../../../src/core/trust/rows.ts'
import { basicConstraints, extendedKeyUsage, keyUsage } from '../../../src/core/pki/build.ts'
import { parseCertificate } from '../../../src/core/pki/certificate.ts'
import { twinOf } from '../../../src/core/pki/twin.ts'
import {
  clientCertificate,
  makeCertificate,
  testVmca,
  type TestIdentity,
} from '../../support/certificates/certificates.ts'
import { certificateAround } from '../../support/certificates/hostile-certificates.ts'
import {
  dayMs,
  peerOf,
  makeInstance,
  manager,
  openCore,
  trustClient,
  type TestCore,
} from '../../support/server/core.ts'
import { anInstance } from './trust-values.ts'

/** The client of this certificate as `instance/client`, or the reason why there is none. */
async function who(core: TestCore, identity: TestIdentity): Promise<string> {
  const result = await core.access.identify(peerOf(identity))
  return result.trusted ? `${result.instance.name}/${result.client.name}` : result.why
}

function trustCa(
  core: TestCore,
  instance: Instance,
  ca: TestIdentity,
  subject = 'kmipClient*',
  name = 'by CA',
) {
  const wanted = { instanceId: instance.id, name, ca: ca.certificate, subject }
  return core.trust.clients.trustAuthority(manager, wanted)
}

/** Writes a row like a change of settings: with its MAC, and in the list. */
async function putRow<K extends keyof TrustKinds>(core: TestCore, kind: K, value: TrustKinds[K]) {
  const { version, macs } = await core.access.snapshot()
  const row = makeRow(core.secrets, kind, value)
  const listed = new Map([...macs, [`${kind}/${row.id}`, Buffer.from(row.mac).toString('hex')]])
  const head = makeHead(core.secrets, version + 1, listed)
  const writes = [row, head].map((one) => ({ type: 'trust', row: one }) as const)
  await core.store.commit({ expect: { trustVersion: version }, writes, entries: [], durability: 'disk' })
}

/** Uses the same name and key each time, like the renewal of a CA. */
function makeCa(toDays: number): Promise<TestIdentity> {
  return makeCertificate({ commonName: 'a CA', extensions: [basicConstraints(true), keyUsage('ca')], toDays })
}

const refused = (code: TrustRefused['why'], message = /./) => {
  return (error: unknown) =>
    error instanceof TrustRefused && error.why === code && message.test(error.message)
}

test('nobody is trusted at first, nor without a certificate, nor with bytes that are not a certificate', async (t) => {
  const core = await openCore(t)
  await makeInstance(core)
  assert.equal(await who(core, await clientCertificate('self-signed')), 'unknown')
  const none = await core.access.identify({ certificate: null, address: '192.0.2.1' })
  assert.equal(none.trusted ? '' : none.why, 'no certificate')
  const garbage = { der: randomBytes(300), sha256: '00'.repeat(32) }
  const result = await core.access.identify({ certificate: garbage, address: '192.0.2.1' })
  assert.equal(result.trusted ? '' : result.why, 'unknown')
})

test('a pin is for one certificate, however similar another one is', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  await trustClient(core, instance, 'vcenter', await clientCertificate('self-signed'))
  assert.equal(await who(core, await clientCertificate('self-signed')), 'default/vcenter')
  assert.equal(await who(core, await clientCertificate('self-signed-renewed')), 'unknown', 'the same name')
  assert.equal(await who(core, await clientCertificate('server-auth-only')), 'unknown', 'the same key')
})

test('a client may have several certificates while it is renewed, and is one client', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  await trustClient(core, instance, 'vcenter', await clientCertificate('self-signed'))
  await trustClient(core, instance, 'vcenter', await clientCertificate('self-signed-renewed'))
  await trustClient(core, instance, 'another')
  const clients = await core.access.clients(instance.id)
  assert.deepEqual(Object.fromEntries(clients.map(({ name, certificates }) => [name, certificates.length])), {
    vcenter: 2,
    another: 1,
  })
  await core.trust.clients.remove(manager, instance.id, 'vcenter')
  for (const kind of ['self-signed', 'self-signed-renewed'] as const)
    assert.equal(await who(core, await clientCertificate(kind)), 'unknown')
})

test('a certificate that is blocked, or pinned elsewhere, does not get in by its CA with the other signature that anybody can make', async (t) => {
  const core = await openCore(t)
  const ca = await makeCertificate({
    key: 'ec',
    ownKey: true,
    extensions: [basicConstraints(true), keyUsage('ca')],
  })
  await trustCa(core, await makeInstance(core), ca)
  const leaf = await makeCertificate({ issuer: ca })
  const der = twinOf(leaf.certificate.der, ca.certificate.der) ?? Buffer.of()
  const twin = { ...leaf, certificate: parseCertificate(der) }
  assert.notEqual(twin.certificate.sha256, leaf.certificate.sha256)
  assert.equal(await who(core, twin), 'default/by CA', 'nobody can tell which of them the CA made')
  await core.trust.clients.block(manager, leaf.certificate.sha256, 'stolen', null)
  assert.deepEqual([await who(core, leaf), await who(core, twin)], ['blocked', 'blocked'])
  await core.trust.clients.unblock(manager, leaf.certificate.sha256)
  await core.trust.clients.block(manager, twin.certificate.sha256, 'stolen', null)
  assert.deepEqual([await who(core, leaf), await who(core, twin)], ['blocked', 'blocked'])
  await core.trust.clients.unblock(manager, twin.certificate.sha256)
  await trustClient(core, await makeInstance(core, 'other'), 'pinned', leaf)
  assert.deepEqual([await who(core, leaf), await who(core, twin)], ['other/pinned', 'blocked'])
})

test('a CA vouches only for leaves that it signed itself and whose subject matches', async (t) => {
  const core = await openCore(t)
  const ca = await testVmca()
  await trustCa(core, await makeInstance(core), ca)
  assert.equal(await who(core, await clientCertificate('vmca-signed')), 'default/by CA')
  assert.equal(await who(core, await clientCertificate('vmca-signed-host')), 'unknown', 'another subject')
  assert.equal(await who(core, await clientCertificate('self-signed')), 'unknown', 'not signed by it')
  assert.equal(await who(core, await clientCertificate('vmca-signed-ca')), 'unknown', 'a CA itself')
  assert.equal(await who(core, await clientCertificate('vmca-signed-sha-1')), 'unknown', 'a broken hash')
  assert.equal(
    await who(core, await clientCertificate('vmca-signed-expired')),
    'expired',
    'no grace for leaves',
  )
  assert.equal(await who(core, ca), 'unknown', 'the CA itself')
  const intermediate = await clientCertificate('vmca-signed-ca')
  const below = await makeCertificate({
    key: 'ec',
    issuer: intermediate,
    extensions: [basicConstraints(false)],
  })
  assert.equal(await who(core, below), 'unknown', 'signed by an intermediate CA')
})

/** A leaf signed by vCenter's CA. It has an extended key usage if `uses` is not empty. */
function leaf(...uses: readonly ('clientAuth' | 'serverAuth')[]): Promise<TestIdentity> {
  return makeCertificate({
    byVmca: true,
    extensions: [basicConstraints(false), ...uses.map(extendedKeyUsage)],
  })
}

test('only leaves for clients become clients through a CA; a pin accepts any certificate', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  await trustCa(core, instance, await testVmca())
  assert.equal(await who(core, await leaf()), 'default/by CA', 'without the extension it is for everything')
  assert.equal(await who(core, await leaf('clientAuth')), 'default/by CA')
  const server = await leaf('serverAuth')
  assert.equal(await who(core, server), 'unknown')
  await trustClient(core, instance, 'pinned', server)
  assert.equal(await who(core, server), 'default/pinned')
})

test('a certificate that contains the certificate of a trusted CA as text is not that one', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  await trustCa(core, instance, await testVmca(), '*')
  const genuine = await clientCertificate('vmca-signed')
  assert.equal(await who(core, genuine), 'default/by CA')
  const { der, sha256 } = certificateAround(genuine.certificate)
  const result = await core.access.identify({ certificate: { der, sha256 }, address: '192.0.2.1' })
  assert.deepEqual([result.trusted, result.trusted ? '' : result.why], [false, 'unknown'])
})

test('the same CA may serve two instances only with filters that do not overlap', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const ca = await testVmca()
  await trustCa(core, a, ca, 'kmipClient*')
  for (const subject of ['kmipClient*', '*', 'kmip*', 'kmipClient2026*', '*2026*', 'CN=*,O=Example'])
    await assert.rejects(
      trustCa(core, b, ca, subject),
      refused('overlap', /in the instance a already/),
      subject,
    )
  await assert.rejects(trustCa(core, a, ca, 'kmip*'), refused('overlap', /this instance/))
  await trustCa(core, b, ca, 'esx*')
  assert.equal(await who(core, await clientCertificate('vmca-signed')), 'a/by CA')
  assert.equal(await who(core, await clientCertificate('vmca-signed-host')), 'b/by CA')
})

test('an instance is found as soon as another node has made it, but not among the rows of before', async (t) => {
  const core = await openCore(t)
  const { version } = await core.access.snapshot()
  await putRow(core, 'instance', anInstance('made elsewhere'))
  assert.equal(await core.access.instance('made elsewhere', version), undefined)
  assert.equal((await core.access.instance('made elsewhere'))?.id, 'made elsewhere')
})

test('an expired CA no longer vouches, and a renewed one beside it does', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  // Many, so that the test does not depend on a lucky order.
  const short = await Promise.all([10, 11, 12, 13, 14, 15].map(makeCa))
  for (const ca of short) await trustCa(core, instance, ca)
  const [issuer] = short
  assert.ok(issuer)
  const leaf = await makeCertificate({ key: 'ec', issuer, extensions: [basicConstraints(false)], toDays: 90 })
  assert.equal(await who(core, leaf), 'default/by CA')
  core.clock.pass(14.5 * dayMs)
  assert.equal(await who(core, leaf), 'default/by CA', 'one of them is still in date')
  core.clock.pass(dayMs)
  assert.equal(await who(core, leaf), 'unknown', 'none is in date')
  await trustCa(core, instance, await makeCa(3650))
  assert.equal(await who(core, leaf), 'default/by CA')
  core.clock.pass(90 * dayMs)
  assert.equal(await who(core, leaf), 'expired')
})

test('a leaf that CAs of two instances vouch for belongs to the one that was trusted first', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const [old, renewed] = [await makeCa(100), await makeCa(3650)]
  const leaf = await makeCertificate({ key: 'ec', issuer: old, extensions: [basicConstraints(false)] })
  await trustCa(core, a, old)
  assert.equal(await who(core, leaf), 'a/by CA')
  await assert.rejects(trustCa(core, b, renewed), refused('overlap'), 'the same CA, renewed')
  await assert.rejects(trustCa(core, a, renewed, 'kmip*', 'other'), refused('overlap'), 'another client')
  const { client, authority } = await trustCa(core, a, renewed)
  assert.equal(authority.sinceVersion, (await core.access.snapshot()).version)
  // Like a key that was crafted to match a signature: comparing keys does not find it.
  const elsewhere = { instanceId: b.id, clientId: 'of b' }
  await putRow(core, 'client', { ...client, ...elsewhere, id: 'of b' })
  await putRow(core, 'authority', { ...authority, ...elsewhere })
  assert.equal(await who(core, leaf), 'a/by CA')
  core.clock.pass(101 * dayMs)
  assert.equal(await who(core, leaf), 'unknown', 'also while the first one is out of date')
  await core.trust.clients.remove(manager, a.id, 'by CA')
  assert.equal(await who(core, leaf), 'b/by CA')
})

test('a pin wins over a CA, and a block over both', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const identity = await clientCertificate('vmca-signed')
  await trustCa(core, a, await testVmca())
  assert.equal(await who(core, identity), 'a/by CA')
  await trustClient(core, b, 'pinned', identity)
  assert.equal(await who(core, identity), 'b/pinned')
  await core.trust.clients.block(serverActor, identity.certificate.sha256, 'stolen', b.id)
  assert.equal(await who(core, identity), 'blocked')
  await core.trust.clients.remove(manager, b.id, 'pinned')
  assert.equal(await who(core, identity), 'blocked', 'also where only the CA vouches for it')
  await trustClient(core, b, 'pinned', identity)
  assert.equal(await who(core, identity), 'b/pinned', 'to trust it by hand lifts the block')
})

test('an expired pinned certificate is served for 30 days, which are counted, and not longer', async (t) => {
  const core = await openCore(t)
  const identity = await makeCertificate({ key: 'ec', toDays: 1 })
  await trustClient(core, await makeInstance(core), 'vcenter', identity)
  const { notAfterMs } = identity.certificate
  const at = async (afterExpiryMs: number) => {
    core.clock.pass(notAfterMs + afterExpiryMs - core.clock.now())
    const result = await core.access.identify(peerOf(identity))
    return result.trusted ? result.expiredDays : result.why
  }
  assert.equal(await at(0), null)
  assert.equal(await at(1), 0)
  assert.equal(await at(dayMs - 1), 0)
  assert.equal(await at(dayMs), 1)
  assert.equal(await at(30 * dayMs), 30)
  assert.equal(await at(30 * dayMs + 1), 'expired')
})

test('the instance sets how long an expired pin is served; the client may override it', async (t) => {
  const core = await openCore(t)
  const identity = await clientCertificate('expired-lately')
  const instance = await makeInstance(core, 'default', { expiredGraceDays: 2 })
  await trustClient(core, instance, 'vcenter', identity)
  assert.equal(await who(core, identity), 'expired')
  const [client] = await core.access.clients(instance.id)
  assert.ok(client)
  const { certificates: _, authorities: __, ...row } = client
  await putRow(core, 'client', { ...row, expiredGraceDays: 4 })
  assert.equal(await who(core, identity), 'default/vcenter')
  await putRow(core, 'instance', { ...instance, expiredGraceDays: 30 })
  await putRow(core, 'client', { ...row, expiredGraceDays: 0 })
  assert.equal(await who(core, identity), 'expired')
  await putRow(core, 'client', row)
  assert.equal(await who(core, identity), 'default/vcenter')
})

test('a certificate that is not valid yet is refused, except for a day of clock skew', async (t) => {
  const core = await openCore(t)
  const identity = await clientCertificate('not-yet-valid')
  await trustClient(core, await makeInstance(core), 'vcenter', identity)
  const { notBeforeMs } = identity.certificate
  assert.equal(await who(core, identity), 'not yet valid')
  core.clock.pass(notBeforeMs - dayMs - 1 - core.clock.now())
  assert.equal(await who(core, identity), 'not yet valid')
  core.clock.pass(1)
  assert.equal(await who(core, identity), 'default/vcenter')
})

test('a certificate belongs to one client of one instance, and no instance learns of another', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'mine'), await makeInstance(core, 'secret neighbour')]
  const identity = await clientCertificate('self-signed')
  await trustClient(core, b, 'hidden client', identity)
  const wanted = { instanceId: a.id, name: 'vcenter', certificate: identity.certificate }
  const mine = { ...manager, onlyInstanceId: a.id }
  await assert.rejects(core.trust.clients.trustCertificate(mine, wanted), (error: unknown) => {
    assert.ok(error instanceof TrustRefused && error.why === 'forbidden')
    assert.doesNotMatch(error.message + String(error.hint), /secret neighbour|hidden client|another/)
    return true
  })
  await assert.rejects(trustClient(core, a, 'vcenter', identity), refused('exists', /of the instance secret/))
  await assert.rejects(trustClient(core, b, 'again', identity), refused('exists', /hidden client/))
  assert.equal(await who(core, identity), 'secret neighbour/hidden client')
  assert.deepEqual(await core.access.clients(a.id), [], 'a refused change leaves no client behind')
})

test('of two changes that trust the same certificate at once, one succeeds and the other is refused', async (t) => {
  const core = await openCore(t)
  const [a, b] = [await makeInstance(core, 'a'), await makeInstance(core, 'b')]
  const identity = await clientCertificate('self-signed')
  const outcomes = await Promise.allSettled([
    trustClient(core, a, 'one', identity),
    trustClient(core, b, 'two', identity),
  ])
  assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  await Promise.all(Array.from({ length: 10 }, (_, index) => trustClient(core, a, `client ${index}`)))
  assert.ok((await core.access.clients(a.id)).length >= 10, 'changes that do not contradict all land')
})

test('removing and blocking take effect with the next message, on other nodes too', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const { identity } = await trustClient(core, instance)
  assert.equal(await who(core, identity), 'default/vcenter')
  await core.trust.clients.block(serverActor, identity.certificate.sha256, '', instance.id)
  assert.equal(await who(core, identity), 'blocked')
  await trustClient(core, instance, 'vcenter', identity)
  await core.trust.clients.remove(manager, instance.id, 'vcenter')
  assert.equal(await who(core, identity), 'unknown')
  await assert.rejects(core.trust.clients.remove(manager, instance.id, 'vcenter'), refused('not-found'))
})

test('a token is found by its text until it expires; the text is stored nowhere', async (t) => {
  const core = await openCore(t)
  const expiresMs = core.clock.now() + 1000
  const wanted = { name: 'script', role: 'operator', instanceId: null, expiresMs } as const
  const { bearer, token } = await core.trust.tokens.create(serverActor, wanted)
  assert.equal((await core.access.token(bearer))?.id, token.id)
  assert.equal(await core.access.token(`${bearer}x`), undefined)
  assert.equal(await core.access.token(''), undefined)
  assert.doesNotMatch(JSON.stringify(await core.store.trust()), new RegExp(bearer))
  core.clock.pass(1000)
  assert.equal(await core.access.token(bearer), undefined)
})

test('a session holds as long as the very token that it was begun with', async (t) => {
  const core = await openCore(t)
  const expiresMs = core.clock.now() + 1000
  const make = async (name: string) => {
    const wanted = { name, role: 'operator', instanceId: null, expiresMs } as const
    return (await core.trust.tokens.create(serverActor, wanted)).token
  }
  const [token, other] = [await make('script'), await make('other')]
  const of = async (tokenId: string | null, tokenSha256: string | null) =>
    (await core.access.tokenOf({ tokenId, tokenSha256 }))?.name
  assert.equal(await of(token.id, token.sha256), 'script')
  assert.equal(await of(token.id, other.sha256), undefined, 'the text of another')
  assert.equal(await of(token.id, null), undefined)
  assert.equal(await of(null, null), undefined, 'a person’s session')
  assert.equal(await of('unknown', token.sha256), undefined)
  await core.trust.tokens.revoke(manager, other.id, null)
  assert.equal(await of(other.id, other.sha256), undefined, 'revoked')
  core.clock.pass(999)
  assert.equal(await of(token.id, token.sha256), 'script')
  core.clock.pass(1)
  assert.equal(await of(token.id, token.sha256), undefined, 'expired')
})

test('an instance name is unique', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'one')
  await assert.rejects(makeInstance(core, 'one'), refused('exists'))
  assert.equal((await core.access.instance('one'))?.id, instance.id)
  assert.equal((await core.access.instance(instance.id))?.name, 'one')
  assert.equal(await core.access.instance('two'), undefined)
  assert.equal((await core.store.dataKeys(instance.id)).length, 1)
})

test('a token counts by the rows that were read last, while the store does not answer', async (t) => {
  const core = await openCore(t)
  const wanted = { name: 'n', role: 'viewer', instanceId: null, expiresMs: core.clock.now() + 1_000 } as const
  const { bearer, token } = await core.trust.tokens.create(serverActor, wanted)
  await core.access.snapshot()
  assert.equal(core.access.tokenAsRead(bearer)?.id, token.id)
  assert.equal(core.access.tokenAsRead(`${bearer}x`), undefined)
  core.clock.pass(1_000)
  assert.equal(core.access.tokenAsRead(bearer), undefined, 'it has expired')
})
