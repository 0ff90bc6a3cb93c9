// Everything that Query claims in a version is done once for real: each operation, each type of object, each capability. Profiles
// are proved by their cases (test/core/operations/profiles.test.ts).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EnumName } from '../../../src/wire/kmip/enums.ts'
import type { KeyBlock } from '../../../src/wire/kmip/objects.ts'
import type { Request, Response } from '../../../src/wire/kmip/operations.ts'
import { atLeast, versions, type Version } from '../../../src/wire/kmip/version.ts'
import { handledOperations, type HandledOperation } from '../../../src/core/operations/handlers.ts'
import { readPaste } from '../../../src/core/pki/paste.ts'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import {
  attribute,
  locate,
  nameAttribute,
  openSession,
  template,
  type Asked,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { newerRequest, sampleRequests } from '../../support/clients/sample-requests.ts'

let server: RunningServer
let session: KmipSession
useServer(
  (started, opened) => {
    server = started
    session = opened
  },
  ['all', 'SetConstraints', 'SetDefaults'],
)

const active = attribute('Activation Date', 1000n)
const everything = attribute('Cryptographic Usage Mask', 0xfffff)
const inGroup = attribute('Object Group', 'claims')
const nothingFound = locate([nameAttribute('nobody')])

/** Asks in one version. Requests are given as 1.x has them. */
class Claims {
  readonly version: Version
  #count = 0

  constructor(version: Version) {
    this.version = version
  }

  form(operation: HandledOperation, request: object): Asked {
    const newer = atLeast(this.version, '2.0') ? newerRequest(operation, request, this.version) : request
    return { operation, request: newer } as unknown as Asked
  }

  /** Must succeed. */
  async ask<N extends HandledOperation>(operation: N, request: object, by = session): Promise<Response<N>> {
    const told = await by.one(this.version, this.form(operation, request))
    assert.equal(
      told.status,
      'Success',
      `${this.version} ${operation}: ${told.reason ?? ''}: ${told.message ?? ''}`,
    )
    return told.payload as Response<N>
  }

  sample<N extends HandledOperation>(operation: N, UniqueIdentifier: string): Promise<Response<N>> {
    this.#count += 1
    const word = `${this.version} ${operation} ${String(this.#count)}`
    const type = operation === 'Import' && { ObjectType: 'SymmetricKey' }
    return this.ask(operation, { ...type, ...sampleRequests[operation]({ UniqueIdentifier, word }) })
  }

  /** An Active key that may do everything. */
  async key(more: readonly WireAttribute[] = [active]): Promise<string> {
    const made = await this.ask('Create', aesOf([everything, inGroup, ...more]))
    return made.UniqueIdentifier
  }

  async pair(): Promise<{ readonly own: string; readonly open: string }> {
    const half = template([everything, active]).TemplateAttribute
    const common = [attribute('Cryptographic Algorithm', 'ECDSA'), attribute('Cryptographic Length', 256)]
    const made = await this.ask('CreateKeyPair', {
      CommonTemplateAttribute: template(common).TemplateAttribute,
      PrivateKeyTemplateAttribute: half,
      PublicKeyTemplateAttribute: half,
    })
    return { own: made.PrivateKeyUniqueIdentifier, open: made.PublicKeyUniqueIdentifier }
  }

  async certificate(): Promise<string> {
    const { open } = await this.pair()
    return (await this.sample('Certify', open)).UniqueIdentifier
  }

  pending(): Promise<Uint8Array> {
    return session.pending(this.version, this.form('Locate', nothingFound))
  }
}

function aesOf(more: readonly WireAttribute[]): Request<'Create'> {
  const [algorithm, length] = [
    attribute('Cryptographic Algorithm', 'AES'),
    attribute('Cryptographic Length', 256),
  ]
  return { ObjectType: 'SymmetricKey', ...template([algorithm, length, ...more]) }
}

/** Operations that need more than an Active key: each does its own once. */
const doings: { readonly [N in HandledOperation]?: (claims: Claims) => Promise<unknown> } = {
  Activate: async (claims) => claims.sample('Activate', await claims.key([])),
  Destroy: async (claims) => claims.sample('Destroy', await claims.key([])),
  async Recover(claims) {
    const key = await claims.key()
    await claims.sample('Archive', key)
    await claims.sample('Recover', key)
    await claims.sample('Get', key)
  },
  async GetUsageAllocation(claims) {
    const limits = attribute('Usage Limits', { UsageLimitsTotal: 9n, UsageLimitsUnit: 'Object' })
    await claims.sample('GetUsageAllocation', await claims.key([active, limits]))
  },
  Import: (claims) => claims.sample('Import', `imported in ${claims.version}`),
  async JoinSplitKey(claims) {
    const parts = await claims.sample('CreateSplitKey', await claims.key())
    await claims.ask('JoinSplitKey', {
      ...sampleRequests.JoinSplitKey({ UniqueIdentifier: '', word: 'joined' }),
      UniqueIdentifier: parts.UniqueIdentifier,
    })
  },
  Certify: (claims) => claims.certificate(),
  ReCertify: async (claims) => claims.sample('ReCertify', await claims.certificate()),
  async Validate(claims) {
    const UniqueIdentifier = [await claims.certificate()]
    const { ValidityIndicator } = await claims.ask('Validate', { Certificate: [], UniqueIdentifier })
    assert.equal(ValidityIndicator, 'Valid')
  },
  ReKeyKeyPair: async (claims) => claims.sample('ReKeyKeyPair', (await claims.pair()).own),
  Sign: async (claims) => claims.ask('Sign', signed((await claims.pair()).own)),
  async SignatureVerify(claims) {
    const { own, open } = await claims.pair()
    const { SignatureData } = await claims.ask('Sign', signed(own))
    const { ValidityIndicator } = await claims.ask('SignatureVerify', { ...signed(open), SignatureData })
    assert.equal(ValidityIndicator, 'Valid')
  },
  async MACVerify(claims) {
    const key = await claims.key()
    const about = sampleRequests.MAC({ UniqueIdentifier: key, word: 'text' })
    const { MACData } = await claims.ask('MAC', about)
    const { ValidityIndicator } = await claims.ask('MACVerify', { ...about, MACData })
    assert.equal(ValidityIndicator, 'Valid')
  },
  async Poll(claims) {
    const AsynchronousCorrelationValue = await claims.pending()
    const found = await session.polled(claims.version, 'Locate', { AsynchronousCorrelationValue })
    assert.deepEqual(found.UniqueIdentifier, [])
  },
  async Cancel(claims) {
    const AsynchronousCorrelationValue = await claims.pending()
    const { CancellationResult } = await claims.ask('Cancel', { AsynchronousCorrelationValue })
    assert.equal(CancellationResult, 'Canceled')
  },
  async Process(claims) {
    await claims.ask('Process', { AsynchronousCorrelationValue: await claims.pending() })
  },
  async Logout(claims) {
    const { Ticket } = await claims.sample('Login', '')
    await claims.ask('Logout', { Ticket })
  },
  Encapsulate: async (claims) => claims.sample('Encapsulate', (await claims.pair()).open),
  async Decapsulate(claims) {
    const { own, open } = await claims.pair()
    const { Data } = await claims.sample('Encapsulate', open)
    await claims.ask('Decapsulate', { UniqueIdentifier: own, Data })
  },
  async ReProvision(claims) {
    const name = `renewed in ${claims.version}`
    const identity = await makeCertificate({ key: 'ec', ownKey: true, commonName: name })
    await server.trust(name, identity)
    const { request } = await makeRequest({ commonName: name, names: [] })
    const [CertificateRequestValue] = readPaste(request, 'certificate request')
    const CertificateRequest = { CertificateRequestType: 'PKCS_10', CertificateRequestValue }
    using own = await openSession(server.port, identity)
    await claims.ask('ReProvision', { CertificateRequest }, own)
  },
}

function signed(UniqueIdentifier: string) {
  return {
    UniqueIdentifier,
    CryptographicParameters: { DigitalSignatureAlgorithm: 'ECDSAWithSHA256' },
    Data: Buffer.from('text'),
  }
}

async function once(claims: Claims, operation: HandledOperation): Promise<void> {
  const doing = doings[operation]
  if (doing) await doing(claims)
  else await claims.sample(operation, await claims.key())
}

type QueryFunction = EnumName<'QueryFunction'>

async function claimed(version: Version, ...QueryFunction: QueryFunction[]): Promise<Response<'Query'>> {
  return session.ask(version, 'Query', { QueryFunction })
}

for (const version of versions) {
  test(`${version}: each operation that Query claims succeeds`, async () => {
    const { Operation } = await claimed(version, 'QueryOperations')
    const claims = new Claims(version)
    const failures: string[] = []
    for (const operation of Operation) {
      const known = handledOperations.find((one) => one === operation)
      assert.ok(known, operation)
      await once(claims, known).catch((error: unknown) => failures.push(`${operation}: ${String(error)}`))
    }
    const remedy =
      'Query claims what does not succeed; what needs more than an Active key has a line in `doings`'
    assert.ok(failures.length === 0, `${remedy}\n${failures.join('\n')}`)
  })
}

/** The objects that the server cannot make by itself, as a client brings them. */
const brought: { readonly [T in EnumName<'ObjectType'>]?: object } = {
  SymmetricKey: { SymmetricKey: { KeyBlock: rawKey() } },
  SecretData: { SecretData: { SecretDataType: 'Password', KeyBlock: opaque() } },
  OpaqueObject: { OpaqueObject: { OpaqueDataType: 1, OpaqueDataValue: Buffer.from('opaque') } },
  PGPKey: { PGPKey: { PGPKeyVersion: 4, KeyBlock: rawKey() } },
  SplitKey: {
    SplitKey: {
      SplitKeyParts: 2,
      KeyPartIdentifier: 1,
      SplitKeyThreshold: 2,
      SplitKeyMethod: 'XOR',
      KeyBlock: rawKey(),
    },
  },
  Template: { Template: { Attribute: [attribute('Cryptographic Length', 256)] } },
}

function rawKey(): KeyBlock {
  const KeyValue = { KeyMaterial: Buffer.alloc(32, 5) }
  return { KeyFormatType: 'Raw', KeyValue, CryptographicAlgorithm: 'AES', CryptographicLength: 256 }
}

function opaque(): KeyBlock {
  return { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.from('password') } }
}

