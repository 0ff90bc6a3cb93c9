// Operations that a client may not request: each is refused before anything is read or done, and has an audit entry
// under its own action. A change of the list takes effect with the next message.

import assert from 'node:assert/strict'
import { encapsulate, generateKeyPairSync, randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { Output } from '../../../src/doors/http/route.ts'
import { handledOperations, type HandledOperation } from '../../../src/core/operations/handlers.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import {
  aes,
  aes256,
  attribute,
  batch,
  nameAttribute,
  openSession,
  template,
  type Asked,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { startInProcess, type RunningServer } from '../../support/server/running.ts'
import { operationsInOrder, sampleRequests, sampleVersion } from '../../support/clients/sample-requests.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'

let server: RunningServer
let session: KmipSession
before(async () => {
  server = await startInProcess()
  const identity = await makeCertificate({ commonName: 'limited', ownKey: true })
  await server.trust('limited', identity)
  session = await openSession(server.port, identity)
})
after(async () => {
  session[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
})

async function allow(...terms: string[]): Promise<readonly string[]> {
  const set = { instance: 'default', client: 'limited', body: { allow: terms } }
  return (await server.admin.call(clientRoutes.setClient, set)).allow
}

async function newest(): Promise<Output<typeof auditRoutes.listAudit>['entries'][number]> {
  const [entry] = (await server.admin.call(auditRoutes.listAudit, { query: { limit: 1 } })).entries
  assert.ok(entry)
  return entry
}

const openToAll: readonly HandledOperation[] = [
  'Cancel',
  'DiscoverVersions',
  'Ping',
  'Poll',
  'Process',
  'Query',
  'QueryAsynchronousRequests',
]
// Interop is off: login.test.ts. Re-Provision ends the client's certificate: re-provision.test.ts.
const tried = operationsInOrder.filter((operation) => operation !== 'Interop' && operation !== 'ReProvision')

/** A key that may be used in every way: as much as its Usage Limits say, or as it likes, which only such a key splits. */
async function usableKey({ limited }: { readonly limited: boolean }): Promise<string> {
  const attributes = aes256.filter(({ AttributeName }) => AttributeName !== 'Cryptographic Usage Mask')
  const uses = attribute('Cryptographic Usage Mask', 0xfffff)
  const limits = attribute('Usage Limits', { UsageLimitsTotal: 1_000_000n, UsageLimitsUnit: 'Byte' })
  const { UniqueIdentifier } = await session.ask('1.1', 'Create', {
    ObjectType: 'SymmetricKey',
    ...template([...attributes, uses, ...(limited ? [limits] : [])]),
  })
  return UniqueIdentifier
}

const signs: readonly HandledOperation[] = ['Sign', 'SignatureVerify', 'Encapsulate', 'Decapsulate']

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Signs, and agrees on secrets. */
async function signingKey(): Promise<string> {
  const { UniqueIdentifier } = await session.ask('1.1', 'Register', {
    ObjectType: 'PrivateKey',
    ...template([attribute('Cryptographic Usage Mask', 0x803), attribute('Activation Date', 0n)]),
    PrivateKey: {
      KeyBlock: {
        KeyFormatType: 'PKCS_8',
        KeyValue: { KeyMaterial: privateKey.export({ format: 'der', type: 'pkcs8' }) },
        CryptographicAlgorithm: 'EC',
        CryptographicLength: 256,
      },
    },
  })
  return UniqueIdentifier
}

/** A public key whose pair may sign certificates, and a certificate that it issued. */
async function certificates(): Promise<readonly [string, string]> {
  const mask = { TemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Usage Mask', 0x1000)] } }
  const pair = await session.ask('1.4', 'CreateKeyPair', {
    CommonTemplateAttribute: {
      Name: [],
      Attribute: [attribute('Cryptographic Algorithm', 'ECDSA'), attribute('Cryptographic Length', 256)],
    },
    PrivateKeyTemplateAttribute: mask.TemplateAttribute,
    PublicKeyTemplateAttribute: mask.TemplateAttribute,
  })
  const { PrivateKeyUniqueIdentifier, PublicKeyUniqueIdentifier: UniqueIdentifier } = pair
  await session.ask('1.4', 'Activate', { UniqueIdentifier: PrivateKeyUniqueIdentifier })
  const asked = sampleRequests.Certify({ UniqueIdentifier, word: 'root' })
  const { UniqueIdentifier: root } = await session.ask('1.4', 'Certify', asked)
  const link = { LinkType: 'CertificateLink', LinkedObjectIdentifier: root }
  const named = template([attribute('Link', link), nameAttribute('leaf')])
  const leaf = await session.ask('1.4', 'Certify', { UniqueIdentifier, ...named })
  return [UniqueIdentifier, leaf.UniqueIdentifier]
}

/** The requests that are about other objects than a symmetric key. */
async function otherRequests(key: string): Promise<Partial<Record<HandledOperation, object>>> {
  const about = { UniqueIdentifier: key, word: 'other' }
  const pair = await session.ask('1.2', 'CreateKeyPair', sampleRequests.CreateKeyPair(about))
  const split = await session.ask('1.2', 'CreateSplitKey', sampleRequests.CreateSplitKey(about))
  const login = await session.ask('2.1', 'Login', {})
  return {
    Logout: login,
    Decapsulate: { Data: encapsulate(publicKey).ciphertext },
    ReKeyKeyPair: { PrivateKeyUniqueIdentifier: pair.PrivateKeyUniqueIdentifier },
    JoinSplitKey: { ...sampleRequests.JoinSplitKey(about), UniqueIdentifier: split.UniqueIdentifier },
  }
}

const asked = (
  operation: HandledOperation,
  UniqueIdentifier: string,
  others: Awaited<ReturnType<typeof otherRequests>> = {},
) => {
  const sample = sampleRequests[operation]({ UniqueIdentifier, word: 'permission' })
  const other = others[operation]
  const request = other && 'Data' in other ? { ...sample, ...other } : (other ?? sample)
  return { operation, request } as unknown as Asked
}

/** Whether the request is about one object, by its identifier. */
function namesOne({ request }: Asked): boolean {
  return 'UniqueIdentifier' in request && typeof request.UniqueIdentifier === 'string'
}

test('each operation is refused unless it is allowed, and audited under its own action', async () => {
  await allow('all')
  const [symmetric, signing] = [await usableKey({ limited: true }), await signingKey()]
  const CreateSplitKey = await usableKey({ limited: false })
  const others = await otherRequests(CreateSplitKey)
  const [Certify, ReCertify] = await certificates()
  const Deactivate = await usableKey({ limited: false })
  await session.ask('1.1', 'Activate', { UniqueIdentifier: Deactivate })
  const own: Partial<Record<HandledOperation, string>> = {
    Import: randomUUID(),
    Certify,
    ReCertify,
    CreateSplitKey,
    Deactivate,
  }
  const keyOf = (operation: HandledOperation) =>
    own[operation] ?? (signs.includes(operation) ? signing : symmetric)
  for (const operation of tried) {
    const key = keyOf(operation)
    await allow(...handledOperations.filter((other) => other !== operation))
    const before = await newest()
    const request = asked(operation, key, others)
    const refused = await session.one(sampleVersion(operation), request)
    const after = await newest()
    if (openToAll.includes(operation)) {
      // Nothing is pending that it could poll.
      const absent = { Poll: 'ItemNotFound', Process: 'InvalidAsynchronousCorrelationValue' }
      assert.equal(refused.reason, (absent as Partial<Record<string, string>>)[operation], operation)
      assert.equal(after.number, before.number, 'nothing is entered')
      continue
    }
    assert.equal(
      refused.reason,
      'PermissionDenied',
      `${operation}; if every client may ask for it: openToAll`,
    )
    assert.match(refused.message ?? '', new RegExp(`may not ask for ${operation}: `))
    await allow(operation)
    const done = await session.one(sampleVersion(operation), request)
    assert.equal(
      done.status,
      'Success',
      `${operation}: ${done.message}; another order: operationsInOrder; a key of its own: \`own\` above`,
    )
    const success = await newest()
    const { action, actor } = success
    const object = namesOne(request) ? key : null
    assert.deepEqual(
      [after.action, after.result, after.reason, after.object, after.actor.name, after.instanceId],
      [action, 'refused', 'PermissionDenied', object, 'limited', success.instanceId],
    )
    assert.equal(actor.name, 'limited')
  }
})

test('a refusal is the same for an existing key and for one that does not exist', async () => {
  await allow('all')
  const key = await session.key('1.1')
  await allow('Create')
  const there = await session.one('1.1', asked('Get', key))
  const nowhere = await session.one('1.1', asked('Get', randomUUID()))
  assert.deepEqual([there.reason, there.message], [nowhere.reason, nowhere.message])
})

test('in a batch the other items continue; the object of a refused item may be the placeholder', async () => {
  await allow('create', 'get')
  const items = batch(
    { operation: 'Create', request: aes() },
    { operation: 'Destroy', request: {} },
    { operation: 'Get', request: {} },
  )
  const answer = await session.send('1.2', items, { batchErrorContinuationOption: 'Continue' })
  assert.deepEqual(
    answer.map(({ status, reason }) => reason ?? status),
    ['Success', 'PermissionDenied', 'Success'],
  )
  const [created] = answer
  assert.ok(created)
  const { UniqueIdentifier } = created.payload as { UniqueIdentifier: string }
  const { entries } = await server.admin.call(auditRoutes.listAudit, { query: { limit: 3 } })
  assert.deepEqual(entries.map(({ action, result, object }) => [action, result, object]).toReversed(), [
    ['key.create', 'success', UniqueIdentifier],
    ['key.destroy', 'refused', UniqueIdentifier],
    ['key.get', 'success', UniqueIdentifier],
  ])
  const undone = await session.send('1.2', items, { batchErrorContinuationOption: 'Undo' })
  assert.deepEqual(
    undone.map(({ status }) => status),
    ['OperationUndone', 'OperationFailed'],
  )
})

test('terms are accepted in any spelling and stored in one; unknown terms are refused', async () => {
  assert.deepEqual(await allow('GET', 'get-attribute-list', 'vSphere', 'get'), [
    'Get',
    'GetAttributeList',
    'vsphere',
  ])
  for (const terms of [[], ['everything'], ['get', ''], ['cryptography']])
    await assert.rejects(allow(...terms), /body\.allow/, terms.join())
  assert.deepEqual(await allow('all'), ['all'])
})

test('a change takes effect with the next message, even on an open connection, and is audited', async () => {
  await allow('vsphere')
  const { action, detail } = await newest()
  assert.deepEqual(
    [action, detail],
    ['client.set', { client: 'limited', changed: 'allow', allow: 'vsphere' }],
  )
  const key = await session.key('1.1')
  await session.ask('1.1', 'Get', { UniqueIdentifier: key })
  await allow('Create')
  assert.equal(await session.refused('1.1', 'Get', { UniqueIdentifier: key }), 'PermissionDenied')
  await allow('vsphere')
  await session.ask('1.1', 'Get', { UniqueIdentifier: key })
  assert.equal(await session.refused('1.1', 'Destroy', { UniqueIdentifier: key }), 'PermissionDenied')
  const [shown] = (await server.admin.call(clientRoutes.listClients, { instance: 'default' })).filter(
    ({ name }) => name === 'limited',
  )
  assert.deepEqual(shown?.allow, ['vsphere'])
})
