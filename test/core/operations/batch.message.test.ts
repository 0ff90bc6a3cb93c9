// Decisions per message, whatever its operations (KMIP 1.4 §6, §7, §11.1), through the mTLS listener: versions, unknown
// fields, extensions, sizes, credentials, and bytes that are not a message.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { versions, type Version } from '../../../src/wire/kmip/version.ts'
import {
  aes,
  aes256,
  attributesOf,
  batch,
  locate,
  openSession,
  served,
  template,
  type Asked,
  type KmipSession,
  type Told,
} from '../../support/clients/kmip-session.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { readAs } from '../../support/clients/said-in-version.ts'
import {
  all,
  bytesOf,
  find,
  inside,
  integer,
  numberOf,
  read,
  struct,
  text,
  textOf,
  write,
  type Item,
} from '../../support/clients/wire.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

const status = { Success: 0, OperationFailed: 1 }
const reasons = {
  ItemNotFound: 1,
  ResponseTooLarge: 2,
  InvalidMessage: 4,
  OperationNotSupported: 5,
  InvalidField: 7,
  FeatureNotSupported: 8,
} as const

/** A request as a tree, to be changed before sending. */
function request(version: Version, ...asked: Asked[]): Item {
  const items = asked.map(({ operation, request: values, id }) => ({
    operation,
    payload: encodeRequestPayload(operation, values, version),
    ...(id && { uniqueBatchItemId: id }),
  }))
  return read(encodeRequest({ version, items }))
}

/** The tree, with `change` applied to the items directly in the structures on the way to `path`. */
function within(
  item: Item,
  path: readonly number[],
  change: (items: readonly Item[]) => readonly Item[],
): Item {
  const [next, ...rest] = path
  if (next === undefined) return { ...item, value: change(inside(item)) }
  return {
    ...item,
    value: inside(item).map((inner, at) => (at === next ? within(inner, rest, change) : inner)),
  }
}

interface Answered {
  readonly version: string
  readonly operation: number | undefined
  readonly status: number | undefined
  readonly reason: number | undefined
  readonly id: string | undefined
}

async function answers(message: Item): Promise<Answered[]> {
  const answer = read(await session.exchange(write(message)))
  const stated = find(answer, 'ResponseHeader', 'ProtocolVersion')
  const items = all(answer, 'BatchItem')
  assert.equal(numberOf(find(answer, 'ResponseHeader', 'BatchCount')), items.length)
  return items.map((item) => ({
    version: inside(stated)
      .map((part) => numberOf(part))
      .join('.'),
    operation: numberOf(find(item, 'Operation')),
    status: numberOf(find(item, 'ResultStatus')),
    reason: numberOf(find(item, 'ResultReason')),
    id: bytesOf(find(item, 'UniqueBatchItemID'))?.toString('hex'),
  }))
}

async function answered(message: Item): Promise<Answered> {
  const [only, ...more] = await answers(message)
  assert.ok(only && more.length === 0)
  return only
}

const query: Asked = { operation: 'Query', request: { QueryFunction: ['QueryServerInformation'] } }
const unnamed = { operation: undefined, status: status.OperationFailed, id: undefined }
const vendorItem = text(0x540001, 'of a vendor')

