// Query and Discover Versions (KMIP 1.4 §4.25, §4.26) through the mTLS listener.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enums, type EnumName } from '../../../src/wire/kmip/enums.ts'
import { decodeResponse, encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { isDefined } from '../../../src/wire/kmip/tags.ts'
import { handledOperations } from '../../../src/core/operations/handlers.ts'
import { serverFacts } from '../../../src/core/operations/server-facts.ts'
import { claimedProfiles } from '../../../src/core/operations/profiles.ts'
import { KmipSession } from '../../support/clients/kmip-session.ts'
import { standards, versions } from '../../../src/wire/kmip/version.ts'
import { startEmbedded } from '../../support/server/server.ts'
import { connectClient } from '../../support/clients/tls-client.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

type QueryFunction = EnumName<'QueryFunction'>

for (const version of versions) {
  const functions = Object.entries(enums.QueryFunction)
    .filter(([, fact]) => isDefined(fact, version))
    .map(([name]) => name as QueryFunction)

  test(`${version}: Query tells the operations of this version that are handled, and the objects that are kept`, async () => {
    const answer = await session.ask(version, 'Query', { QueryFunction: ['QueryOperations', 'QueryObjects'] })
    const expected = serverFacts('0', handledOperations).operations.filter((name) =>
      isDefined(enums.Operation[name], version),
    )
    assert.deepEqual(answer.Operation.toSorted(), [...expected])
    assert.equal(answer.Operation.includes('DiscoverVersions'), version !== '1.0')
    const types = Object.entries(enums.ObjectType).filter(
      ([, type]) => isDefined(type, version) && type.code < 0x0e,
    )
    assert.deepEqual(answer.ObjectType.toSorted(), types.map(([name]) => name).toSorted())
    assert.equal(answer.VendorIdentification, undefined)
  })

  test(`${version}: Query answers each function of this version, alone and all together`, async () => {
    for (const one of functions) await session.ask(version, 'Query', { QueryFunction: [one] })
    const all = await session.ask(version, 'Query', { QueryFunction: functions })
    assert.ok(all.Operation.length > 0 && all.ObjectType.length > 0)
    assert.equal(all.VendorIdentification, 'Mortise 0.0.0-test')
    const twice = await session.ask(version, 'Query', {
      QueryFunction: ['QueryServerInformation', 'QueryServerInformation'],
    })
    assert.equal(twice.VendorIdentification, 'Mortise 0.0.0-test')
    assert.deepEqual([twice.Operation, twice.ObjectType, twice.ApplicationNamespace], [[], [], []])
  })
}

test('Query returns the generator and the capabilities since 1.3', async () => {
  const QueryFunction: QueryFunction[] = ['QueryRNGs', 'QueryCapabilities', 'QueryProfiles']
  const answer = await session.ask('1.3', 'Query', { QueryFunction })
  assert.equal(answer.RNGParameters?.[0]?.RNGAlgorithm, 'DRBG')
  const names = answer.ProfileInformation?.map(({ ProfileName }) => ProfileName)
  assert.deepEqual(
    names,
    claimedProfiles('1.3').map(({ ProfileName }) => ProfileName),
  )
  const newer = await session.ask('1.4', 'Query', { QueryFunction: ['QueryCapabilities'] })
  assert.equal(newer.CapabilityInformation?.[0]?.BatchUndoCapability, true)
  assert.equal(answer.CapabilityInformation?.[0]?.AsynchronousCapability, true)
})

test('Discover Versions: the common versions, newest first; none if there is none', async () => {
  const all = ['3.0', '2.1', '2.0', '1.4', '1.3', '1.2', '1.1', '1.0']
  const cases: [string[], string[]][] = [
    [[], all],
    [['1.4'], ['1.4']],
    [
      ['3.0', '1.1'],
      ['3.0', '1.1'],
    ],
    [
      ['1.0', '1.1', '1.2'],
      ['1.2', '1.1', '1.0'],
    ],
    [['3.1', '4.0', '0.9'], []],
    [
      ['2.0', '1.1'],
      ['2.0', '1.1'],
    ],
    [['1.4', '1.4'], ['1.4']],
    [['-1.4', '1.-1', '1.99'], []],
  ]
  for (const version of ['1.1', '1.2', '1.3', '1.4', '2.0', '2.1', '3.0'] as const)
    for (const [offered, expected] of cases)
      assert.deepEqual(
        await session.ask(version, 'DiscoverVersions', offer(...offered)),
        offer(...expected),
        `${version}: ${offered.join(' ')}`,
      )
})

test('neither is entered in the audit', async () => {
  await session.ask('1.1', 'Query', { QueryFunction: ['QueryOperations'] })
  await session.ask('1.1', 'DiscoverVersions', { ProtocolVersion: [] })
  const { entries } = await server.admin.call(auditRoutes.listInstanceAudit, {
    instance: 'default',
    query: { limit: 100 },
  })
  assert.deepEqual(
    entries.filter(({ actor }) => actor.kind === 'client'),
    [],
  )
})

function offer(...versions: string[]) {
  return {
    ProtocolVersion: versions.map((version) => {
      const [ProtocolVersionMajor = 0, ProtocolVersionMinor = 0] = version.split('.').map(Number)
      return { ProtocolVersionMajor, ProtocolVersionMinor }
    }),
  }
}

test('a draft is an unknown version until kmip.drafts names it', async () => {
  await using plain = await startEmbedded()
  const { tls } = await plain.issue('plain')
  using client = new KmipSession(await connectClient({ port: plain.kmip.port, ...tls }))
  const listed = await client.ask('2.1', 'DiscoverVersions', { ProtocolVersion: [] })
  assert.deepEqual(listed, offer(...standards.toReversed()))
  const payload = encodeRequestPayload('DiscoverVersions', { ProtocolVersion: [] }, '3.0')
  const bytes = encodeRequest({ version: '3.0', items: [{ operation: 'DiscoverVersions', payload }] })
  const { version, items } = decodeResponse(await client.exchange(bytes))
  assert.equal(version, '2.1')
  assert.deepEqual(
    items.map(({ reason, message, payload: told }) => [reason, message, told]),
    [['InvalidMessage', `this server speaks KMIP ${standards.join(', ')}, not 3.0`, undefined]],
  )
  assert.ok(!plain.stderr().includes('kmip.drafts'))
})

test('a draft that kmip.drafts names is spoken, and called a draft', async () => {
  await using trying = await startEmbedded({
    env: { MORTISE_KMIP_DRAFTS: '3.0', MORTISE_KMIP_VERSIONS: '1.4' },
  })
  const { tls } = await trying.issue('trying')
  using client = new KmipSession(await connectClient({ port: trying.kmip.port, ...tls }))
  const listed = await client.ask('3.0', 'DiscoverVersions', { ProtocolVersion: [] })
  assert.deepEqual(listed, offer('3.0', '1.4'))
  const payload = encodeRequestPayload('Query', { QueryFunction: ['QueryObjects'] }, '2.1')
  const bytes = encodeRequest({ version: '2.1', items: [{ operation: 'Query', payload }] })
  const { items } = decodeResponse(await client.exchange(bytes))
  assert.equal(items[0]?.message, 'this server speaks KMIP 1.4, 3.0 (draft), not 2.1')
  assert.match(trying.stderr(), /kmip\.drafts: this server speaks a draft of KMIP/)
})

test('with kmip.versions a client of another version learns which ones there are, and nothing else', async () => {
  await using narrow = await startEmbedded({ env: { MORTISE_KMIP_VERSIONS: '1.0,1.1,1.2,1.3,1.4' } })
  const { tls } = await narrow.issue('narrow')
  using client = new KmipSession(await connectClient({ port: narrow.kmip.port, ...tls }))
  const asked = { operation: 'DiscoverVersions', request: { ProtocolVersion: [] } } as const
  for (const version of ['2.0', '2.1'] as const) {
    const answer = await client.ask(version, 'DiscoverVersions', asked.request)
    assert.deepEqual(answer, offer('1.4', '1.3', '1.2', '1.1', '1.0'))
    const bytes = encodeRequest({
      version,
      items: (['DiscoverVersions', 'Query'] as const).map((operation) => ({
        operation,
        payload: encodeRequestPayload(
          operation,
          { ProtocolVersion: [], QueryFunction: ['QueryObjects'] },
          version,
        ),
      })),
    })
    const { version: spoken, items } = decodeResponse(await client.exchange(bytes))
    assert.equal(spoken, '1.4')
    const message = `this server speaks KMIP 1.0, 1.1, 1.2, 1.3, 1.4, not ${version}`
    assert.deepEqual(
      items.map(({ status, reason, message: said }) => [status, reason, said]),
      [['OperationFailed', 'InvalidMessage', message]],
    )
  }
})
