// Attacks from one instance on another, through the whole server: people of blue, with every token that blue can have,
// want red's vCenter, its keys, or to know of it. Each attack worked once.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { routes } from '../../src/program/routes.ts'
import { AdminClient } from '../../src/doors/http/client.ts'
import { Refusal, type ErrorCode } from '../../src/base/refusal.ts'
import { examples } from '../support/server/examples.ts'
import { none, type RouteRole, type Route, type Output } from '../../src/doors/http/route.ts'
import { basicConstraints, keyUsage } from '../../src/core/pki/build.ts'
import { makeRequest } from '../../src/core/pki/make-request.ts'
import {
  clientCertificate,
  makeCertificate,
  testVmca,
  type TestIdentity,
} from '../support/certificates/certificates.ts'
import { askHttps, type Answer } from '../support/clients/https.ts'
import { aes, openSession } from '../support/clients/kmip-session.ts'
import { until } from '../support/time/until.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { auditRoutes } from '../../src/features/audit/routes.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import { tokenRoutes } from '../../src/features/tokens/routes.ts'

const roles: readonly RouteRole[] = ['viewer', 'operator', 'manager']

let server: RunningServer
let admin: AdminClient
let red: Output<typeof instanceRoutes.createInstance>
/** Bearer texts of blue's tokens. */
const tokens = new Map<RouteRole, string>()
/** Red's vCenter: trusted by the CA that signed its certificate. */
let vcenter: TestIdentity

before(async () => {
  server = await startInProcess()
  admin = server.admin
  red = await admin.call(instanceRoutes.createInstance, { body: { name: 'red' } })
  await admin.call(instanceRoutes.createInstance, { body: { name: 'blue' } })
  for (const role of roles) {
    const body = { role, instance: 'blue', name: `blue-${role}` }
    tokens.set(role, (await admin.call(tokenRoutes.createToken, { body })).token)
  }
  vcenter = await clientCertificate('vmca-signed')
  const { certificate } = await testVmca()
  const body = { by: 'authority', name: 'red-vcenter', authority: certificate.pem } as const
  await admin.call(clientRoutes.trustClient, { instance: 'red', body })
})
after(() => server[Symbol.asyncDispose]())

function as(token: string): AdminClient {
  const trust = { by: 'fingerprint', sha256: server.serverCertSha256 } as const
  return new AdminClient({ url: server.adminUrl, token, trust })
}
const blueAs = (role: RouteRole) => as(tokens.get(role) ?? '')

