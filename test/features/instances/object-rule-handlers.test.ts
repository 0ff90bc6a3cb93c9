// What clients said of objects to come, as an administrator sees and clears it: through the whole server, since clearing is
// the act that a client does.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdminClient } from '../../../src/doors/http/client.ts'
import { Refusal } from '../../../src/base/refusal.ts'
import type { RouteRole } from '../../../src/doors/http/route.ts'
import type { KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { objectRuleRoutes } from '../../../src/features/instances/object-rule-routes.ts'
import { tokenRoutes } from '../../../src/features/tokens/routes.ts'

let server: RunningServer
let session: KmipSession
useServer(
  (started, opened) => {
    server = started
    session = opened
  },
  ['all', 'SetConstraints', 'SetDefaults'],
)

const instance = 'default'
const of = (attributes: Record<string, unknown>) => ({ Attribute: [], ...attributes })
const aes = (length: number) => ({
  ObjectType: 'SymmetricKey' as const,
  Attributes: of({
    CryptographicAlgorithm: 'AES',
    CryptographicLength: length,
    CryptographicUsageMask: 12,
  }),
})
const keys = { ObjectType: ['SymmetricKey' as const] }

async function setConstraints(): Promise<void> {
  await session.ask('2.1', 'SetConstraints', {
    Constraints: {
      Constraint: [
        { ObjectTypes: keys, Attributes: of({ CryptographicLength: 256 }) },
        { ObjectGroups: { ObjectGroup: ['disks', 'tapes'] }, Attributes: of({ Sensitive: true }) },
      ],
    },
  })
}

const shownConstraints = [
  {
    objectTypes: ['SymmetricKey'],
    objectGroups: [],
    attributes: [{ name: 'CryptographicLength', index: 0, value: 256 }],
  },
  {
    objectTypes: [],
    objectGroups: ['disks', 'tapes'],
    attributes: [{ name: 'Sensitive', index: 0, value: true }],
  },
]

async function as(role: RouteRole): Promise<AdminClient> {
  const { token } = await server.admin.call(tokenRoutes.createToken, { body: { name: role, role, instance } })
  return new AdminClient({
    url: server.adminUrl,
    token,
    trust: { by: 'fingerprint', sha256: server.serverCertSha256 },
  })
}

test('constraints are shown, and once they are cleared a client is held to none', async () => {
  await setConstraints()
  assert.equal(await session.refused('2.1', 'Create', aes(128)), 'ConstraintViolation')
  const viewer = await as('viewer')
  assert.deepEqual(await viewer.call(objectRuleRoutes.listConstraints, { instance }), shownConstraints)
  assert.deepEqual(await viewer.call(objectRuleRoutes.listDefaults, { instance }), [])
  const manager = await as('manager')
  assert.deepEqual(await manager.call(objectRuleRoutes.clearConstraints, { instance }), {
    removed: shownConstraints,
  })
  assert.deepEqual(await viewer.call(objectRuleRoutes.listConstraints, { instance }), [])
  assert.deepEqual((await session.ask('2.1', 'GetConstraints', {})).Constraints.Constraint, [])
  await session.ask('2.1', 'Create', aes(128))
  assert.deepEqual(await manager.call(objectRuleRoutes.clearConstraints, { instance }), { removed: [] })
})

test('defaults are shown and cleared, and constraints stay', async () => {
  await setConstraints()
  const ObjectDefaults = [{ ObjectType: 'SymmetricKey' as const, Attributes: of({ Comment: 'by default' }) }]
  await session.ask('2.1', 'SetDefaults', { DefaultsInformation: { ObjectDefaults } })
  const shown = [
    {
      objectTypes: ['SymmetricKey'],
      objectGroups: [],
      attributes: [{ name: 'Comment', index: 0, value: 'by default' }],
    },
  ]
  assert.deepEqual(await server.admin.call(objectRuleRoutes.listDefaults, { instance }), shown)
  const commentOfNew = async () => {
    const { UniqueIdentifier } = await session.ask('2.1', 'Create', aes(256))
    const asked = { UniqueIdentifier, AttributeReference: ['Comment' as const] }
    return (await session.ask('2.1', 'GetAttributes', asked)).Attributes?.['Comment']
  }
  assert.equal(await commentOfNew(), 'by default')
  assert.deepEqual(await server.admin.call(objectRuleRoutes.clearDefaults, { instance }), { removed: shown })
  assert.equal(await commentOfNew(), undefined)
  assert.deepEqual(await server.admin.call(objectRuleRoutes.listConstraints, { instance }), shownConstraints)
})

test('to clear them takes a manager, and the audit has who did and how many are left', async () => {
  await setConstraints()
  const operator = await as('operator')
  await assert.rejects(
    operator.call(objectRuleRoutes.clearConstraints, { instance }),
    (error) => error instanceof Refusal && error.code === 'forbidden',
  )
  assert.equal((await operator.call(objectRuleRoutes.listConstraints, { instance })).length, 2)
  await (await as('manager')).call(objectRuleRoutes.clearConstraints, { instance })
  const { entries } = await server.admin.call(auditRoutes.listAudit, { query: { limit: 20 } })
  const cleared = entries.find(({ action }) => action === 'instance.set-constraints')
  assert.deepEqual(
    [cleared?.result, cleared?.detail, cleared?.actor.kind],
    ['success', { rules: 0 }, 'token'],
  )
})
