// One valid request of each operation that the server handles. Tests that must try every operation (isolation, noise)
// take them from here, so a new operation is tried everywhere once it has its line, and its place in operationsInOrder if it changes
// the State of its object or takes it away.

import {
  findKey,
  fromWire1,
  type AttributeInstance,
  type WireAttribute,
} from '../../../src/wire/kmip/attributes.ts'
import { referenceOf, toWire2 } from '../../../src/wire/kmip/attributes2.ts'
import { enums } from '../../../src/wire/kmip/enums.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { atLeast, type Version } from '../../../src/wire/kmip/version.ts'
import { handledOperations, type HandledOperation } from '../../../src/core/operations/handlers.ts'
import { aes, attribute, attributesOf, locate, nameAttribute, text } from './kmip-session.ts'

/** `UniqueIdentifier`: of the object that it concerns. `word`: stands in every name and value that it sets. */
export interface SampleAbout {
  readonly UniqueIdentifier: string
  readonly word: string
}

/** The version of an operation's sample: 1.4, or the first one that has the operation. */
export function sampleVersion(operation: HandledOperation): Version {
  const { since } = enums.Operation[operation]
  return atLeast('1.4', since) ? '1.4' : since
}

const last: readonly HandledOperation[] = [
  'AddAttribute',
  'ModifyAttribute',
  'DeleteAttribute',
  'Activate',
  'GetUsageAllocation',
  'Archive',
  'Recover',
  'Decrypt',
  'DeriveKey',
  'Encrypt',
  'MAC',
  'MACVerify',
  'Revoke',
  'Destroy',
]

/** An order in which the samples succeed on one object: those that change its State, or that take it away, come last. */
export const operationsInOrder: readonly HandledOperation[] = [
  ...handledOperations.filter((operation) => !last.includes(operation)),
  ...last,
]

/** The sample as 2.x has it: attributes by tag instead of by name. */
export function newerSample(
  operation: HandledOperation,
  about: SampleAbout,
  version: Version = '2.1',
): object {
  const type = operation === 'Import' && { ObjectType: 'SymmetricKey' }
  return newerRequest(operation, { ...type, ...sampleRequests[operation](about) }, version)
}

/** A request of 1.x as 2.x has it. */
export function newerRequest(operation: HandledOperation, request: object, version: Version): object {
  const sample = request as Readonly<Record<string, unknown>>
  return Object.fromEntries(
    Object.entries(sample).map(([field, value]): [string, unknown] => {
      if (field.endsWith('TemplateAttribute')) {
        const { Attribute } = value as NonNullable<Request<'Create'>['TemplateAttribute']>
        return [
          field === 'TemplateAttribute' ? 'Attributes' : field.replace('TemplateAttribute', 'Attributes'),
          asTags(Attribute, version),
        ]
      }
      if (field === 'Attribute')
        return operation === 'Locate' || operation === 'Import'
          ? ['Attributes', asTags(value as readonly WireAttribute[], version)]
          : ['NewAttribute', asTags([value as WireAttribute], version)]
      if (field === 'AttributeName') {
        const references = [value].flat().map((name) => referenceIn(version, findKey(String(name)) ?? ''))
        return ['AttributeReference', Array.isArray(value) ? references : references[0]]
      }
      return [field, value]
    }),
  )
}

function referenceIn(version: Version, key: string) {
  // What is an Object Group before is a link in 3.0.
  return referenceOf(atLeast(version, '3.0') && key === 'ObjectGroup' ? 'GroupLink' : key)
}

function asTags(attributes: readonly WireAttribute[], version: Version): object {
  const set = new Map<string, AttributeInstance[]>()
  for (const wire of attributes) {
    const { key, value } = fromWire1(wire, '1.4')
    set.set(key, [...(set.get(key) ?? []), { index: 0, value }])
  }
  return toWire2(set, version)
}

