// Two instances never see each other's keys, names, groups, pending clients, tokens or audit. The attempts are made
// from the route table and from the table of operations, so that a new route or operation is tried without anyone
// thinking of it: whoever belongs to blue asks for everything of red's by its real name, and is told exactly what is
// told of things that do not exist; and nothing of red stands in any answer.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { routes } from '../../src/program/routes.ts'
import { AdminClient } from '../../src/doors/http/client.ts'
import { examples } from '../support/server/examples.ts'
import { none, type Route } from '../../src/doors/http/route.ts'
import type { Request } from '../../src/wire/kmip/operations.ts'
import { handledOperations } from '../../src/core/operations/handlers.ts'
import { makeCertificate, type TestIdentity } from '../support/certificates/certificates.ts'
import { askHttps, type Answer } from '../support/clients/https.ts'
import {
  aes,
  attribute,
  locate,
  nameAttribute,
  openSession,
  text,
  type Asked,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { sampleRequests, sampleVersion } from '../support/clients/sample-requests.ts'
import { startInProcess, type RunningServer } from '../support/server/running.ts'
import { auditRoutes } from '../../src/features/audit/routes.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import { tokenRoutes } from '../../src/features/tokens/routes.ts'

/** All that red has and blue must not see: identifiers, and names that stand nowhere else. */
interface Possessions {
  readonly instance: string
  readonly client: string
  readonly certificate: string
  readonly key: string
  readonly token: string
}

let server: RunningServer
let red: Possessions
let blue: Possessions
/** A manager's for everything in blue. */
let blueToken: string
let blueSession: KmipSession
let secrets: readonly string[]

before(async () => {
  server = await startInProcess()
  const redIdentity = await makeCertificate({ commonName: 'ruby-client', ownKey: true })
  const blueIdentity = await makeCertificate({ commonName: 'azure-client', ownKey: true })
  red = await furnish('red', 'ruby', redIdentity)
  blue = await furnish('blue', 'azure', blueIdentity)
  const { token } = await server.admin.call(tokenRoutes.createToken, {
    body: { role: 'manager', instance: 'blue' },
  })
  blueToken = token
  blueSession = await openSession(server.port, blueIdentity)
  // A stranger, so that there is somebody pending.
  using stranger = await openSession(
    server.port,
    await makeCertificate({ commonName: 'ruby-stranger', ownKey: true }),
  )
  await stranger.refused('1.1', 'Create', aes())
  secrets = ['ruby', ...Object.values(red)]
})
after(async () => {
  blueSession[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
})

/** An instance with everything in it, all of it called after a gem. */
async function furnish(name: string, gem: string, identity: TestIdentity): Promise<Possessions> {
  const { admin } = server
  const { id: instance } = await admin.call(instanceRoutes.createInstance, { body: { name } })
  const { pem: certificate } = identity.certificate
  const body = {
    by: 'certificate' as const,
    name: `${gem}-client`,
    certificate,
    allow: ['all', 'SetConstraints', 'SetDefaults'],
  }
  const { id: client, sha256 } = await admin.call(clientRoutes.trustClient, { instance, body })
  const { id: token } = await admin.call(tokenRoutes.createToken, {
    body: { role: 'viewer', instance, name: `${gem}-token` },
  })
  using session = await openSession(server.port, identity)
  const noted = [
    text('x-Name', `${gem}-vm`),
    text('x-Component', `${gem}-part`),
    attribute('Object Group', `${gem}-group`),
  ]
  const key = await session.key('1.1', [nameAttribute(`${gem}-name`), ...noted])
  await session.ask('1.1', 'Activate', { UniqueIdentifier: key })
  await session.ask('1.1', 'Get', { UniqueIdentifier: key })
  return { instance, client, certificate: sha256, key, token }
}

function leaks({ text: said }: Answer, asked: readonly string[]): string[] {
  return secrets.filter(
    (secret) => !asked.includes(secret) && said.toLowerCase().includes(secret.toLowerCase()),
  )
}

const ask = async (method: string, path: string, body?: unknown): Promise<Answer> =>
  askHttps(server.adminUrl, server.authorityPem, method, path, { token: blueToken, body })

// ---------------------------------------------------------------- HTTP

const table: [string, Route][] = Object.entries(routes)

/** The route's path in an instance, with these things in it. */
function pathOf({ path }: Route, instance: string, things: Omit<Possessions, 'instance'>): string {
  const named: Record<string, string> = { ...things, instance }
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(named[name] ?? `no-${name}`))
}

/** Things that are not there, of the same form as those that are. */
const nothing: Omit<Possessions, 'instance'> = {
  client: randomUUID(),
  certificate: 'ab'.repeat(32),
  key: randomUUID(),
  token: randomUUID(),
}

/** What is in the request and its id aside. */
function told({ status, text: said }: Answer, things: Omit<Possessions, 'instance'>): string {
  const plain = Object.values(things).reduce((shown, thing) => shown.replaceAll(thing, 'X'), said)
  return `${String(status)} ${plain.replace(/"requestId":"[^"]+"/, '')}`
}

/** Would take away what the other attempts need, if it were let in. */
function bodyOf(name: string, line: Route): unknown {
  const example = examples[name as keyof typeof examples] as { body?: unknown }
  return line.body === none ? undefined : example.body
}

// First, while blue's audit does not yet hold the identifiers that blue itself asks for below.
test('no answer of any route to blue holds anything of red, whatever it is asked', async () => {
  const searches = ['ruby-vm', 'ruby-name', red.key, red.certificate, red.client, red.instance]
  for (const [name, line] of table) {
    if (line.method !== 'get') continue
    const path = pathOf(line, 'blue', blue)
    const queries = line.query === none ? [''] : querysOf(line, searches)
    for (const query of queries) {
      const answer = await ask('GET', path + query)
      const asked = searches.filter((search) => query.includes(encodeURIComponent(search)))
      if (line.scope === 'server') assert.equal(answer.status, 403, name)
      assert.deepEqual(leaks(answer, [...asked, 'ruby']), [], `${name}${query}`)
      assert(query.includes('ruby') || !answer.text.includes('ruby'), `${name}${query}: ${answer.text}`)
    }
  }
})

/** Each text that the query takes, asked for each of these. */
function querysOf({ query }: Route, searches: readonly string[]): string[] {
  const shape = 'shape' in query ? Object.keys(query.shape as object) : []
  return [
    '',
    ...shape.flatMap((field) => searches.map((search) => `?${field}=${encodeURIComponent(search)}`)),
  ]
}

test("every route with red's things in blue's instance tells of them what it tells of nothing", async () => {
  let tried = 0
  for (const [name, line] of table) {
    const parts = [...line.path.matchAll(/\{(\w+)\}/g)].map(([, part]) => part)
    if (line.scope === 'server' || parts.every((part) => part === 'instance')) continue
    const method = line.method.toUpperCase()
    const body = bodyOf(name, line)
    const answer = await ask(method, pathOf(line, 'blue', red), body)
    const missing = await ask(method, pathOf(line, 'blue', nothing), body)
    assert.equal(told(answer, red), told(missing, nothing), name)
    assert.equal(answer.status, 404, `${name}: ${answer.text}`)
    tried++
  }
  assert(tried >= 9, String(tried))
})

test("every route in red's instance tells what it tells of an instance that does not exist", async () => {
  for (const [name, line] of table) {
    if (!line.path.includes('{instance}')) continue
    const method = line.method.toUpperCase()
    for (const instance of ['red', red.instance]) {
      const answer = await ask(method, pathOf(line, instance, red), bodyOf(name, line))
      assert.equal(answer.status, 404, name)
      const missing = await ask(method, pathOf(line, 'no-such', red), bodyOf(name, line))
      assert.equal(
        told(answer, red).replaceAll(instance, 'X'),
        told(missing, red).replaceAll('no-such', 'X'),
        name,
      )
    }
  }
})

test("what changes something in blue's name names nothing of red, and reaches nothing of it", async () => {
  const body = { role: 'viewer', instance: 'red' }
  assert.equal((await ask('POST', '/api/v1/tokens', body)).status, 404)
  for (const name of ['red', 'free'])
    assert.equal((await ask('PATCH', '/api/v1/instances/blue', { name })).status, 403, name)
  const trusting = { by: 'pending', name: 'x', sha256: red.certificate }
  assert.equal((await ask('POST', '/api/v1/instances/blue/clients', trusting)).status, 403)
  const still = await server.admin.call(keyRoutes.showKey, { instance: 'red', key: red.key })
  assert.equal(still.state, 'Active')
  const [client] = await server.admin.call(clientRoutes.listClients, { instance: 'red' })
  assert.deepEqual([client?.name, client?.certificates.length], ['ruby-client', 1])
  assert((await server.admin.call(tokenRoutes.listTokens)).some(({ id }) => id === red.token))
})

// ---------------------------------------------------------------- KMIP

/** The request of each of these names no object, so it may succeed. Every other operation is refused as if the object did not exist. */
const operationsWithoutObject = new Set([
  'Cancel',
  'Create',
  'CreateCredential',
  'CreateGroup',
  'CreateKeyPair',
  'CreateUser',
  'DelegatedLogin',
  'DiscoverVersions',
  'GetConstraints',
  'Hash',
  'Interop',
  'Locate',
  'Log',
  'Login',
  'PKCS_11',
  'ReProvision',
  'SetConstraints',
  'SetDefaults',
  'SetEndpointRole',
  'Logout',
  'Ping',
  'Process',
  'Query',
  'QueryAsynchronousRequests',
  'RNGRetrieve',
  'RNGSeed',
  'Register',
  'Validate',
])

test("every operation on red's identifiers tells blue what it tells of nothing", async () => {
  // Import may take an identifier that is taken elsewhere: the last test.
  for (const operation of handledOperations.filter((one) => one !== 'Import')) {
    const asked = async (UniqueIdentifier: string) => {
      const request = sampleRequests[operation]({ UniqueIdentifier, word: 'ruby' })
      return blueSession.one(sampleVersion(operation), { operation, request } as unknown as Asked)
    }
    const answer = await asked(red.key)
    const missing = await asked(nothing.key)
    const said = JSON.stringify(answer.payload ?? null, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    )
    if (!operationsWithoutObject.has(operation)) {
      const meant = `${operation} succeeded with an object of another instance, or belongs to operationsWithoutObject`
      assert.equal(answer.status, 'OperationFailed', meant)
      assert.deepEqual([answer.reason, answer.message], [missing.reason, missing.message], operation)
    }
    assert.doesNotMatch(
      said,
      new RegExp([red.key, red.instance, 'ruby-vm', 'ruby-group', 'ruby-part'].join('|')),
      operation,
    )
  }
})

function validateInBlue(UniqueIdentifier: string) {
  const request = { Certificate: [], UniqueIdentifier: [UniqueIdentifier] }
  return blueSession.one('1.2', { operation: 'Validate', request })
}

test("red's key in a chain to validate is to blue what nothing is", async () => {
  const [answer, missing] = [await validateInBlue(red.key), await validateInBlue(nothing.key)]
  assert.equal(answer.status, 'OperationFailed')
  assert.deepEqual([answer.reason, answer.message], [missing.reason, missing.message])
})

test('names and groups of red are free in blue and find nothing there', async () => {
  const wanted: [string, Request<'Locate'>][] = [
    ['name', locate([nameAttribute('ruby-vm')])],
    ['group', locate([attribute('Object Group', 'ruby-group')])],
    ['x-Name', locate([text('x-Name', 'ruby-vm')])],
    ['identifier', locate([attribute('Unique Identifier', red.key)])],
    ['everything', locate([])],
  ]
  for (const [what, request] of wanted) {
    const { UniqueIdentifier } = await blueSession.ask('1.1', 'Locate', request)
    assert(!UniqueIdentifier.includes(red.key), what)
    if (what !== 'everything') assert.deepEqual(UniqueIdentifier, [], what)
  }
  // The test before made one of that name in blue; red's is untouched by it.
  const { keys } = await server.admin.call(keyRoutes.listKeys, {
    instance: 'red',
    query: { name: 'ruby-name' },
  })
  assert.deepEqual(
    keys.map(({ id }) => id),
    [red.key],
  )
})

test("red's audit tells nothing of blue's attempts, and blue's holds only its own", async () => {
  const { entries } = await server.admin.call(auditRoutes.listInstanceAudit, {
    instance: 'red',
    query: { limit: 1000 },
  })
  assert(entries.length > 0)
  assert(entries.every(({ instanceId }) => instanceId === red.instance))
  assert(entries.every(({ actor }) => actor.name !== 'azure-client'))
  const client = new AdminClient({
    url: server.adminUrl,
    token: blueToken,
    trust: { by: 'fingerprint', sha256: server.serverCertSha256 },
  })
  const own = await client.call(auditRoutes.listInstanceAudit, { instance: 'blue', query: { limit: 1000 } })
  assert(own.entries.every(({ instanceId }) => instanceId === blue.instance))
  assert(own.entries.some(({ result, object }) => result === 'refused' && object === red.key))
})

test("blue may import an object under red's identifier, and learns and changes nothing of red's", async () => {
  const about = { UniqueIdentifier: red.key, word: 'azure' }
  await blueSession.ask('1.4', 'Import', sampleRequests.Import(about))
  const { SymmetricKey } = await blueSession.ask('1.4', 'Get', { UniqueIdentifier: red.key })
  assert.equal(SymmetricKey?.KeyBlock.CryptographicLength, 128)
  assert.equal(
    (await server.admin.call(keyRoutes.showKey, { instance: 'red', key: red.key })).state,
    'Active',
  )
})
