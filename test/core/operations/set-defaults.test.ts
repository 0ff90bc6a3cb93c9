// Set Defaults, Set Constraints and Get Constraints (KMIP 2.1 §6.1.22, §6.1.52, §6.1.53): what clients of an instance say of objects
// to come, and how later requests of every version are held to it.

import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { Attributes } from '../../../src/wire/kmip/objects.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { trustChangesAtOnce } from '../../../src/core/trust/change-pace.ts'
import {
  aes,
  attribute,
  batch,
  rsaPair,
  template,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { allowOnly, useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { keyRoutes } from '../../../src/features/keys/routes.ts'
import { objectRuleRoutes } from '../../../src/features/instances/object-rule-routes.ts'
import { tokenRoutes } from '../../../src/features/tokens/routes.ts'

const mayAll = ['all', 'SetConstraints', 'SetDefaults']
let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
}, mayAll)

afterEach(async () => {
  await allowOnly(server, ...mayAll)
  await server.admin.call(objectRuleRoutes.clearDefaults, { instance: 'default' })
  await server.admin.call(objectRuleRoutes.clearConstraints, { instance: 'default' })
})

const of = (attributes: Record<string, unknown>): Attributes => ({ Attribute: [], ...attributes })
const keyOf = (attributes: Record<string, unknown>): Request<'Create'> => ({
  ObjectType: 'SymmetricKey',
  Attributes: of(attributes),
})
const setDefaults = (...ObjectDefaults: object[]) =>
  session.ask('2.1', 'SetDefaults', { DefaultsInformation: { ObjectDefaults } } as Request<'SetDefaults'>)
const constraints = (...Constraint: object[]) =>
  ({ Constraints: { Constraint } }) as Request<'SetConstraints'>
const keys = { ObjectTypes: { ObjectType: ['SymmetricKey'] } }

async function shown(UniqueIdentifier: string): Promise<Record<string, unknown>> {
  const { Attributes } = await session.ask('2.1', 'GetAttributes', {
    UniqueIdentifier,
    AttributeReference: [],
  })
  return { ...Attributes }
}

const lengthOf = async (attributes: Record<string, unknown>) =>
  (await shown((await session.ask('2.1', 'Create', keyOf(attributes))).UniqueIdentifier))[
    'CryptographicLength'
  ]

const toldDefaults = async (more: Partial<Request<'Query'>> = {}) =>
  (await session.ask('2.1', 'Query', { QueryFunction: ['QueryDefaultsInformation'], ...more }))
    .DefaultsInformation?.ObjectDefaults

const aesWith = (attributes: Record<string, unknown>) =>
  keyOf({
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
    CryptographicUsageMask: 12,
    ...attributes,
  })

test('a new object gets the defaults for what its request leaves out, in every version', async () => {
  await setDefaults({
    ObjectType: 'SymmetricKey',
    Attributes: of({
      CryptographicAlgorithm: 'AES',
      CryptographicLength: 192,
      CryptographicUsageMask: 12,
      Comment: 'by default',
    }),
  })
  const bare = await session.ask('2.0', 'Create', keyOf({}))
  const { CryptographicAlgorithm, CryptographicLength, Comment } = await shown(bare.UniqueIdentifier)
  assert.deepEqual([CryptographicAlgorithm, CryptographicLength, Comment], ['AES', 192, 'by default'])
  const stated = await session.ask('2.1', 'Create', keyOf({ CryptographicLength: 256, Comment: 'mine' }))
  const own = await shown(stated.UniqueIdentifier)
  assert.deepEqual([own['CryptographicLength'], own['Comment']], [256, 'mine'])
  const old = await session.ask('1.0', 'Create', { ObjectType: 'SymmetricKey', ...template([]) })
  assert.equal((await shown(old.UniqueIdentifier))['CryptographicLength'], 192)
  const material = {
    KeyBlock: { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: Buffer.alloc(16, 1) } },
  } as const
  const brought = await session.ask('2.1', 'Register', {
    ObjectType: 'SymmetricKey',
    Attributes: of({}),
    SymmetricKey: material,
  })
  const registered = await shown(brought.UniqueIdentifier)
  assert.deepEqual([registered['CryptographicLength'], registered['Comment']], [128, 'by default'])
  await session.ask('2.1', 'SetDefaults', {})
  assert.equal(await session.refused('2.1', 'Create', keyOf({})), 'InvalidField')
})