export const sampleRequests: { readonly [N in HandledOperation]: (about: SampleAbout) => Request<N> } = {
  Activate: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  AddAttribute: ({ UniqueIdentifier, word }) => ({
    UniqueIdentifier,
    Attribute: attribute('Object Group', word),
  }),
  AdjustAttribute: ({ UniqueIdentifier }) => ({
    UniqueIdentifier,
    AttributeReference: 'ProtectionPeriod',
    AdjustmentType: 'Increment',
    AdjustmentValue: { type: 'Interval', value: 60 },
  }),
  Archive: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  Cancel: () => ({ AsynchronousCorrelationValue: Buffer.alloc(16) }),
  Certify: ({ UniqueIdentifier, word }) => ({
    UniqueIdentifier,
    TemplateAttribute: {
      Name: [],
      Attribute: [nameAttribute(`${word}-certificate`), attribute('Cryptographic Usage Mask', 0x1000)],
    },
  }),
  Check: ({ UniqueIdentifier }) => ({ UniqueIdentifier, CryptographicUsageMask: 4 }),
  Create: ({ word }) => aes([nameAttribute(`${word}-name`), text('x-Sample', word)]),
  CreateCredential: ({ word }) => ({
    CredentialType: 'Password',
    Attributes: { Name: [`${word} password`], Attribute: [] },
    PasswordCredential: { Password: 'open' },
  }),
  CreateGroup: ({ word }) => ({ Attributes: { Name: [`${word} group`], Attribute: [] } }),
  CreateUser: ({ word }) => ({ Attributes: { Name: [`${word} user`], Attribute: [] } }),
  CreateKeyPair: ({ word }) => ({
    CommonTemplateAttribute: {
      Name: [],
      Attribute: [attribute('Cryptographic Algorithm', 'ECDSA'), attribute('Cryptographic Length', 256)],
    },
    PrivateKeyTemplateAttribute: { Name: [], Attribute: [nameAttribute(`${word}-private`)] },
    PublicKeyTemplateAttribute: { Name: [], Attribute: [nameAttribute(`${word}-public`)] },
  }),
  CreateSplitKey: ({ UniqueIdentifier, word }) => ({
    ObjectType: 'SplitKey',
    UniqueIdentifier,
    SplitKeyParts: 2,
    SplitKeyThreshold: 2,
    SplitKeyMethod: 'XOR',
    TemplateAttribute: { Name: [], Attribute: [text('x-Sample', word)] },
  }),
  Deactivate: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  Decapsulate: ({ UniqueIdentifier }) => ({ UniqueIdentifier, Data: Buffer.alloc(65, 4) }),
  Decrypt: ({ UniqueIdentifier }) => ({
    UniqueIdentifier,
    CryptographicParameters: { BlockCipherMode: 'ECB' },
    Data: Buffer.alloc(16),
  }),
  DelegatedLogin: ({ UniqueIdentifier }) => ({
    RequestCount: 1,
    Rights: {
      Right: [{ Operations: { Operation: ['Get'] }, Objects: { UniqueIdentifier: [UniqueIdentifier] } }],
    },
  }),
  DeleteAttribute: ({ UniqueIdentifier }) => ({
    UniqueIdentifier,
    AttributeName: 'Object Group',
    AttributeIndex: 0,
  }),
  DeriveKey: ({ UniqueIdentifier }) => ({
    ObjectType: 'SecretData',
    UniqueIdentifier: [UniqueIdentifier],
    DerivationMethod: 'HASH',
    DerivationParameters: { CryptographicParameters: { HashingAlgorithm: 'SHA_256' } },
    TemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Length', 128)] },
  }),
  Destroy: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  DiscoverVersions: () => ({ ProtocolVersion: [] }),
  Encapsulate: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  Encrypt: ({ UniqueIdentifier }) => ({
    UniqueIdentifier,
    CryptographicParameters: { BlockCipherMode: 'ECB' },
    Data: Buffer.alloc(16),
  }),
  Export: ({ UniqueIdentifier }) => ({ UniqueIdentifier, KeyFormatType: 'Raw' }),
  Get: ({ UniqueIdentifier }) => ({ UniqueIdentifier, KeyFormatType: 'Raw' }),
  GetAttributeList: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  GetAttributes: ({ UniqueIdentifier }) => attributesOf(UniqueIdentifier, 'State', 'Name'),
  GetConstraints: () => ({}),
  GetUsageAllocation: ({ UniqueIdentifier }) => ({ UniqueIdentifier, UsageLimitsCount: 1n }),
  Hash: ({ word }) => ({ CryptographicParameters: { HashingAlgorithm: 'SHA_256' }, Data: Buffer.from(word) }),
  Import: ({ UniqueIdentifier, word }) => ({
    UniqueIdentifier,
    ReplaceExisting: false,
    Attribute: [attribute('Cryptographic Usage Mask', 12), nameAttribute(`${word}-imported`)],
    SymmetricKey: {
      KeyBlock: {
        KeyFormatType: 'Raw',
        KeyValue: { KeyMaterial: Buffer.alloc(16, 7) },
        CryptographicAlgorithm: 'AES',
        CryptographicLength: 128,
      },
    },
  }),
  Interop: ({ word }) => ({ InteropFunction: 'Begin', InteropIdentifier: word }),
  JoinSplitKey: ({ UniqueIdentifier, word }) => ({
    ObjectType: 'SymmetricKey',
    UniqueIdentifier: [UniqueIdentifier],
    TemplateAttribute: { Name: [], Attribute: [text('x-Sample', word)] },
  }),
  Locate: ({ word }) => locate([nameAttribute(`${word}-name`)], { MaximumItems: 10 }),
  Log: ({ word }) => ({ LogMessage: word }),
  Login: () => ({ RequestCount: 1, LeaseTime: 60 }),
  Logout: () => ({ Ticket: { TicketType: 'Login', TicketValue: Buffer.alloc(32) } }),
  MAC: ({ UniqueIdentifier, word }) => ({
    UniqueIdentifier,
    CryptographicParameters: { CryptographicAlgorithm: 'HMAC_SHA256' },
    Data: Buffer.from(word),
  }),
  MACVerify: ({ UniqueIdentifier, word }) => ({
    UniqueIdentifier,
    CryptographicParameters: { CryptographicAlgorithm: 'HMAC_SHA256' },
    Data: Buffer.from(word),
    MACData: Buffer.alloc(32),
  }),
  ModifyAttribute: ({ UniqueIdentifier, word }) => ({
    UniqueIdentifier,
    Attribute: attribute('Object Group', word, 0),
  }),
  ObtainLease: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  PKCS_11: () => ({ PKCS_11Function: 1 }),
  Ping: () => ({}),
  Poll: () => ({ AsynchronousCorrelationValue: Buffer.alloc(16) }),
  Process: () => ({ AsynchronousCorrelationValue: Buffer.alloc(16) }),
  Query: () => ({ QueryFunction: ['QueryOperations', 'QueryObjects', 'QueryServerInformation'] }),
  ReCertify: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  QueryAsynchronousRequests: () => ({}),
  ReProvision: () => ({}),
  ReKey: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  Recover: ({ UniqueIdentifier }) => ({ UniqueIdentifier }),
  ReKeyKeyPair: ({ UniqueIdentifier }) => ({ PrivateKeyUniqueIdentifier: UniqueIdentifier }),
  Validate: () => ({
    Certificate: [{ CertificateType: 'X_509', CertificateValue: Buffer.of(0) }],
    UniqueIdentifier: [],
  }),
  Register: ({ word }) => ({
    ObjectType: 'SecretData',
    TemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Usage Mask', 0)] },
    SecretData: {
      SecretDataType: 'Password',
      KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.from(word) } },
    },
  }),
  RNGRetrieve: () => ({ DataLength: 16 }),
  RNGSeed: ({ word }) => ({ Data: Buffer.from(word) }),
  Revoke: ({ UniqueIdentifier }) => ({
    UniqueIdentifier,
    RevocationReason: { RevocationReasonCode: 'KeyCompromise' },
  }),
  SetAttribute: ({ UniqueIdentifier, word }) => ({
    UniqueIdentifier,
    NewAttribute: { Attribute: [], ContactInformation: word },
  }),
  SetConstraints: () => ({ Constraints: { Constraint: [] } }),
  SetDefaults: () => ({}),
  SetEndpointRole: () => ({ EndpointRole: 'Server' }),
  Sign: ({ UniqueIdentifier, word }) => ({ UniqueIdentifier, Data: Buffer.from(word) }),
  SignatureVerify: ({ UniqueIdentifier, word }) => ({
    UniqueIdentifier,
    Data: Buffer.from(word),
    SignatureData: Buffer.alloc(64),
  }),
}
