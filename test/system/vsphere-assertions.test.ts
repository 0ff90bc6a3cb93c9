// What the simulator is there to find, it finds: the real server behind a proxy that breaks one thing in its answers,
// once for each of the simulator's assertions.

import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import type { SimulationReport } from '../../src/tools/vsphere/report.ts'
import { alter, leaves, withMore, withoutTag } from './broken.ts'
import { openAlteringProxy } from '../support/clients/proxy.ts'
import { startEmbedded } from '../support/server/server.ts'
import { playVsphere } from '../support/clients/vsphere.ts'
import {
  all,
  find,
  inside,
  integer,
  numberOf,
  operations,
  read,
  tags,
  text,
  textOf,
  types,
  type Item,
} from '../support/clients/wire.ts'

const server = await startEmbedded()
const { tls } = await server.issue('vcenter-assertions')
after(() => server[Symbol.asyncDispose]())

function play(scenario: string, port: number, hosts = 1): Promise<SimulationReport> {
  return playVsphere(tls, [{ host: '127.0.0.1', port }], scenario, { hosts, vms: hosts + 1 })
}

const attributeIs = (message: Item, name: string): boolean =>
  all(message, 'BatchItem').some(
    (item) => textOf(find(item, 'ResponsePayload', 'Attribute', 'AttributeName')) === name,
  )
const stateSaid = (state: number) => (message: Item) =>
  attributeIs(message, 'State')
    ? leaves('AttributeValue', (leaf) => ({ ...leaf, value: state }))(message)
    : message

interface Broken {
  readonly what: string
  readonly scenario?: string
  readonly change: (answer: Buffer) => Buffer
  /** Among the violations; or among the failures, where vSphere cannot go on. */
  readonly finds: RegExp
}

const first = { material: undefined as Buffer | undefined }

const broken: readonly Broken[] = [
  {
    what: 'Unique Batch Item ID is dropped',
    change: alter(operations.Get, withoutTag(tags.UniqueBatchItemID)),
    finds: /Get: Unique Batch Item ID is not echoed/,
  },
  {
    what: 'Unique Batch Item ID is changed in its last byte',
    change: alter(
      operations.AddAttribute,
      leaves('UniqueBatchItemID', (leaf) => ({ ...leaf, value: Buffer.from('514c4b4301000001', 'hex') })),
    ),
    finds: /AddAttribute: Unique Batch Item ID was changed/,
  },
  {
    what: 'Operation is dropped',
    change: alter(operations.Create, withoutTag(tags.Operation)),
    finds: /Create: Operation is not echoed/,
  },
  {
    what: 'the answer is in KMIP 1.4',
    change: alter(
      operations.Activate,
      leaves('ProtocolVersionMinor', (leaf) => ({ ...leaf, value: 4 })),
    ),
    finds: /Activate: the answer is in KMIP 1\.4/,
  },
  {
    what: 'Batch Count is wrong',
    change: alter(
      operations.Get,
      leaves('BatchCount', (leaf) => ({ ...leaf, value: 3 })),
    ),
    finds: /Get: Batch Count is 3, but there is 1 item/,
  },
  {
    what: 'a tag of KMIP 1.4 in the header',
    change: alter(operations.Get, (message) => ({
      ...message,
      value: inside(message).map((part) =>
        part.tag === tags.ResponseHeader
          ? {
              ...part,
              // Client Correlation Value, before Batch Count
              value: inside(part).flatMap((item) =>
                item.tag === tags.BatchCount ? [text(0x420105, 'x'), item] : [item],
              ),
            }
          : part,
      ),
    })),
    finds: /Get: it holds what KMIP 1\.1 does not have: tag ClientCorrelationValue/,
  },
  {
    what: 'an attribute of KMIP 1.4 in Create',
    change: alter(operations.Create, (message) =>
      withMore('ResponsePayload', {
        tag: tags.TemplateAttribute,
        type: types.Structure,
        value: [
          {
            tag: tags.Attribute,
            type: types.Structure,
            value: [
              text('AttributeName', 'Sensitive'),
              { tag: tags.AttributeValue, type: types.Boolean, value: false },
            ],
          },
        ],
      })(message),
    ),
    finds: /Create: it holds what KMIP 1\.1 does not have: attribute Sensitive/,
  },
  {
    what: 'the key is one byte short',
    change: alter(
      operations.Get,
      leaves('KeyMaterial', (leaf) => ({ ...leaf, value: (leaf.value as Buffer).subarray(1) })),
    ),
    finds: /Get: the key has 31 bytes, not 32/,
  },
  {
    what: 'the key comes in another format',
    change: alter(
      operations.Get,
      leaves('KeyFormatType', (leaf) => ({ ...leaf, value: 2 })),
    ),
    finds: /Get: the key comes as Opaque, not Raw/,
  },
  {
    what: 'the length is not said',
    change: alter(operations.Get, withoutTag(tags.CryptographicLength)),
    finds: /Get: the length is not given, not 256/,
  },
  {
    what: 'attributes beside the key',
    change: alter(
      operations.Get,
      withMore('KeyValue', {
        tag: tags.Attribute,
        type: types.Structure,
        value: [text('AttributeName', 'Cryptographic Length'), integer('AttributeValue', 256)],
      }),
    ),
    finds: /Get: Key Value holds attributes beside the key/,
  },
  {
    what: 'every key is the same',
    change: alter(
      operations.Get,
      leaves('KeyMaterial', (leaf) => ({
        ...leaf,
        value: (first.material ??= Buffer.from(leaf.value as Buffer)),
      })),
    ),
    finds: /Get: two identifiers have the same key/,
  },
  {
    what: 'another key each time',
    scenario: 'e,g',
    change: alter(
      operations.Get,
      leaves('KeyMaterial', (leaf) => {
        const value = Buffer.from(leaf.value as Buffer)
        value.writeDoubleBE(performance.now())
        return { ...leaf, value }
      }),
    ),
    finds: /Get: the server returned another key than before/,
  },
  {
    what: 'a new key is Deactivated',
    change: alter(operations.GetAttributes, stateSaid(3)),
    finds: /GetAttributes: the State of a new key is Deactivated/,
  },
  {
    what: 'State stays Pre-Active',
    scenario: 'e,g',
    change: alter(operations.GetAttributes, stateSaid(1)),
    finds: /GetAttributes: State is PreActive, and was Active before/,
  },
  {
    what: 'State is missing',
    change: alter(operations.GetAttributes, (message) =>
      attributeIs(message, 'State') ? withoutTag(tags.Attribute)(message) : message,
    ),
    finds: /GetAttributes: State was requested, but the answer has something else/,
  },
  {
    what: 'the wrong key is answered about',
    change: alter(
      operations.Activate,
      leaves('UniqueIdentifier', (leaf) => ({ ...leaf, value: 'another' })),
    ),
    finds: /Activate: the answer is about another identifier/,
  },
  {
    what: 'Add Attribute answers without the attribute',
    change: alter(operations.AddAttribute, withoutTag(tags.Attribute)),
    finds: /AddAttribute: .*Attribute is missing/,
  },
  {
    what: 'a note comes back changed',
    change: alter(
      operations.AddAttribute,
      leaves('AttributeValue', (leaf) => ({ ...leaf, value: 'changed' })),
    ),
    finds: /AddAttribute: the attribute was changed/,
  },
  {
    what: 'an unknown key is a General Failure',
    scenario: 'l',
    change: alter(
      operations.Get,
      leaves('ResultReason', (leaf) => ({ ...leaf, value: 0x100 })),
    ),
    finds: /Get: an unknown key is GeneralFailure, not ItemNotFound/,
  },
  {
    what: 'no Result Reason',
    scenario: 'l',
    change: alter(operations.Get, withoutTag(tags.ResultReason)),
    finds: /Get: a failure without Result Reason/,
  },
  {
    what: 'no versions',
    scenario: 'b',
    change: alter(operations.DiscoverVersions, (message) => ({
      ...message,
      value: inside(message).map((part) =>
        part.tag === tags.BatchItem ? withoutTag(tags.ProtocolVersion)(part) : part,
      ),
    })),
    finds: /DiscoverVersions: no version at all/,
  },
  {
    what: 'the answer to Get is no KMIP',
    change: alter(operations.Get, withoutTag(tags.ResultStatus)),
    finds: /fetch and activate a key: .*ResultStatus/,
  },
]

