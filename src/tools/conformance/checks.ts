// The checks themselves: what the specification says of each operation, asked of a server. Each makes its own objects. Reasons
// that a table of the specification leaves open are all right.

import { randomUUID } from 'node:crypto'
import type { EnumName } from '../../wire/kmip/enums.ts'
import type { OperationCheck } from './check.ts'
import { cryptographicChecks } from './cryptographic-checks.ts'
import { Differs, require, type CheckSession } from './check-session.ts'

const noSuchObject = ['ItemNotFound', 'ObjectNotFound']
const wrongState = ['PermissionDenied', 'WrongKeyLifecycleState', 'IllegalOperation', 'ObjectDestroyed']
const readOnly = ['PermissionDenied', 'AttributeReadOnly', 'ReadOnlyAttribute']
const revoke = (code: EnumName<'RevocationReasonCode'>) => ({
  RevocationReason: { RevocationReasonCode: code },
})
const bytes = Buffer.from('00112233445566778899aabbccddeeff', 'hex')

function same(one: unknown, other: unknown, what: string): void {
  const equal =
    one instanceof Uint8Array && other instanceof Uint8Array
      ? Buffer.compare(one, other) === 0
      : one === other
  require(equal, what)
}

async function material(session: CheckSession, UniqueIdentifier: string): Promise<unknown> {
  const answer = await session.ask('Get', { UniqueIdentifier })
  const block = answer.SymmetricKey?.KeyBlock ?? answer.SecretData?.KeyBlock
  const value = block?.KeyValue
  return value && 'KeyMaterial' in value ? value.KeyMaterial : answer.OpaqueObject?.OpaqueDataValue
}

async function destroyed(session: CheckSession, UniqueIdentifier: string): Promise<void> {
  await session.refused('Get', { UniqueIdentifier }, [...noSuchObject, 'ObjectDestroyed'])
}