/** The identifier of an object of the type, brought in the way that its type has. */
async function objectOf(claims: Claims, type: EnumName<'ObjectType'>): Promise<string> {
  const register = async (object: object, mask: readonly WireAttribute[] = [everything]) =>
    (await claims.ask('Register', { ObjectType: type, ...template(mask), ...object })).UniqueIdentifier
  const copy = async (identifier: string, name: 'PublicKey' | 'PrivateKey' | 'Certificate') =>
    register({ [name]: (await claims.ask('Get', { UniqueIdentifier: identifier }))[name] })
  const ways: Partial<Record<EnumName<'ObjectType'>, () => Promise<string>>> = {
    PublicKey: async () => copy((await claims.pair()).open, 'PublicKey'),
    PrivateKey: async () => copy((await claims.pair()).own, 'PrivateKey'),
    Certificate: async () => copy(await claims.certificate(), 'Certificate'),
    CertificateRequest: async () => {
      const { request } = await makeRequest({ commonName: 'claims', names: [] })
      const [CertificateRequestValue] = readPaste(request, 'certificate request')
      const CertificateRequest = { CertificateRequestType: 'PKCS_10', CertificateRequestValue }
      return register({ CertificateRequest }, [])
    },
    User: async () => (await claims.sample('CreateUser', '')).UniqueIdentifier,
    Group: async () => (await claims.sample('CreateGroup', '')).UniqueIdentifier,
    PasswordCredential: async () => (await claims.sample('CreateCredential', '')).UniqueIdentifier,
    Template: () => register(brought.Template ?? {}, [nameAttribute(`template ${claims.version}`)]),
    OpaqueObject: () => register(brought.OpaqueObject ?? {}, []),
  }
  const way = ways[type] ?? (() => register(brought[type] ?? assert.fail(type)))
  return way()
}

for (const version of versions) {
  test(`${version}: an object of each type that Query claims is made or brought, and found`, async () => {
    const claims = new Claims(version)
    const { ObjectType } = await claimed(version, 'QueryObjects')
    for (const type of ObjectType) {
      const UniqueIdentifier = await objectOf(claims, type)
      const wanted = atLeast(version, '2.0')
        ? { MaximumItems: 1, Attributes: { ObjectType: [type], Attribute: [] } }
        : locate([attribute('Object Type', type)], { MaximumItems: 1 })
      const { UniqueIdentifier: found } = await session.ask(version, 'Locate', wanted)
      assert.deepEqual(found, [UniqueIdentifier], `${type}, the newest first`)
      if (!['User', 'Group', 'PasswordCredential'].includes(type))
        assert.equal((await claims.ask('Get', { UniqueIdentifier })).ObjectType, type)
    }
  })
}