for (const version of served) {
  test(`${version}: an unknown field is an Invalid Field, in the header and in the payload`, async () => {
    const asked = request(version, { ...query, id: Buffer.from('id') })
    const inHeader = within(asked, [0], (items) => [...items.slice(0, -1), vendorItem, ...items.slice(-1)])
    assert.deepEqual(await answered(inHeader), { version, ...unnamed, reason: reasons.InvalidField })
    const inItem = within(asked, [1], (items) => [...items, vendorItem])
    const known = { version, operation: 24, status: status.OperationFailed, id: '6964' }
    assert.deepEqual(await answered(inItem), { ...known, reason: reasons.InvalidField })
    const inPayload = within(asked, [1, 2], (items) => [...items, vendorItem])
    assert.deepEqual(await answered(inPayload), { ...known, reason: reasons.InvalidField })
  })

  test(`${version}: a field that stands twice, out of order or is missing is an Invalid Message`, async () => {
    const asked = request(version, { operation: 'Get', request: { UniqueIdentifier: 'x' } })
    const failed = { version, operation: 10, status: status.OperationFailed, id: undefined }
    const twice = within(asked, [1, 1], ([first]) => (first ? [first, first] : []))
    assert.deepEqual(await answered(twice), { ...failed, reason: reasons.InvalidMessage })
    const create = request(version, { operation: 'Create', request: aes() })
    const lacking = within(create, [1, 1], (items) => items.slice(1))
    assert.deepEqual(await answered(lacking), { ...failed, operation: 1, reason: reasons.InvalidMessage })
    const turned = within(create, [1, 1], (items) => items.toReversed())
    assert.deepEqual(await answered(turned), { ...failed, operation: 1, reason: reasons.InvalidMessage })
    const noPayload = within(asked, [1], (items) => items.slice(0, 1))
    assert.deepEqual(await answered(noPayload), { ...failed, reason: reasons.InvalidMessage })
    const noOperation = within(asked, [1], (items) => items.slice(1))
    assert.deepEqual(await answered(noOperation), { version, ...unnamed, reason: reasons.InvalidMessage })
  })

  test(`${version}: Batch Count must be true`, async () => {
    const asked = request(version, query)
    for (const count of [0, 2, -1, 2 ** 31 - 1]) {
      const wrong = within(asked, [0], (items) => [...items.slice(0, -1), integer('BatchCount', count)])
      assert.deepEqual(await answered(wrong), { version, ...unnamed, reason: reasons.InvalidMessage })
    }
  })

  test(`${version}: a number that is no operation is echoed and refused`, async () => {
    for (const code of [0, 0x7f, 0x80000001, 0xffffffff]) {
      const asked = within(request(version, query), [1], ([operation, ...rest]) =>
        operation ? [{ ...operation, value: code }, ...rest] : [],
      )
      const { operation, reason } = await answered(asked)
      assert.deepEqual([operation, reason], [code, reasons.OperationNotSupported])
    }
  })

  test(`${version}: an extension that is critical refuses the whole message, another is passed over`, async () => {
    const create: Asked = { operation: 'Create', request: aes() }
    const before = (await session.ask(version, 'Locate', locate([]))).UniqueIdentifier.length
    const answers = await session.send(version, batch(create, { ...query, extensions: extension(true) }), {
      batchErrorContinuationOption: 'Continue',
    })
    assert.deepEqual(
      answers.map(({ reason }) => reason),
      ['FeatureNotSupported', 'FeatureNotSupported'],
    )
    assert.equal((await session.ask(version, 'Locate', locate([]))).UniqueIdentifier.length, before)
    const ignored = await session.one(version, { ...query, extensions: extension(false) })
    assert.equal(ignored.status, 'Success')
  })

  test(`${version}: what exceeds the Maximum Response Size fails, named; what fits stays`, async () => {
    const id = await session.key(version)
    const small: Asked = { operation: 'GetAttributes', request: attributesOf(id, 'State') }
    const large: Asked = { operation: 'GetAttributes', request: attributesOf(id) }
    const exactly = await sizeOf(version, batch(small, large, small))
    const outcome = async (
      maximumResponseSize: number,
      batchErrorContinuationOption: 'Continue' | 'Stop' = 'Continue',
    ) => {
      const header = { maximumResponseSize, batchErrorContinuationOption }
      return reasonsOf(await session.send(version, batch(small, large, small), header))
    }
    assert.deepEqual(await outcome(exactly), ['Success', 'Success', 'Success'])
    assert.deepEqual(await outcome(exactly - 1), ['Success', 'Success', 'ResponseTooLarge'])
    assert.deepEqual(await outcome(700), ['Success', 'ResponseTooLarge', 'Success'])
    assert.deepEqual(await outcome(700, 'Stop'), ['Success', 'ResponseTooLarge'])
    for (const tiny of [0, 1, 100, -5])
      assert.deepEqual(await outcome(tiny), ['ResponseTooLarge', 'ResponseTooLarge', 'ResponseTooLarge'])
  })

  test(`${version}: what its client would not learn of is not done`, async () => {
    const before = await session.ask(version, 'Locate', locate([]))
    const create: Asked = { operation: 'Create', request: aes() }
    for (const batchErrorContinuationOption of ['Stop', 'Continue', 'Undo'] as const) {
      const header = { maximumResponseSize: 100, batchErrorContinuationOption }
      const answers = await session.send(version, batch(create, create), header)
      assert.equal(answers.at(-1)?.reason, 'ResponseTooLarge')
    }
    assert.deepEqual(await session.ask(version, 'Locate', locate([])), before)
  })

  test(`${version}: a credential of any kind is ignored for a client that has none set`, async () => {
    const credentials = [
      {
        CredentialType: 'UsernameAndPassword',
        CredentialValue: { Username: 'vSphere', Password: 'whatever' },
      },
    ] as const
    const answers = await session.one(version, { operation: 'Create', request: aes() }, { credentials })
    assert.equal(answers.status, 'Success')
    const odd = struct(
      0x42000c,
      struct(0x420023, { tag: 0x420024, type: 5, value: 0x80000009 }, struct(0x420025)),
    )
    const asked = within(request(version, query), [0], (items) => [
      ...items.slice(0, -1),
      odd,
      ...items.slice(-1),
    ])
    assert.equal((await answered(asked)).status, status.Success)
  })

  test(`${version}: a client that would wait for its answer gets it at once`, async () => {
    for (const asynchronousIndicator of ['Optional', 'Prohibited'] as const)
      assert.equal((await session.one(version, query, { asynchronousIndicator })).status, 'Success')
  })
}