test('a key that takes the place of another keeps what that one has', async () => {
  const UniqueIdentifier = await session.key('1.4')
  await setDefaults({
    ObjectType: 'SymmetricKey',
    Attributes: of({ CryptographicUsageMask: 4, Comment: 'by default' }),
  })
  const { UniqueIdentifier: next } = await session.ask('2.1', 'ReKey', { UniqueIdentifier })
  const { CryptographicUsageMask, Comment } = await shown(next)
  assert.deepEqual([CryptographicUsageMask, Comment], [12, undefined])
})

test('defaults of a group go before those of all objects, and Query tells which are for a group', async () => {
  await setDefaults(
    {
      ...keys,
      Attributes: of({ CryptographicAlgorithm: 'AES', CryptographicLength: 128, CryptographicUsageMask: 12 }),
    },
    { ...keys, Attributes: of({ CryptographicLength: 256 }), ObjectGroups: { ObjectGroup: ['disks'] } },
  )
  assert.equal(await lengthOf({}), 128)
  assert.equal(await lengthOf({ ObjectGroup: ['tapes'] }), 128)
  assert.equal(await lengthOf({ ObjectGroup: ['tapes', 'disks'] }), 256)
  assert.equal((await toldDefaults())?.length, 2)
  const [one, ...more] = (await toldDefaults({ ObjectGroups: { ObjectGroup: ['tapes'] } })) ?? []
  assert.deepEqual([one?.ObjectType, one?.Attributes['CryptographicLength'], more], ['SymmetricKey', 128, []])
})

test('both halves of a key pair get the defaults of their types', async () => {
  await setDefaults(
    { ObjectType: 'PrivateKey', Attributes: of({ Sensitive: true }) },
    { ObjectType: 'PublicKey', Attributes: of({ Comment: 'open' }) },
  )
  const pair = await session.ask('1.4', 'CreateKeyPair', rsaPair(['defaulted-own', 1], ['defaulted-open', 2]))
  assert.equal((await shown(pair.PrivateKeyUniqueIdentifier))['Sensitive'], true)
  assert.equal((await shown(pair.PublicKeyUniqueIdentifier))['Comment'], 'open')
})

test('an object that breaks a constraint is not made, in every version, and nothing of it stays', async () => {
  const wanted = constraints({
    ...keys,
    Attributes: of({ CryptographicLength: 256, CryptographicUsageMask: 12 }),
  })
  await session.ask('2.1', 'SetConstraints', wanted)
  const { Constraints } = await session.ask('2.1', 'GetConstraints', {})
  const [told] = Constraints.Constraint
  const { rules } = await server.admin.call(instanceRoutes.showInstance, { instance: 'default' })
  assert.deepEqual(rules, { defaults: 0, constraints: 1 })
  assert.deepEqual(told?.ObjectTypes, keys.ObjectTypes)
  assert.equal(told?.Attributes?.['CryptographicLength'], 256)
  const short = keyOf({ CryptographicAlgorithm: 'AES', CryptographicLength: 128, CryptographicUsageMask: 4 })
  assert.equal(await session.refused('2.1', 'Create', short), 'ConstraintViolation')
  assert.equal(await session.refused('2.0', 'Create', short), 'PermissionDenied')
  const signing = keyOf({
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
    CryptographicUsageMask: 13,
  })
  assert.equal(await session.refused('2.1', 'Create', signing), 'ConstraintViolation')
  const old = {
    ObjectType: 'SymmetricKey',
    ...template([
      attribute('Cryptographic Algorithm', 'AES'),
      attribute('Cryptographic Length', 128),
      attribute('Cryptographic Usage Mask', 12),
    ]),
  } as const
  assert.equal(await session.refused('1.2', 'Create', old), 'PermissionDenied')
  await session.ask('1.2', 'Create', aes())
  const { UniqueIdentifier } = await session.ask(
    '2.1',
    'Create',
    keyOf({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, CryptographicUsageMask: 4 }),
  )
  await session.ask('2.1', 'ReKey', { UniqueIdentifier })
  const secret = {
    SecretDataType: 'Password',
    KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.from('secret') } },
  } as const
  await session.ask('2.1', 'Register', {
    ObjectType: 'SecretData',
    Attributes: of({ CryptographicUsageMask: 2 }),
    SecretData: secret,
  })
  await server.admin.call(keyRoutes.createKey, { instance: 'default', body: {} })
})

test('constraints of a group hold for its objects alone', async () => {
  await session.ask(
    '2.1',
    'SetConstraints',
    constraints({ ObjectGroups: { ObjectGroup: ['vault'] }, Attributes: of({ Sensitive: true }) }),
  )
  await session.ask('2.1', 'Create', aesWith({}))
  assert.equal(
    await session.refused('2.1', 'Create', aesWith({ ObjectGroup: ['vault'] })),
    'ConstraintViolation',
  )
  await session.ask('2.1', 'Create', aesWith({ ObjectGroup: ['vault'], Sensitive: true }))
})

