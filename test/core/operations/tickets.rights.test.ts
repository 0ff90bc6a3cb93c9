// The rights of delegated tickets on the real server: all that an operation uses is within them, and what was refused counts for
// nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WireCredential } from '../../../src/wire/kmip/credential.ts'
import { decodeResponse, encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { enums } from '../../../src/wire/kmip/enums.ts'
import type { OperationName, Request } from '../../../src/wire/kmip/operations.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import { Tickets } from '../../../src/core/operations/tickets.ts'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import {
  aes256,
  attribute,
  batch,
  template,
  type Asked,
  type Header,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { createKey, faults, openCoreWithClient } from '../../support/server/core.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

type Right = Request<'DelegatedLogin'>['Rights']['Right'][number]

/** The header of messages by a ticket with these rights. */
async function delegated(...Rights: readonly Right[]): Promise<Header> {
  const { Ticket } = await session.ask('2.1', 'DelegatedLogin', { Rights: { Right: [...Rights] } })
  const credentials: WireCredential[] = [{ CredentialType: 'Ticket', CredentialValue: { Ticket } }]
  return { credentials }
}

const right = (Operation: OperationName[], UniqueIdentifier?: string[], limit?: bigint): Right => ({
  Operations: { Operation },
  ...(UniqueIdentifier && { Objects: { UniqueIdentifier } }),
  ...(limit !== undefined && { UsageLimits: { UsageLimitsTotal: limit, UsageLimitsUnit: 'Object' } }),
})

async function outcomes(asked: readonly Asked[], header: Header) {
  const told = await session.send('2.1', asked, { batchErrorContinuationOption: 'Continue', ...header })
  return told.map(({ status, reason }) => reason ?? status)
}

async function wrappingKey(mask: number, parameters: object): Promise<string> {
  const own = aes256.filter(({ AttributeName }) => AttributeName !== 'Cryptographic Usage Mask')
  const { UniqueIdentifier } = await session.ask('1.4', 'Create', {
    ObjectType: 'SymmetricKey',
    ...template([
      ...own,
      attribute('Cryptographic Usage Mask', mask),
      attribute('Cryptographic Parameters', parameters),
      attribute('Activation Date', 1000n),
    ]),
  })
  return UniqueIdentifier
}

test('a key that another one wraps leaves only where the rights permit the other one too', async () => {
  const [key, group] = [await session.key('1.4'), 'wrapping']
  const kek = await wrappingKey(0x10, { BlockCipherMode: 'NISTKeyWrap' })
  const joined = { UniqueIdentifier: kek, NewAttribute: { Attribute: [], ObjectGroup: [group] } }
  await session.ask('2.1', 'AddAttribute', joined)
  const request = {
    UniqueIdentifier: key,
    KeyWrappingSpecification: {
      WrappingMethod: 'Encrypt',
      EncryptionKeyInformation: { UniqueIdentifier: kek },
      AttributeName: [],
      EncodingOption: 'NoEncoding',
    },
  } as const
  const asked = batch({ operation: 'Get', request }, { operation: 'Export', request })
  const both: OperationName[] = ['Get', 'Export']
  const refused = ['NotAuthorised', 'NotAuthorised']
  const done = ['Success', 'Success']
  assert.deepEqual(await outcomes(asked, await delegated(right(both, [key]))), refused)
  const another = right(['Encrypt'], [kek])
  assert.deepEqual(await outcomes(asked, await delegated(right(both, [key]), another)), refused)
  assert.deepEqual(await outcomes(asked, await delegated(right(both, [key, kek]))), done)
  assert.deepEqual(await outcomes(asked, await delegated(right(both))), done)
  const byGroup = (name: string) => ({
    Operations: { Operation: both },
    ObjectGroups: { ObjectGroup: [name] },
  })
  assert.deepEqual(await outcomes(asked, await delegated(right(both, [key]), byGroup(group))), done)
  assert.deepEqual(await outcomes(asked, await delegated(right(both, [key]), byGroup('none'))), refused)
})

async function authority() {
  const mask = attribute('Cryptographic Usage Mask', 0x1000)
  const half = { Name: [], Attribute: [mask] }
  const made = await session.ask('1.4', 'CreateKeyPair', {
    CommonTemplateAttribute: {
      Name: [],
      Attribute: [attribute('Cryptographic Algorithm', 'ECDSA'), attribute('Cryptographic Length', 256)],
    },
    PrivateKeyTemplateAttribute: half,
    PublicKeyTemplateAttribute: half,
  })
  const { PrivateKeyUniqueIdentifier: privateKey, PublicKeyUniqueIdentifier: publicKey } = made
  await session.ask('1.4', 'Activate', { UniqueIdentifier: privateKey })
  const name = attribute('Name', { NameValue: `CA ${publicKey}`, NameType: 'UninterpretedTextString' })
  const asked = { UniqueIdentifier: publicKey, ...template([name]) }
  const { UniqueIdentifier: certificate } = await session.ask('1.4', 'Certify', asked)
  return { certificate, privateKey, publicKey }
}

const issuedBy = (LinkedObjectIdentifier: string) => ({
  Attribute: [],
  Link: [{ LinkType: 'CertificateLink', LinkedObjectIdentifier } as const],
})

test('a CA issues a certificate only where the rights permit its certificate and its key', async () => {
  const [ca, { publicKey }] = [await authority(), await authority()]
  const name = { NameValue: 'leaf', NameType: 'UninterpretedTextString' } as const
  const asked = batch({
    operation: 'Certify',
    request: { UniqueIdentifier: publicKey, Attributes: { ...issuedBy(ca.certificate), Name: [name] } },
  })
  for (const objects of [[publicKey], [publicKey, ca.certificate]])
    assert.deepEqual(await outcomes(asked, await delegated(right(['Certify'], objects))), ['NotAuthorised'])
  const objects = [publicKey, ca.certificate, ca.privateKey]
  assert.deepEqual(await outcomes(asked, await delegated(right(['Certify'], objects))), ['Success'])
})

test('a certificate that is renewed leaves a public key alone that the rights do not permit', async () => {
  const [ca, { publicKey }] = [await authority(), await authority()]
  const name = { NameValue: 'renewed', NameType: 'UninterpretedTextString' } as const
  const Attributes = { ...issuedBy(ca.certificate), Name: [name] }
  const { UniqueIdentifier } = await session.ask('2.1', 'Certify', {
    UniqueIdentifier: publicKey,
    Attributes,
  })
  const asked = batch({ operation: 'ReCertify', request: { UniqueIdentifier } })
  const objects = [UniqueIdentifier, ca.certificate, ca.privateKey]
  const changed = async () => {
    const request = { UniqueIdentifier: publicKey, AttributeReference: [] }
    return (await session.ask('2.1', 'GetAttributes', request)).Attributes?.Link
  }
  const before = await changed()
  assert.deepEqual(await outcomes(asked, await delegated(right(['ReCertify'], objects))), ['NotAuthorised'])
  assert.deepEqual(await changed(), before)
  const all = [...objects, publicKey]
  assert.deepEqual(await outcomes(asked, await delegated(right(['ReCertify'], all))), ['Success'])
})

test('a request that makes something of its own is not about the ID Placeholder', async () => {
  const [key, ca] = [await session.key('1.4'), await authority()]
  const { request } = await makeRequest({ commonName: 'host' })
  const certify = {
    CertificateRequestType: 'PEM',
    CertificateRequestValue: Buffer.from(request),
    Attributes: issuedBy(ca.certificate),
  } as const
  const split = {
    ObjectType: 'SplitKey',
    SplitKeyParts: 3,
    SplitKeyThreshold: 2,
    SplitKeyMethod: 'PolynomialSharingGF28',
    Attributes: { Attribute: [], CryptographicAlgorithm: 'AES', CryptographicLength: 256 },
  } as const
  const asked = batch(
    { operation: 'Export', request: { UniqueIdentifier: key } },
    { operation: 'Certify', request: certify },
    { operation: 'CreateSplitKey', request: split },
  )
  const operations: OperationName[] = ['Export', 'Certify', 'CreateSplitKey']
  const issuer = [ca.certificate, ca.privateKey]
  assert.deepEqual(await outcomes(asked, await delegated(right(operations, [key, ...issuer]))), [
    'Success',
    'NotAuthorised',
    'NotAuthorised',
  ])
  const apart = [right(['Export'], [key]), right(['Certify', 'CreateSplitKey'])]
  assert.deepEqual(await outcomes(asked, await delegated(...apart)), ['Success', 'Success', 'Success'])
})

const get = (UniqueIdentifier: string) => ({ operation: 'Get', request: { UniqueIdentifier } }) as const

test('what was refused counts for no right with Usage Limits, and what was undone neither', async () => {
  const key = await session.key('1.4')
  const header = await delegated(right(['Get', 'Poll', 'Process'], undefined, 1n))
  const value = { AsynchronousCorrelationValue: Buffer.alloc(16) }
  const refused = batch(
    get('none'),
    { operation: 'Poll', request: value },
    { operation: 'Process', request: value },
  )
  assert.ok(!(await outcomes(refused, header)).includes('UsageLimitExceeded'))
  const undone = { ...header, batchErrorContinuationOption: 'Undo' } as const
  const together = await session.send('2.1', batch(get(key), get('none')), undone)
  assert.deepEqual(
    together.map(({ status }) => status),
    ['OperationUndone', 'OperationFailed'],
  )
  assert.deepEqual(await outcomes(batch(get(key), get(key)), header), ['Success', 'UsageLimitExceeded'])
})

test('a ticket with Usage Limits counts an item for each object that it is done for', async () => {
  const group = { ObjectGroup: ['repeated'] }
  for (let made = 0; made < 3; made++) {
    const UniqueIdentifier = await session.key('1.4')
    await session.ask('2.1', 'AddAttribute', {
      UniqueIdentifier,
      NewAttribute: { Attribute: [], ...group },
    })
  }
  const each = { type: 'Enumeration', value: enums.UniqueIdentifier.Locate.code } as const
  const items = batch(
    { operation: 'Locate', request: { Attributes: { Attribute: [], ...group } } },
    { operation: 'Get', request: { UniqueIdentifier: each } },
  ).map(({ operation, request }, index) => ({
    operation,
    payload: encodeRequestPayload(operation, request as never, '2.1'),
    uniqueBatchItemId: Buffer.of(index),
  }))
  const told = async (UsageLimitsTotal: bigint, option: 'Continue' | 'Undo') => {
    const UsageLimits = { UsageLimitsTotal, UsageLimitsUnit: 'Object' } as const
    const { Ticket } = await session.ask('2.1', 'Login', { UsageLimits })
    const credentials: WireCredential[] = [{ CredentialType: 'Ticket', CredentialValue: { Ticket } }]
    const request = { version: '2.1', items, credentials, batchErrorContinuationOption: option } as const
    const response = decodeResponse(await session.exchange(encodeRequest(request)))
    return response.items.map(({ status, reason }) => reason ?? status)
  }
  const [undone, done, refused] = ['OperationUndone', 'Success', 'UsageLimitExceeded']
  for (const option of ['Continue', 'Undo'] as const)
    assert.deepEqual(await told(4n, option), [done, done, done, done])
  assert.deepEqual(await told(3n, 'Continue'), [done, done, done, refused])
  assert.deepEqual(await told(3n, 'Undo'), [undone, undone, undone, refused])
})

test('work that runs again, since another request changed its object, is counted once', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const tickets = new Tickets(core.clock)
  const limited = tickets.issue('owner', { Rights: { Right: [right(['Activate'], [id], 1n)] } })
  const rights = tickets.use('owner', limited, 1)
  let attempts = 0
  const activate = async (transaction: KeyTransaction) => {
    await transaction.requirePermission('Activate', 'key.activate', id, rights)
    await transaction.activate(id)
    attempts += 1
    if (attempts === 1) await perform((other) => other.archive(id).then(() => other.recover(id)))
  }
  await perform(activate)
  assert.equal(attempts, 2)
  await assert.rejects(perform(activate), faults('UsageLimitExceeded'))
})
