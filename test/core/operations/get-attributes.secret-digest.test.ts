// The Digest of Secret Data and Opaque Objects, which may be guessed from it: it leaves only for a client that may have that object
// handed out unwrapped, in every version, in a batch, by a ticket, and on each way that attributes leave.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { beforeEach, test } from 'node:test'
import { inspect } from 'node:util'
import type { AttributeValue } from '../../../src/wire/kmip/attributes.ts'
import type { WireCredential } from '../../../src/wire/kmip/credential.ts'
import type { OperationName, Request } from '../../../src/wire/kmip/operations.ts'
import {
  attribute,
  attributesOf,
  batch,
  locate,
  template,
  type Header,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { allowOnly, useServer, type RunningServer } from '../../support/server/running.ts'

let server: RunningServer
let session: KmipSession
useServer((running, opened) => ([server, session] = [running, opened]), undefined, 'as-sent')
beforeEach(() => allowOnly(server, 'all'))

const password = Buffer.from('hunter2')
const digest = createHash('sha256').update(password).digest()
const readOnly = ['GetAttributes', 'GetAttributeList', 'Locate', 'Check']

async function secret(...more: readonly WireAttribute[]): Promise<string> {
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
    ObjectType: 'SecretData',
    ...template([attribute('Cryptographic Usage Mask', 4), ...more]),
    SecretData: {
      SecretDataType: 'Password',
      KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: password } },
    },
  })
  return UniqueIdentifier
}

async function opaque(): Promise<string> {
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
    ObjectType: 'OpaqueObject',
    ...template([]),
    OpaqueObject: { OpaqueDataType: 0x80000001, OpaqueDataValue: password },
  })
  return UniqueIdentifier
}

/** What one batch says of the Digest: by name, among all attributes, and in the list, in two versions. */
async function seen(UniqueIdentifier: string, header: Header = {}): Promise<readonly boolean[]> {
  const list = { operation: 'GetAttributeList', request: { UniqueIdentifier } } as const
  const all = { operation: 'GetAttributes', request: attributesOf(UniqueIdentifier) } as const
  const named = { operation: 'GetAttributes', request: attributesOf(UniqueIdentifier, 'Digest') } as const
  const shown: boolean[] = []
  for (const version of ['1.4', '2.1'] as const) {
    const asked = batch(all, list, ...(version === '1.4' ? [named] : []))
    const own = version === '2.1' ? header : {}
    for (const { status, payload } of await session.send(version, asked, own)) {
      assert.equal(status, 'Success')
      shown.push(inspect(payload, { depth: 9 }).replace('Digest: []', '').includes('Digest'))
    }
  }
  return shown
}

const everywhere = [true, true, true, true, true]
const nowhere = [false, false, false, false, false]

test('a client that may not have the object handed out reads no Digest, and other attributes as ever', async () => {
  const ids = [await secret(), await opaque()]
  for (const id of ids) {
    await allowOnly(server, 'all')
    assert.deepEqual(await seen(id), everywhere)
    for (const more of [[], ['Register'], ['MAC']]) {
      await allowOnly(server, ...readOnly, ...more)
      assert.deepEqual(await seen(id), nowhere)
      const { Attributes } = await session.ask('2.1', 'GetAttributes', attributesOf(id))
      assert.ok(Attributes?.InitialDate)
    }
    for (const way of ['Get', 'Export']) {
      await allowOnly(server, ...readOnly, way)
      assert.deepEqual(await seen(id), everywhere, way)
    }
  }
})

test('the Digest of a key stays for everybody: a random key cannot be guessed', async () => {
  const id = await session.key('1.4')
  await allowOnly(server, ...readOnly)
  assert.deepEqual(await seen(id), everywhere)
})