test('a rule that no request could follow is refused', async () => {
  const refused = (...Constraint: object[]) =>
    session.refused('2.1', 'SetConstraints', constraints(...Constraint))
  assert.equal(await refused({ Attributes: of({ State: 'Active' }) }), 'AttributeReadOnly')
  const Name = [{ NameValue: 'one', NameType: 'UninterpretedTextString' }]
  assert.equal(await refused({ Attributes: of({ Name }) }), 'InvalidField')
  const certificates = { ObjectTypes: { ObjectType: ['SymmetricKey'] } }
  assert.equal(
    await refused({ ...certificates, Attributes: of({ CertificateType: 'X_509' }) }),
    'InvalidAttribute',
  )
  assert.equal(
    await refused(...Array.from({ length: 101 }, () => ({ Attributes: of({ Sensitive: true }) }))),
    'ServerLimitExceeded',
  )
  const untyped = { DefaultsInformation: { ObjectDefaults: [{ Attributes: of({}) }] } }
  assert.equal(await session.refused('2.1', 'SetDefaults', untyped), 'InvalidField')
  assert.deepEqual((await session.ask('2.1', 'GetConstraints', {})).Constraints.Constraint, [])
})

test('a later item of an Undo batch is held to what an earlier one set, and all of it is undone', async () => {
  const item = { ...keys, Attributes: of({ CryptographicLength: 256 }) }
  const short = keyOf({ CryptographicAlgorithm: 'AES', CryptographicLength: 128, CryptographicUsageMask: 12 })
  const asked = batch(
    { operation: 'SetConstraints', request: constraints(item) },
    { operation: 'SetDefaults', request: {} },
    { operation: 'Create', request: short },
  )
  const told = await session.send('2.1', asked, { batchErrorContinuationOption: 'Undo' })
  assert.deepEqual(
    told.map(({ status, reason }) => reason ?? status),
    ['OperationUndone', 'OperationUndone', 'ConstraintViolation'],
  )
  await session.ask('2.1', 'Create', short)
})

test('a client that may do all sets nothing for other clients unless its list names it', async () => {
  await allowOnly(server, 'all')
  const refused = await session.one('2.1', { operation: 'SetConstraints', request: constraints() })
  assert.equal(refused.reason, 'PermissionDenied')
  assert.match(refused.message ?? '', /--allow all,SetConstraints/)
  assert.equal(await session.refused('2.1', 'SetDefaults', {}), 'PermissionDenied')
  await session.ask('2.1', 'GetConstraints', {})
  await allowOnly(server, 'all', 'SetConstraints')
  await session.ask('2.1', 'SetConstraints', constraints({ ...keys, Attributes: of({ Sensitive: true }) }))
  assert.equal(await session.refused('2.1', 'SetDefaults', {}), 'PermissionDenied')
  await allowOnly(server, 'all')
  const held = await session.one('2.1', { operation: 'Create', request: aesWith({}) })
  assert.equal(held.reason, 'ConstraintViolation', 'what was set stays')
  assert.match(held.message ?? '', /mortise instance constraints/)
})

test('a client without the right sets nothing, and the audit has who did', async () => {
  await allowOnly(server, 'vsphere')
  assert.equal(await session.refused('2.1', 'SetDefaults', {}), 'PermissionDenied')
  assert.equal(await session.refused('2.1', 'SetConstraints', constraints()), 'PermissionDenied')
  assert.equal(await session.refused('2.1', 'GetConstraints', {}), 'PermissionDenied')
  const entries = await server.admin.call(auditRoutes.listAudit, { query: { limit: 20 } })
  assert.ok(JSON.stringify(entries).includes('instance.set-constraints'))
})

test('a client that sets other rules all the time is refused, and hinders no change of others', async () => {
  let refused: string | undefined
  const changing = async () => {
    for (let turn = 0; refused === undefined; turn++) {
      assert.ok(turn <= 2 * trustChangesAtOnce)
      const request = {
        DefaultsInformation: {
          ObjectDefaults: [{ ObjectType: 'SymmetricKey', Attributes: of({ Comment: `${turn}` }) }],
        },
      } as Request<'SetDefaults'>
      const told = await session.one('2.1', { operation: 'SetDefaults', request })
      if (told.status !== 'Success') refused = told.reason
    }
  }
  await Promise.all([
    changing(),
    server.admin.call(tokenRoutes.createToken, { body: { role: 'viewer', name: 'beside' } }),
  ])
  assert.equal(refused, 'ServerLimitExceeded')
})