// prettier-ignore
const own: readonly OperationCheck[] = [
  { operation: 'DiscoverVersions', what: 'names the versions that the client offers and the server has', since: '1.1', async run(session) {
    const [major = 0, minor = 0] = session.version.split('.').map(Number)
    const mine = { ProtocolVersionMajor: major, ProtocolVersionMinor: minor }
    const { ProtocolVersion } = await session.ask('DiscoverVersions', { ProtocolVersion: [mine, { ProtocolVersionMajor: 99, ProtocolVersionMinor: 0 }] })
    require(ProtocolVersion.length === 1 && ProtocolVersion[0]?.ProtocolVersionMinor === minor, 'it does not answer with this version alone')
  } },
  { operation: 'Query', what: 'names its operations and object types', since: '1.0', async run(session) {
    const { Operation, ObjectType } = await session.ask('Query', { QueryFunction: ['QueryOperations', 'QueryObjects'] })
    require(Operation.length > 0 && ObjectType.length > 0, 'it names none')
  } },
  { operation: 'Create', what: 'makes a key with these attributes, Pre-Active, and with a Digest and dates', since: '1.0', async run(session) {
    const id = await session.key({ Name: session.name() })
    const shown = await session.attributes(id, 'State', 'CryptographicAlgorithm', 'CryptographicLength', 'CryptographicUsageMask', 'Name', 'InitialDate', 'LastChangeDate', 'Digest')
    require(shown['State'] === 'PreActive', `the State is ${String(shown['State'])}`)
    require(shown['CryptographicAlgorithm'] === 'AES' && shown['CryptographicLength'] === 256 && shown['CryptographicUsageMask'] === 12, 'algorithm, length or mask are not those of the request')
    for (const key of ['Name', 'InitialDate', 'LastChangeDate', 'Digest']) require(shown[key] !== undefined, `the key has no ${key}`)
  } },
  { operation: 'Create', what: 'makes a key Active whose Activation Date is over', since: '1.0', async run(session) {
    const state = await session.state(await session.key({ ActivationDate: 1_000_000_000n }))
    require(state === 'Active', `the State is ${String(state)}`)
  } },
  { operation: 'Create', what: 'refuses an algorithm without such a length', since: '1.0', async run(session) {
    const { status } = await session.outcome('Create', { ObjectType: 'SymmetricKey', ...session.template({ CryptographicAlgorithm: 'AES', CryptographicLength: 77, CryptographicUsageMask: 12 }) })
    require(status === 'OperationFailed', 'AES with 77 bits is made')
  } },
  { operation: 'Create', what: 'refuses a Name that another object has', since: '1.0', async run(session) {
    await session.key({ Name: session.name() })
    const again = { ObjectType: 'SymmetricKey', ...session.template({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, CryptographicUsageMask: 12, Name: session.name() }) }
    const { status, reason } = await session.outcome('Create', again)
    require(status === 'OperationFailed', 'a second key gets the Name, which is unique by KMIP 1.4 §3.2. Some servers are set so for clients that name all keys alike: in Mortise, mortise instance set NAME --names unique ends that')
    require(['InvalidField', 'NonUniqueNameAttribute', 'IllegalOperation'].includes(reason ?? ''), `the second one is refused with ${String(reason)}`)
  } },
  { operation: 'Get', what: 'gives the key, the same each time', since: '1.0', async run(session) {
    const id = await session.key()
    const key = await material(session, id)
    require(key instanceof Uint8Array && key.length === 32, 'it gives no 32 bytes')
    same(key, await material(session, id), 'the second Get gives other bytes')
  } },
  { operation: 'Get', what: 'does not find what does not exist', since: '1.0', run: (session) => session.refused('Get', { UniqueIdentifier: randomUUID() }, noSuchObject) },
  { operation: 'Get', what: 'does not give a key that is not Extractable', since: '1.4', async run(session) {
    await session.refused('Get', { UniqueIdentifier: await session.key({ Extractable: false }) }, ['NotExtractable'])
  } },
  { operation: 'Get', what: 'does not give a key that is Sensitive', since: '1.4', async run(session) {
    await session.refused('Get', { UniqueIdentifier: await session.key({ Sensitive: true }) }, ['Sensitive'])
  } },
  { operation: 'Register', what: 'keeps a symmetric key as it is', since: '1.0', async run(session) {
    const { UniqueIdentifier } = await session.ask('Register', { ObjectType: 'SymmetricKey', ...session.template({ CryptographicUsageMask: 12 }), SymmetricKey: { KeyBlock: { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: bytes }, CryptographicAlgorithm: 'AES', CryptographicLength: 128 } } })
    same(await material(session, UniqueIdentifier), bytes, 'Get gives other bytes')
  } },
  { operation: 'Register', what: 'keeps secret data as it is', since: '1.0', async run(session) {
    const { UniqueIdentifier } = await session.ask('Register', { ObjectType: 'SecretData', ...session.template({ CryptographicUsageMask: 0 }), SecretData: { SecretDataType: 'Password', KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: bytes } } } })
    same(await material(session, UniqueIdentifier), bytes, 'Get gives other bytes')
  } },
  { operation: 'Register', what: 'keeps an opaque object as it is', since: '1.0', async run(session) {
    const { UniqueIdentifier } = await session.ask('Register', { ObjectType: 'OpaqueObject', ...session.template({}), OpaqueObject: { OpaqueDataType: 0x80000001, OpaqueDataValue: bytes } })
    same(await material(session, UniqueIdentifier), bytes, 'Get gives other bytes')
  } },
  { operation: 'GetAttributeList', what: 'names what Get Attributes gives', since: '1.0', async run(session) {
    const answer = await session.ask('GetAttributeList', { UniqueIdentifier: await session.key() })
    const names = session.is2x ? (answer.AttributeReference ?? []) : (answer.AttributeName ?? [])
    for (const name of ['State', session.is2x ? 'UniqueIdentifier' : 'Unique Identifier']) require(names.includes(name as never), `it does not name ${name}`)
  } },
  { operation: 'Locate', what: 'finds an object by its Name alone, and not once it is destroyed', since: '1.0', async run(session) {
    const id = await session.key({ Name: session.name() })
    await session.key({ Name: session.name('other') })
    const find = async () => (await session.ask('Locate', session.described({ Name: session.name() }))).UniqueIdentifier
    require((await find()).join() === id, 'it does not find it, or others too')
    await session.ask('Destroy', { UniqueIdentifier: id })
    require((await find()).length === 0, 'it finds it after it was destroyed')
  } },
  { operation: 'Locate', what: 'returns as many as Maximum Items says, the newest first', since: '1.0', async run(session) {
    const group = session.name('group').NameValue
    const ids: string[] = []
    for (let count = 0; count < 3; count++) ids.push(await session.key({ ObjectGroup: group }))
    const { UniqueIdentifier } = await session.ask('Locate', { ...session.described({ ObjectGroup: group }), MaximumItems: 2 })
    require(UniqueIdentifier.length === 2, `it returns ${UniqueIdentifier.length} of 3, and 2 were wanted`)
    // Only 2.1 §6.1.28 has the order.
    require(session.version !== '2.1' || UniqueIdentifier.join() === ids.toReversed().slice(0, 2).join(), 'the newest do not come first')
  } },
  { operation: 'Activate', what: 'makes a key Active, once', since: '1.0', async run(session) {
    const about = { UniqueIdentifier: await session.key() }
    await session.ask('Activate', about)
    const shown = await session.attributes(about.UniqueIdentifier, 'State', 'ActivationDate')
    require(shown['State'] === 'Active' && shown['ActivationDate'] !== undefined, 'the key is not Active, or has no Activation Date')
    await session.refused('Activate', about, wrongState)
  } },
  { operation: 'Revoke', what: 'deactivates an Active key', since: '1.0', async run(session) {
    const about = { UniqueIdentifier: await session.key() }
    await session.ask('Activate', about)
    await session.ask('Revoke', { ...about, ...revoke('CessationOfOperation') })
    const shown = await session.attributes(about.UniqueIdentifier, 'State', 'DeactivationDate', 'RevocationReason')
    require(shown['State'] === 'Deactivated', `the State is ${String(shown['State'])}`)
    require(shown['DeactivationDate'] !== undefined && shown['RevocationReason'] !== undefined, 'it has no Deactivation Date or Revocation Reason')
  } },
  { operation: 'Revoke', what: 'makes a compromised key Compromised, whatever its state', since: '1.0', async run(session) {
    const UniqueIdentifier = await session.key()
    await session.ask('Revoke', { UniqueIdentifier, ...revoke('KeyCompromise'), CompromiseOccurrenceDate: 1_000_000_000n })
    const shown = await session.attributes(UniqueIdentifier, 'State', 'CompromiseDate', 'CompromiseOccurrenceDate')
    require(shown['State'] === 'Compromised', `the State is ${String(shown['State'])}`)
    require(shown['CompromiseDate'] !== undefined && shown['CompromiseOccurrenceDate'] === 1_000_000_000n, 'its dates of the compromise are missing or wrong')
  } },
  { operation: 'Destroy', what: 'is refused while a key is Active, and removes the key otherwise', since: '1.0', async run(session) {
    const about = { UniqueIdentifier: await session.key() }
    await session.ask('Activate', about)
    await session.refused('Destroy', about, wrongState)
    await session.ask('Revoke', { ...about, ...revoke('CessationOfOperation') })
    await session.ask('Destroy', about)
    await destroyed(session, about.UniqueIdentifier)
  } },
  { operation: 'AddAttribute', what: 'adds an attribute, and no second of one that exists once', since: '1.0', async run(session) {
    const UniqueIdentifier = await session.key()
    await session.ask('AddAttribute', { UniqueIdentifier, ...session.one({ ContactInformation: 'somebody' }) })
    same((await session.attributes(UniqueIdentifier, 'ContactInformation'))['ContactInformation'], 'somebody', 'the attribute is not there')
    await session.refused('AddAttribute', { UniqueIdentifier, ...session.one({ ContactInformation: 'other' }) }, ['IllegalOperation', 'AttributeSingleValued'])
  } },
  { operation: 'ModifyAttribute', what: 'changes an attribute, and none that only the server sets', since: '1.0', async run(session) {
    const UniqueIdentifier = await session.key({ ContactInformation: 'somebody' })
    await session.ask('ModifyAttribute', { UniqueIdentifier, ...session.one({ ContactInformation: 'other' }) })
    same((await session.attributes(UniqueIdentifier, 'ContactInformation'))['ContactInformation'], 'other', 'the attribute did not change')
    await session.refused('ModifyAttribute', { UniqueIdentifier, ...session.one({ CryptographicLength: 128 }) }, readOnly)
  } },
  { operation: 'DeleteAttribute', what: 'removes an attribute, and none that an object must have', since: '1.0', async run(session) {
    const UniqueIdentifier = await session.key({ ContactInformation: 'somebody' })
    const requestOf = (name: string, key: string) => ({ UniqueIdentifier, ...(session.is2x ? { AttributeReference: key } : { AttributeName: name }) })
    await session.ask('DeleteAttribute', requestOf('Contact Information', 'ContactInformation'))
    same((await session.attributes(UniqueIdentifier, 'ContactInformation'))['ContactInformation'], undefined, 'the attribute is still there')
    await session.refused('DeleteAttribute', requestOf('Cryptographic Algorithm', 'CryptographicAlgorithm'), readOnly)
  } },
  { operation: 'SetAttribute', what: 'adds an attribute or changes it', since: '2.0', async run(session) {
    const UniqueIdentifier = await session.key()
    for (const Description of ['one', 'other']) {
      await session.ask('SetAttribute', { UniqueIdentifier, NewAttribute: session.tagged({ Description }) })
      same((await session.attributes(UniqueIdentifier, 'Description'))['Description'], Description, 'the attribute is another')
    }
  } },
  { operation: 'AdjustAttribute', what: 'counts an interval up', since: '2.0', async run(session) {
    const UniqueIdentifier = await session.key({ ProtectionPeriod: 60 })
    await session.ask('AdjustAttribute', { UniqueIdentifier, AttributeReference: 'ProtectionPeriod', AdjustmentType: 'Increment', AdjustmentValue: { type: 'Interval', value: 5 } })
    same((await session.attributes(UniqueIdentifier, 'ProtectionPeriod'))['ProtectionPeriod'], 65, 'it is not 65 afterwards')
  } },
  { operation: 'ReKey', what: 'makes another key that takes over the Name, and links the two', since: '1.0', async run(session) {
    const old = await session.key({ Name: session.name() })
    const { UniqueIdentifier: id } = await session.ask('ReKey', { UniqueIdentifier: old })
    require(id !== old, 'the new key has the identifier of the old one')
    require(Buffer.compare((await material(session, id)) as Buffer, (await material(session, old)) as Buffer) !== 0, 'the new key has the bytes of the old one')
    const [mine, theirs] = [await session.attributes(id, 'Name', 'Link'), await session.attributes(old, 'Name', 'Link')]
    require(mine['Name'] !== undefined && theirs['Name'] === undefined, 'the Name did not move')
    require((mine['Link'] as { readonly LinkedObjectIdentifier?: string } | undefined)?.LinkedObjectIdentifier === old, 'the new key is not linked to the old one')
  } },
  { operation: 'Check', what: 'allows the uses of the mask, and no others', since: '1.0', async run(session) {
    const UniqueIdentifier = await session.key()
    same((await session.ask('Check', { UniqueIdentifier, CryptographicUsageMask: 4 })).UniqueIdentifier, UniqueIdentifier, 'Encrypt is not allowed')
    const answer = await session.outcome('Check', { UniqueIdentifier, CryptographicUsageMask: 1 })
    const { CryptographicUsageMask: mask } = (answer.payload ?? {}) as { readonly CryptographicUsageMask?: number }
    require(answer.status === 'OperationFailed' || mask !== undefined, 'Sign is allowed')
  } },
  { operation: 'ObtainLease', what: 'states a lease and the Last Change Date', since: '1.0', async run(session) {
    const { LeaseTime, LastChangeDate } = await session.ask('ObtainLease', { UniqueIdentifier: await session.key() })
    require(LeaseTime >= 0 && LastChangeDate > 0n, 'one of them is missing')
  } },
  { operation: 'GetUsageAllocation', what: 'counts Usage Limits down, and not below zero', since: '1.0', async run(session) {
    const about = { UniqueIdentifier: await session.key({ UsageLimits: { UsageLimitsTotal: 10n, UsageLimitsUnit: 'Object' } }) }
    await session.ask('Activate', about)
    await session.ask('GetUsageAllocation', { ...about, UsageLimitsCount: 7n })
    const { UsageLimits } = await session.attributes(about.UniqueIdentifier, 'UsageLimits')
    same((UsageLimits as { readonly UsageLimitsCount?: bigint } | undefined)?.UsageLimitsCount, 3n, 'the count is not 3 afterwards')
    await session.refused('GetUsageAllocation', { ...about, UsageLimitsCount: 7n }, ['PermissionDenied', 'UsageLimitExceeded'])
  } },
  { operation: 'Archive', what: 'keeps an object from being used', since: '1.0', async run(session) {
    const about = { UniqueIdentifier: await session.key() }
    await session.ask('Archive', about)
    await session.refused('Get', about, ['ObjectArchived'])
  } },
  { operation: 'Recover', what: 'brings an archived object back', since: '1.0', async run(session) {
    const about = { UniqueIdentifier: await session.key() }
    await session.ask('Archive', about)
    await session.ask('Recover', about)
    await session.ask('Get', about)
  } },
  { operation: 'Create', what: 'makes a key that a later item of the batch takes by the ID Placeholder', since: '1.0', async run(session) {
    const values = session.template({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, CryptographicUsageMask: 12 })
    const [made, got] = await session.batch([['Create', { ObjectType: 'SymmetricKey', ...values }], ['Get', {}]])
    require(made?.status === 'Success', `Create is ${made?.reason ?? 'missing'}`)
    require(got?.status === 'Success', `Get is ${got?.reason ?? 'missing'}`)
  } },
  { operation: 'Destroy', what: 'is undone where a later item of a batch with Undo fails', since: '1.0', async run(session) {
    const UniqueIdentifier = await session.key()
    const answers = await session.batch([['Destroy', { UniqueIdentifier }], ['Get', { UniqueIdentifier: randomUUID() }]], 'Undo')
    if (answers.every(({ status, reason }) => status === 'OperationFailed' && reason !== 'ItemNotFound' && reason !== 'ObjectNotFound')) throw new Differs('the server does no batches with Undo')
    await session.ask('Get', { UniqueIdentifier })
  } },
  { operation: 'Export', what: 'gives the key with its attributes', since: '1.4', async run(session) {
    const { SymmetricKey } = await session.ask('Export', { UniqueIdentifier: await session.key() })
    require(SymmetricKey !== undefined, 'it gives no key')
  } },
  { operation: 'Import', what: 'keeps an object under the identifier that the client names, once', since: '1.4', async run(session) {
    const request = { UniqueIdentifier: randomUUID(), ObjectType: 'SymmetricKey', ReplaceExisting: false, ...(session.is2x ? { Attributes: session.tagged({ CryptographicUsageMask: 12 }) } : { Attribute: [{ AttributeName: 'Cryptographic Usage Mask', AttributeValue: 12 }] }), SymmetricKey: { KeyBlock: { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: bytes }, CryptographicAlgorithm: 'AES', CryptographicLength: 128 } } }
    await session.ask('Import', request)
    same(await material(session, request.UniqueIdentifier), bytes, 'Get gives other bytes')
    await session.refused('Import', request, ['ObjectAlreadyExists', 'IllegalOperation'])
  } },
  { operation: 'Ping', what: 'answers', since: '2.1', run: async (session) => void (await session.ask('Ping', {})) },
  { operation: 'Log', what: 'takes a message', since: '2.0', run: async (session) => void (await session.ask('Log', { LogMessage: 'mortise conformance' })) },
]

export const checks: readonly OperationCheck[] = [...own, ...cryptographicChecks]