function refused(code: ErrorCode, message: RegExp) {
  return (error: unknown) => {
    assert(error instanceof Refusal, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(`${error.message} ${error.hint ?? ''}`, message)
    return true
  }
}

const ask = async (role: RouteRole, method: string, path: string, body?: unknown): Promise<Answer> => {
  const token = tokens.get(role) ?? ''
  return askHttps(server.adminUrl, server.authorityPem, method, path, { token, body })
}

/** Where red's vCenter puts a new key now, or why it cannot. */
async function whose(identity: TestIdentity): Promise<string> {
  using session = await openSession(server.port, identity)
  const told = await session.one('1.1', { operation: 'Create', request: aes() })
  if (told.status !== 'Success') return told.reason ?? told.status
  const { UniqueIdentifier: key } = told.payload as { UniqueIdentifier: string }
  for (const instance of ['red', 'blue'])
    if (await admin.call(keyRoutes.showKey, { instance, key }).catch(() => undefined)) return instance
  return 'elsewhere'
}

async function entries(instance: string, action: string) {
  const { entries: found } = await admin.call(auditRoutes.listInstanceAudit, { instance, query: { action } })
  return found.toReversed()
}

/** What red is told of that request, which is entered some time after its answer. */
async function claimOf(requestId: string | null | undefined) {
  const find = async () =>
    (await entries('red', 'client.certificate.claim')).find((entry) => entry.requestId === requestId)
  await until(async () => (await find()) !== undefined, 'an entry in the audit of red')
  return (await find()) ?? assert.fail()
}

function pin(name: string, { certificate }: TestIdentity) {
  return { by: 'certificate', name, certificate: certificate.pem } as const
}

// ---------------------------------------------------------------- every route

/** All that can be seen of red, as text. */
async function stateOfRed(): Promise<string> {
  const instance = 'red'
  return JSON.stringify([
    await admin.call(instanceRoutes.showInstance, { instance }),
    await admin.call(clientRoutes.listClients, { instance }),
    await admin.call(keyRoutes.listKeys, { instance }),
    await admin.call(tokenRoutes.listTokens),
    await admin.call(clientRoutes.listBlocks),
  ]).replaceAll(/"last(Seen|Address|Used|Fetched)":("[^"]*"|null)/g, '')
}

const table: [string, Route][] = Object.entries(routes)

test('no token of blue gets through any route into red, or through one for the whole server', async () => {
  const [client] = await admin.call(clientRoutes.listClients, { instance: 'red' })
  const { id: key } = await admin.call(keyRoutes.createKey, {
    instance: 'red',
    body: { name: 'a key of red' },
  })
  const { id: token } = await admin.call(tokenRoutes.createToken, {
    body: { role: 'viewer', instance: 'red' },
  })
  const certificate = client?.authorities[0]?.id ?? ''
  const named: Record<string, string> = { client: client?.id ?? '', key, token, certificate }
  const state = await stateOfRed()
  let tried = 0
  for (const role of roles)
    for (const [name, line] of table) {
      if (line.scope === 'public' || (line.scope === 'any' && name !== 'revokeToken')) continue
      const example = examples[name as keyof typeof examples] as { body?: unknown }
      const body = line.body === none ? undefined : example.body
      for (const instance of ['red', red.id]) {
        const path = line.path.replaceAll(/\{(\w+)\}/g, (_, part: string) =>
          encodeURIComponent(part === 'instance' ? instance : (named[part] ?? 'none')),
        )
        const { status } = await ask(role, line.method.toUpperCase(), path, body)
        const roleIsEnough = roles.indexOf(role) >= roles.indexOf(line.role)
        const refusal: number = line.scope === 'server' || !roleIsEnough ? 403 : 404
        assert.equal(status, refusal, `${role} ${name}`)
        tried++
      }
    }
  assert.ok(tried > 200, String(tried))
  assert.equal(await stateOfRed(), state, 'nothing of red has changed')
})

// ---------------------------------------------------------------- trusting what is not theirs

/** What is answered, but for the request's id. */
function said({ status, text }: Answer): string {
  return `${String(status)} ${text.replace(/"requestId":"[^"]+"/, '')}`
}

test('a certificate that Mortise did not sign for blue is refused, in the same words whosever it is', async () => {
  const pinned = await makeCertificate({ commonName: 'red-pinned', ownKey: true })
  await admin.call(clientRoutes.trustClient, { instance: 'red', body: pin('red-pinned', pinned) })
  const blocked = await makeCertificate({ commonName: 'blocked', ownKey: true })
  await admin.call(clientRoutes.blockCertificate, { body: { sha256: blocked.certificate.sha256 } })
  const { request } = await makeRequest({ commonName: 'red-signed' })
  const signed = await admin.call(clientRoutes.signClient, {
    instance: 'red',
    body: { name: 'red-signed', request },
  })
  await admin.call(clientRoutes.removeClient, { instance: 'red', client: 'red-signed' })
  const own = await makeCertificate({ commonName: 'their own', ownKey: true })
  const certificates = {
    'their own, known to nobody': own.certificate.pem,
    'pinned in red': pinned.certificate.pem,
    "red's by its CA": vcenter.certificate.pem,
    blocked: blocked.certificate.pem,
    'that Mortise signed for red': signed.certificate,
  }
  for (const role of ['operator', 'manager'] as const)
    for (const [what, certificate] of Object.entries(certificates)) {
      const body = { by: 'certificate', name: 'mine', certificate }
      const answer = await ask(role, 'POST', '/api/v1/instances/blue/clients', body)
      assert.equal(answer.status, 403, `${what}: ${answer.text}`)
      const unknown = { ...body, certificate: own.certificate.pem }
      assert.equal(
        said(answer),
        said(await ask(role, 'POST', '/api/v1/instances/blue/clients', unknown)),
        what,
      )
      assert.doesNotMatch(answer.text, /red|another|elsewhere|block|belongs/)
    }
  assert.deepEqual(await admin.call(clientRoutes.listClients, { instance: 'blue' }), [])
})

test('so is every CA, and it takes nothing from red', async () => {
  const vmca = await testVmca()
  const unknown = await makeCertificate({
    commonName: 'a CA',
    ownKey: true,
    extensions: [basicConstraints(true), keyUsage('ca')],
  })
  // VMCA's key under its name in capitals, signed by the attacker: it would fit every leaf of VMCA.
  const lookalike = await lookalikeOf(vmca, unknown)
  const said = new Set<string>()
  for (const { certificate } of [vmca, unknown, lookalike])
    for (const role of ['operator', 'manager'] as const) {
      const body = { by: 'authority', name: 'mine', authority: certificate.pem, subject: 'kmip*' }
      const { status, text } = await ask(role, 'POST', '/api/v1/instances/blue/clients', body)
      assert.equal(status, 403, text)
      said.add(text.replace(/"requestId":"[^"]+"/, ''))
    }
  assert.equal(said.size, 1, [...said].join())
  assert.equal(await whose(vcenter), 'red')
  // Not even who may decide for all instances can do it by mistake.
  const body = { by: 'authority', name: 'mine', authority: lookalike.certificate.pem } as const
  await assert.rejects(
    admin.call(clientRoutes.trustClient, { instance: 'blue', body }),
    refused('conflict', /trusted in the instance red already/),
  )
  assert.equal(await whose(vcenter), 'red')
})

async function lookalikeOf(ca: TestIdentity, issuer: TestIdentity): Promise<TestIdentity> {
  const subject = ca.certificate.subjectName.map(
    ([attribute]) => [attribute?.type ?? '', (attribute?.value ?? '').toUpperCase()] as const,
  )
  const extensions = [basicConstraints(true), keyUsage('ca')]
  return makeCertificate({ subject, extensions, issuer, keyPair: ca })
}

test("red's vCenter is not hijacked by a pin; both sides find the attempt in their audit", async () => {
  const { sha256 } = vcenter.certificate
  assert.equal(await whose(vcenter), 'red')
  await assert.rejects(
    blueAs('operator').call(clientRoutes.trustClient, { instance: 'blue', body: pin('mine', vcenter) }),
    refused('forbidden', /token for all instances only.*client issue/),
  )
  assert.equal(await whose(vcenter), 'red')
  const attempt = (await entries('blue', 'client.trust')).at(-1)
  assert.deepEqual(
    [attempt?.result, attempt?.object, attempt?.detail, attempt?.actor.name],
    ['refused', sha256, { certificate: sha256 }, 'blue-operator'],
  )
  const told = await claimOf(attempt?.requestId)
  assert.deepEqual(
    [told.result, told.reason, told.detail],
    ['refused', 'PermissionDenied', { client: 'red-vcenter', certificate: sha256 }],
  )
  // Red's audit has nothing of blue; somebody who may see all can look up who it was.
  assert.deepEqual([told.actor.kind, told.actor.name, told.actor.address], ['token', null, null])
})

test('who may decide for all instances can move it; both audits say so, and the answer tells nothing of before', async () => {
  const { sha256 } = vcenter.certificate
  assert.equal(await whose(vcenter), 'red')
  const trusted = await admin.call(clientRoutes.trustClient, {
    instance: 'blue',
    body: pin('moved', vcenter),
  })
  const [shown] = trusted.certificates
  assert.deepEqual([shown?.lastSeen, shown?.lastAddress], [null, null])
  assert.equal(await whose(vcenter), 'blue')
  const deed = (await entries('blue', 'client.trust')).at(-1)
  assert.equal(deed?.result, 'success')
  const told = await claimOf(deed.requestId)
  assert.deepEqual([told.result, told.detail], ['success', { client: 'red-vcenter', certificate: sha256 }])
  const [seen] = (await admin.call(clientRoutes.showClient, { instance: 'blue', client: 'moved' }))
    .certificates
  assert.notEqual(seen?.lastSeen, null, 'what it does in blue is shown there')

  // Blue gives it up. Red's CA vouches for it still, but that is not for blue to decide.
  await blueAs('operator').call(clientRoutes.removeClient, { instance: 'blue', client: 'moved' })
  assert.equal(await whose(vcenter), 'AuthenticationNotSuccessful')
  const [block] = (await admin.call(clientRoutes.listBlocks)).filter((one) => one.sha256 === sha256)
  assert.match(block?.reason ?? '', /withdrawn/)
  await admin.call(clientRoutes.unblockCertificate, { certificate: sha256 })
  assert.equal(await whose(vcenter), 'red')
})

test('the other order: a CA that covers a pin of another instance is refused until somebody decides', async () => {
  const ca = await makeCertificate({
    commonName: 'a second CA',
    ownKey: true,
    extensions: [basicConstraints(true), keyUsage('ca')],
  })
  const leaf = await makeCertificate({
    commonName: 'kmipClient-second',
    ownKey: true,
    issuer: ca,
    extensions: [basicConstraints(false)],
  })
  await admin.call(clientRoutes.trustClient, { instance: 'blue', body: pin('first-here', leaf) })
  const body = { by: 'authority', name: 'second', authority: ca.certificate.pem } as const
  await assert.rejects(
    admin.call(clientRoutes.trustClient, { instance: 'red', body }),
    refused(
      'conflict',
      new RegExp(`${leaf.certificate.sha256} \\(the client first-here of blue\\).*leave-pinned`),
    ),
  )
  assert.ok(
    (await admin.call(clientRoutes.listClients, { instance: 'red' })).every(({ name }) => name !== 'second'),
  )
  // A filter that does not cover it needs no decision.
  const narrow = { ...body, name: 'narrow', subject: 'esx*' }
  await admin.call(clientRoutes.trustClient, { instance: 'red', body: narrow })
  await admin.call(clientRoutes.trustClient, { instance: 'red', body: { ...body, leavePinned: true } })
  assert.equal(await whose(leaf), 'blue')
  await assert.rejects(
    admin.call(clientRoutes.trustClient, { instance: 'red', body: pin('mine', leaf) }),
    refused('conflict', /client first-here of the instance blue/),
  )
  // Deleting all of blue's client does not let it into red either.
  const left = { instance: 'blue', client: 'first-here', certificate: leaf.certificate.sha256 }
  await blueAs('manager').call(clientRoutes.removeCertificate, left)
  assert.equal(await whose(leaf), 'AuthenticationNotSuccessful')
})

test('a block of the whole server is lifted by a token for all instances only, with an entry of its own', async () => {
  const { request } = await makeRequest({ commonName: 'blue-signed' })
  const blueOperator = blueAs('operator')
  const signed = await blueOperator.call(clientRoutes.signClient, {
    instance: 'blue',
    body: { name: 'signed', request },
  })
  const { sha256, certificate } = signed
  const body = { by: 'certificate', name: 'signed', certificate } as const
  await admin.call(clientRoutes.blockCertificate, { body: { sha256, reason: 'stolen' } })
  const isBlocked = async () =>
    (await admin.call(clientRoutes.listBlocks)).some((one) => one.sha256 === sha256)
  for (const removeFirst of [false, true]) {
    if (removeFirst)
      await blueOperator.call(clientRoutes.removeClient, { instance: 'blue', client: 'signed' })
    await assert.rejects(
      blueOperator.call(clientRoutes.trustClient, { instance: 'blue', body }),
      refused('forbidden', /token for all instances only/),
    )
    assert.ok(await isBlocked())
  }
  await admin.call(clientRoutes.trustClient, { instance: 'blue', body })
  assert.equal(await isBlocked(), false)
  const { entries: all } = await admin.call(auditRoutes.listAudit, {
    query: { object: sha256, action: 'client.unblock' },
  })
  assert.deepEqual(
    all.map(({ result, instanceId }) => [result, instanceId]),
    [['success', null]],
  )
})

// ---------------------------------------------------------------- trusting what is theirs

test('what Mortise signs for blue, blue trusts, also again; red does not', async () => {
  const { request } = await makeRequest({ commonName: 'blue-own' })
  const blueOperator = blueAs('operator')
  const signed = await blueOperator.call(clientRoutes.signClient, {
    instance: 'blue',
    body: { name: 'own', request },
  })
  assert.deepEqual(signed.allow, ['vsphere'])
  const body = { by: 'certificate', name: 'own', certificate: signed.certificate } as const
  await blueOperator.call(clientRoutes.removeClient, { instance: 'blue', client: 'own' })
  const { token } = await admin.call(tokenRoutes.createToken, { body: { role: 'manager', instance: 'red' } })
  await assert.rejects(
    as(token).call(clientRoutes.trustClient, { instance: 'red', body }),
    refused('forbidden', /token for all instances only/),
  )
  assert.equal(
    (await blueOperator.call(clientRoutes.trustClient, { instance: 'blue', body })).sha256,
    signed.sha256,
  )
  // It was decided to be red's; blue's operator cannot call it back, and is not told why.
  await blueOperator.call(clientRoutes.removeClient, { instance: 'blue', client: 'own' })
  await admin.call(clientRoutes.trustClient, { instance: 'red', body })
  await assert.rejects(
    blueOperator.call(clientRoutes.trustClient, { instance: 'blue', body }),
    refused('forbidden', /token for all instances only/),
  )
})

test("the server's own CA is no client's: it signs for all instances", async () => {
  const body = { by: 'authority', name: 'x', authority: server.authorityPem, subject: 'kmip*' } as const
  for (const instance of ['blue', 'red'])
    await assert.rejects(
      admin.call(clientRoutes.trustClient, { instance, body }),
      refused('bad-request', /signs for every/),
    )
})

// ---------------------------------------------------------------- operators

test('an operator grants vsphere at most, and takes over nobody who has more', async () => {
  const { token } = await admin.call(tokenRoutes.createToken, { body: { role: 'operator', name: 'op' } })
  const operator = as(token)
  const instance = 'default'
  const own = await makeCertificate({ commonName: 'operators-own', ownKey: true })
  await server.trust('backup', await makeCertificate({ commonName: 'backup', ownKey: true }))
  const trusting = (name: string, allow?: string[]) =>
    operator.call(clientRoutes.trustClient, {
      instance,
      body: { ...pin(name, own), ...(allow && { allow }) },
    })
  const denied = refused('forbidden', /operator grants vsphere at most/)
  await assert.rejects(trusting('backup'), denied, 'a certificate for one who has more')
  await assert.rejects(trusting('mine', ['all']), denied)
  await assert.rejects(trusting('mine', ['get', 'destroy']), denied)
  assert.deepEqual((await trusting('mine')).allow, ['vsphere'])
  const { request } = await makeRequest({ commonName: 'backup' })
  await assert.rejects(
    operator.call(clientRoutes.signClient, { instance, body: { name: 'backup', request } }),
    denied,
  )
  const set = (client: string, body: object) =>
    operator.call(clientRoutes.setClient, { instance, client, body })
  await assert.rejects(set('mine', { allow: ['all'] }), denied)
  for (const body of [{ name: 'other' }, { credential: null }, { expiredGraceDays: 3000 }])
    await assert.rejects(set('backup', body), denied, JSON.stringify(body))
  using session = await openSession(server.port, own)
  const key = await session.key('1.1')
  assert.equal(await session.refused('1.1', 'Destroy', { UniqueIdentifier: key }), 'PermissionDenied')
  const [attempt] = await entries(instance, 'client.set')
  assert.deepEqual(
    [attempt?.result, attempt?.reason, attempt?.detail],
    ['refused', 'PermissionDenied', { client: 'mine', changed: 'allow', allow: 'all' }],
  )
  // Less is theirs to decide, and then the client is one of those that they may renew.
  assert.deepEqual((await set('backup', { allow: ['read'] })).allow, ['read'])
  assert.deepEqual((await set('backup', { allow: ['vsphere'] })).allow, ['vsphere'])
  await operator.call(clientRoutes.signClient, { instance, body: { name: 'backup', request } })
  // A manager gives more.
  assert.deepEqual(
    (await admin.call(clientRoutes.setClient, { instance, client: 'mine', body: { allow: ['all'] } })).allow,
    ['all'],
  )
  await session.ask('1.1', 'Destroy', { UniqueIdentifier: key })
})

test('a known client keeps what it may when it gets another certificate; to ask for something else is refused', async () => {
  const instance = 'default'
  const first = await makeCertificate({ commonName: 'renewing', ownKey: true })
  const second = await makeCertificate({ commonName: 'renewing', ownKey: true })
  const trusted = await admin.call(clientRoutes.trustClient, {
    instance,
    body: { ...pin('renewing', first), allow: ['vsphere'] },
  })
  assert.deepEqual(trusted.allow, ['vsphere'])
  await assert.rejects(
    admin.call(clientRoutes.trustClient, { instance, body: { ...pin('renewing', second), allow: ['all'] } }),
    refused('conflict', /renewing exists already.*client set/),
  )
  const renewed = await admin.call(clientRoutes.trustClient, { instance, body: pin('renewing', second) })
  assert.deepEqual([renewed.allow, renewed.certificates.length], [['vsphere'], 2])
})

test('an operator does not widen a client by taking its pin away', async () => {
  const { token } = await admin.call(tokenRoutes.createToken, { body: { role: 'operator', name: 'op2' } })
  const operator = as(token)
  const ca = await makeCertificate({
    commonName: 'a third CA',
    ownKey: true,
    extensions: [basicConstraints(true), keyUsage('ca')],
  })
  const leaf = await makeCertificate({
    commonName: `kmipClient-${randomUUID()}`.slice(0, 60),
    ownKey: true,
    issuer: ca,
    extensions: [basicConstraints(false)],
  })
  const instance = 'default'
  const { pem: authority } = ca.certificate
  const body = { by: 'authority' as const, name: 'strong', authority, allow: ['all'] }
  await admin.call(clientRoutes.trustClient, { instance, body })
  await admin.call(clientRoutes.trustClient, { instance, body: { ...pin('weak', leaf), allow: ['read'] } })
  using session = await openSession(server.port, leaf)
  assert.equal(await session.refused('1.1', 'Create', aes()), 'PermissionDenied')
  const weak = { instance, client: 'weak' }
  const denied = refused('forbidden', /would be the client strong/)
  await assert.rejects(operator.call(clientRoutes.removeClient, weak), denied)
  const certificate = leaf.certificate.sha256
  await assert.rejects(operator.call(clientRoutes.removeCertificate, { ...weak, certificate }), denied)
  assert.equal(await session.refused('1.1', 'Create', aes()), 'PermissionDenied')
  await operator.call(clientRoutes.blockCertificate, { body: { sha256: certificate } })
  await operator.call(clientRoutes.removeClient, weak)
  assert.equal(await session.refused('1.1', 'Create', aes()), 'AuthenticationNotSuccessful')
})