test('a newer minor version is answered in the newest supported one, and its unknown fields are ignored', async () => {
  const asked = within(request('1.4', query), [0, 0], ([major]) =>
    major ? [major, integer('ProtocolVersionMinor', 7)] : [],
  )
  const strange = within(asked, [1, 1], (items) => [...items, vendorItem])
  assert.deepEqual(await answered(strange), {
    version: '1.4',
    operation: 24,
    status: status.Success,
    reason: undefined,
    id: undefined,
  })
})

test('an unsupported major version is refused in a supported one, and the connection stays open', async () => {
  for (const [major, minor] of [
    [0, 9],
    [4, 0],
    [9, 99],
    [1, -1],
    [-1, 0],
  ] as const) {
    const asked = within(request('1.4', query), [0, 0], () => [
      integer('ProtocolVersionMajor', major),
      integer('ProtocolVersionMinor', minor),
    ])
    const { version, ...rest } = await answered(asked)
    assert.ok(
      (versions as readonly string[]).includes(version),
      `${major}.${minor} is answered in ${version}`,
    )
    assert.deepEqual(rest, { ...unnamed, reason: reasons.InvalidMessage })
  }
  assert.equal((await session.one('1.0', query)).status, 'Success')
})

test('one connection may mix versions, each answered in its own', async () => {
  const id = await session.key('1.0')
  for (const version of ['1.4', '1.0', '1.2', '1.1', '1.3', '1.0', '1.4'] as const)
    await session.ask(version, 'GetAttributes', attributesOf(id))
})

test('bytes that are not a request get an answer that says so, and the connection stays open', async () => {
  for (const bad of [
    struct('ResponseMessage', struct('ResponseHeader')),
    struct('RequestMessage'),
    struct('RequestMessage', struct('RequestHeader')),
    struct(0x540001, vendorItem),
  ]) {
    const { reason, operation } = await answered(bad)
    assert.deepEqual([reason, operation], [reasons.InvalidMessage, undefined])
  }
  const padded = write(request('1.1', query))
  padded[padded.length - 1] = 1
  const answer = readAs('1.1', await session.exchange(padded))
  assert.equal(numberOf(find(answer, 'BatchItem', 'ResultReason')), reasons.InvalidMessage)
  assert.equal((await session.one('1.1', query)).status, 'Success')
})

test('1.4 gives the answer an id if the request has one', async () => {
  const named = encodeRequest({
    version: '1.4',
    clientCorrelationValue: 'mine',
    items: [{ operation: 'Query', payload: encodeRequestPayload('Query', query.request as never, '1.4') }],
  })
  const header = find(readAs('1.4', await session.exchange(named)), 'ResponseHeader')
  const correlation = inside(header).find(({ tag }) => tag === 0x420106)
  assert.match(textOf(correlation) ?? '', /^[0-9a-f-]{36}$/)
})

test('pipelined requests are answered in their order', async () => {
  const identity = await clientCertificate('self-signed')
  using other = await openSession(server.port, identity)
  const sent = Array.from({ length: 50 }, (_, index) => index)
  const answers = await Promise.all(
    sent.map(() => other.client.ask(write(request('1.2', { operation: 'Create', request: aes() })))),
  )
  assert.equal(answers.filter((answer) => answer && readAs('1.2', answer)).length, sent.length)
})

test('only the answer to Get contains key material', async () => {
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
    ObjectType: 'SymmetricKey',
    ...template(aes256),
    SymmetricKey: {
      KeyBlock: { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: Buffer.alloc(32, 'secret-material.') } },
    },
  })
  const asked: Asked[] = [
    { operation: 'GetAttributes', request: attributesOf(UniqueIdentifier) },
    { operation: 'Check', request: { UniqueIdentifier } },
    { operation: 'Activate', request: { UniqueIdentifier } },
  ]
  for (const one of asked) {
    const answer = await session.exchange(write(request('1.4', one)))
    assert.equal(answer.includes('secret-material'), false)
  }
  assert.equal(server.log.join('').includes('secret-material'), false)
  const got = await session.exchange(
    write(request('1.4', { operation: 'Get', request: { UniqueIdentifier } })),
  )
  assert.equal(got.includes('secret-material'), true)
})

test('nothing in this file made the server log an error', () => {
  const errors = server.log.filter((line) => line.includes('"level":"error"'))
  assert.deepEqual(errors, [])
})

function extension(critical: boolean) {
  return [{ vendorIdentification: 'ours', critical, extension: write(struct(0x42009c, vendorItem)) }]
}

function reasonsOf(answers: readonly Told[]): string[] {
  return answers.map(({ status: how, reason }) => reason ?? how)
}

async function sizeOf(version: Version, asked: readonly Asked[]): Promise<number> {
  return (await session.exchange(write(request(version, ...asked)))).length
}