suite('what it is there to find', { concurrency: 2 }, () => {
  for (const { what, scenario = 'e', change, finds } of broken)
    test(what, async () => {
      await using proxy = await openAlteringProxy({ target: server.kmip, tls, alter: change })
      const report = await play(scenario, proxy.port)
      assert.equal(report.ok, false)
      const found = [...report.violations, ...report.failures].map(({ where, what }) => `${where}: ${what}`)
      assert.ok(
        found.some((finding) => finds.test(finding)),
        `found only: ${found.join(' | ')}`,
      )
    })

  test('an untouched proxy is found to be fine', async () => {
    await using proxy = await openAlteringProxy({ target: server.kmip, tls, alter: (answer) => answer })
    const { violations, failures } = await play('b,e,f,g,h,i,j,m,n,o,p', proxy.port, 2)
    assert.deepEqual({ violations, failures }, { violations: [], failures: [] })
  })

  test('Add Attribute that cannot be read is put up with, as vCenter does', async () => {
    // As a server answers that does not know the operation: KMIP 1.0, one item, nothing echoed.
    const unreadable = alter(operations.AddAttribute, (message) => {
      const header = leaves('ProtocolVersionMinor', (leaf) => ({ ...leaf, value: 0 }))(
        leaves('BatchCount', (leaf) => ({ ...leaf, value: 1 }))(find(message, 'ResponseHeader') as Item),
      )
      const item = {
        tag: tags.BatchItem,
        type: types.Structure,
        value: [
          { tag: tags.ResultStatus, type: types.Enumeration, value: 1 },
          { tag: tags.ResultReason, type: types.Enumeration, value: 4 },
        ],
      }
      return { ...message, value: [header, item] }
    })
    await using proxy = await openAlteringProxy({ target: server.kmip, tls, alter: unreadable })
    const report = await play('e', proxy.port)
    assert.ok(report.ok)
    assert.ok(report.remarks.some(({ what }) => what.includes('vCenter goes on')))
  })
})

test('a connection that ends is no refusal', async () => {
  await using proxy = await openAlteringProxy({
    target: server.kmip,
    tls,
    alter: (answer, request) =>
      numberOf(find(read(request), 'BatchItem', 'Operation')) === operations.Revoke ? undefined : answer,
  })
  const { ok, failures, remarks } = await play('refusals', proxy.port)
  assert.deepEqual(
    failures.map(({ where }) => where),
    ['deactivate and destroy a key', 'report a key as compromised'],
  )
  assert.ok(!ok && remarks.every(({ where }) => where !== 'Revoke'))
})