test('an object that may not leave unwrapped, or is archived, shows no Digest to any client', async () => {
  for (const restriction of [attribute('Sensitive', true), attribute('Extractable', false)])
    assert.deepEqual(await seen(await secret(restriction)), nowhere)
  const id = await secret()
  await session.ask('1.4', 'Archive', { UniqueIdentifier: id })
  assert.deepEqual(await seen(id), nowhere)
})

test('Export of a sensitive secret that is wrapped tells no Digest of what is wrapped', async () => {
  const KeyMaterial = randomBytes(32)
  const { UniqueIdentifier: own } = await session.ask('1.4', 'Register', {
    ObjectType: 'SymmetricKey',
    ...template([
      attribute('Cryptographic Usage Mask', 0x10),
      attribute('Cryptographic Parameters', { BlockCipherMode: 'NISTKeyWrap' }),
      attribute('Activation Date', 1000n),
    ]),
    SymmetricKey: {
      KeyBlock: {
        KeyFormatType: 'Raw',
        KeyValue: { KeyMaterial },
        CryptographicAlgorithm: 'AES',
        CryptographicLength: 256,
      },
    },
  })
  const exported = (UniqueIdentifier: string) =>
    session.ask('2.1', 'Export', {
      UniqueIdentifier,
      KeyWrappingSpecification: {
        WrappingMethod: 'Encrypt',
        EncryptionKeyInformation: { UniqueIdentifier: own },
        AttributeName: [],
      },
    })
  const [sensitive, plain] = [await secret(attribute('Sensitive', true)), await secret()]
  assert.deepEqual((await exported(sensitive)).Attributes?.Digest, [])
  const [told] = ((await exported(plain)).Attributes?.Digest ?? []) as readonly AttributeValue<'Digest'>[]
  assert.deepEqual(told?.DigestValue, digest)
})

test('Locate finds no secret by its Digest, for any client', async () => {
  const id = await secret()
  const wanted = attribute('Digest', { HashingAlgorithm: 'SHA_256', DigestValue: digest })
  for (const allow of [['all'], readOnly]) {
    await allowOnly(server, ...allow)
    const found = await session.ask('1.4', 'Locate', locate([wanted]))
    assert.equal(found.UniqueIdentifier.includes(id), false)
  }
})

type Right = Request<'DelegatedLogin'>['Rights']['Right'][number]

async function delegated(...Rights: readonly Right[]): Promise<Header> {
  const { Ticket } = await session.ask('2.1', 'DelegatedLogin', { Rights: { Right: [...Rights] } })
  const credentials: WireCredential[] = [{ CredentialType: 'Ticket', CredentialValue: { Ticket } }]
  return { credentials }
}

const fetching = (object: string): Right => ({
  Operations: { Operation: ['Get'] },
  Objects: { UniqueIdentifier: [object] },
  UsageLimits: { UsageLimitsTotal: 1n, UsageLimitsUnit: 'Object' },
})

test('a ticket that permits no Get of the object, or has used it up, reads no Digest', async () => {
  const [id, other] = [await secret(), await secret()]
  const reading: Right = { Operations: { Operation: ['GetAttributes', 'GetAttributeList'] } }
  const byTicket = async (header: Header) => (await seen(id, header)).slice(3)
  assert.deepEqual(await byTicket(await delegated(reading)), [false, false])
  assert.deepEqual(await byTicket(await delegated(reading, fetching(other))), [false, false])
  const ticket = await delegated(reading, fetching(id))
  assert.deepEqual(await byTicket(ticket), [true, true], 'to read the Digest uses up nothing')
  assert.deepEqual(await byTicket(ticket), [true, true])
  const get = { operation: 'Get' as OperationName, request: { UniqueIdentifier: id } } as const
  const [told] = await session.send('2.1', batch(get as never), ticket)
  assert.equal(told?.status, 'Success')
  assert.deepEqual(await byTicket(ticket), [false, false])
  await allowOnly(server, ...readOnly, 'DelegatedLogin')
  assert.deepEqual(await byTicket(await delegated(reading, fetching(id))), [false, false])
})
