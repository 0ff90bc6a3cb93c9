// Objects of every type in custody `keyprotect`: what a client sees of them is the same after a backup and its restore, a change
// of custody and of root key, an adoption by another server, and in the file of an export. From Key Protect alone come back the
// objects that lie there, with their bytes.

import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { mkdirSync, copyFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { KeyBlock } from '../../src/wire/kmip/objects.ts'
import type { Request } from '../../src/wire/kmip/operations.ts'
import { makeAuthority, signRequest } from '../../src/core/pki/issue.ts'
import { makeRequest } from '../../src/core/pki/make-request.ts'
import { openSite, type CustodySite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import {
  attribute,
  attributesOf,
  nameAttribute,
  template,
  text,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { KmipSession as Session } from '../support/clients/kmip-session.ts'
import { adoptWords, runCli, startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { connectClient } from '../support/clients/tls-client.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())

const env = () => ({ MORTISE_IBM_IAM_URL: fake.about.iamUrl, MORTISE_IBM_CA_FILE: fake.about.caFile })

/** Identifiers by what they are. */
type Objects = Readonly<Record<string, string>>

function block(KeyFormatType: string, bytes: Buffer): KeyBlock {
  return { KeyFormatType, KeyValue: { KeyMaterial: bytes } } as unknown as KeyBlock
}

async function makeObjects(session: KmipSession): Promise<Objects> {
  const register = async (request: object) =>
    (await session.ask('1.4', 'Register', request as Request<'Register'>)).UniqueIdentifier
  const mask = attribute('Cryptographic Usage Mask', 12)
  const symmetric = await session.key('1.4', [nameAttribute('symmetric'), text('x-Note', 'of the client')])
  await session.ask('1.4', 'Activate', { UniqueIdentifier: symmetric })
  const pair = await session.ask('1.4', 'CreateKeyPair', {
    CommonTemplateAttribute: {
      Name: [],
      Attribute: [attribute('Cryptographic Algorithm', 'ECDSA'), attribute('Cryptographic Length', 256)],
    },
    PrivateKeyTemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Usage Mask', 1)] },
    PublicKeyTemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Usage Mask', 2)] },
  })
  const [privateKey, publicKey] = [pair.PrivateKeyUniqueIdentifier, pair.PublicKeyUniqueIdentifier]
  const ca = await makeAuthority({ commonName: 'Issuer', nowMs: Date.now() })
  const { request } = await makeRequest({ commonName: 'Subject' })
  const { raw } = new X509Certificate((await signRequest({ ca, csr: request, nowMs: Date.now() })).der)
  const link = attribute('Link', { LinkType: 'PublicKeyLink', LinkedObjectIdentifier: publicKey })
  const certificate = await register({
    ObjectType: 'Certificate',
    ...template([attribute('Cryptographic Usage Mask', 3), link]),
    Certificate: { CertificateType: 'X_509', CertificateValue: Buffer.from(raw) },
  })
  const secret = await register({
    ObjectType: 'SecretData',
    ...template([attribute('Cryptographic Usage Mask', 0), nameAttribute('secret')]),
    SecretData: { SecretDataType: 'Password', KeyBlock: block('Opaque', Buffer.from('pass word')) },
  })
  const opaque = (bytes: Buffer) =>
    register({
      ObjectType: 'OpaqueObject',
      ...template([]),
      OpaqueObject: { OpaqueDataType: 0x80000001, OpaqueDataValue: bytes },
    })
  const pgp = (bytes: Buffer) =>
    register({
      ObjectType: 'PGPKey',
      ...template([mask]),
      PGPKey: { PGPKeyVersion: 4, KeyBlock: block('Raw', bytes) },
    })
  const { UniqueIdentifier: parts } = await session.ask('1.4', 'CreateSplitKey', {
    ObjectType: 'SplitKey',
    UniqueIdentifier: symmetric,
    SplitKeyParts: 2,
    SplitKeyThreshold: 2,
    SplitKeyMethod: 'XOR',
    ...template([mask]),
  })
  const derived = await session.ask('1.4', 'Create', {
    ObjectType: 'SymmetricKey',
    ...template([
      attribute('Cryptographic Algorithm', 'AES'),
      attribute('Cryptographic Length', 256),
      attribute('Cryptographic Usage Mask', 0x200),
    ]),
  })
  await session.ask('1.4', 'Activate', { UniqueIdentifier: derived.UniqueIdentifier })
  const from = await session.ask('1.4', 'DeriveKey', {
    ObjectType: 'SecretData',
    UniqueIdentifier: [derived.UniqueIdentifier],
    DerivationMethod: 'HASH',
    DerivationParameters: { CryptographicParameters: { HashingAlgorithm: 'SHA_256' } },
    TemplateAttribute: { Name: [], Attribute: [attribute('Cryptographic Length', 128)] },
  })
  const wanted = { Attribute: [attribute('Cryptographic Algorithm', 'AES'), nameAttribute('template')] }
  const wrapped = (IVCounterNonce: Buffer) =>
    register({
      ObjectType: 'SymmetricKey',
      ...template([mask]),
      SymmetricKey: {
        KeyBlock: {
          ...block('Raw', randomBytes(40)),
          KeyValue: randomBytes(40),
          CryptographicAlgorithm: 'AES',
          CryptographicLength: 256,
          KeyWrappingData: {
            WrappingMethod: 'Encrypt',
            EncryptionKeyInformation: { UniqueIdentifier: symmetric },
            IVCounterNonce,
          },
        },
      },
    })
  return {
    symmetric,
    wrapped: await wrapped(randomBytes(16)),
    wrappedAtLength: await wrapped(randomBytes(8_000)),
    privateKey,
    publicKey,
    certificate,
    secret,
    opaque: await opaque(randomBytes(3_000)),
    largeOpaque: await opaque(randomBytes(100_000)),
    emptyOpaque: await opaque(Buffer.alloc(0)),
    pgp: await pgp(randomBytes(2_000)),
    largePgp: await pgp(randomBytes(20_000)),
    firstPart: parts[0] ?? assert.fail('no part'),
    secondPart: parts[1] ?? assert.fail('no part'),
    base: derived.UniqueIdentifier,
    derived: from.UniqueIdentifier,
    template: await register({ ObjectType: 'Template', ...template([]), Template: wanted }),
  }
}

/** The objects that only the database stores; Key Protect has the others. */
const apart: readonly string[] = ['largeOpaque', 'emptyOpaque', 'largePgp', 'template', 'wrappedAtLength']

interface Seen {
  readonly object: string
  readonly attributes: readonly string[]
}

/** Those that are the server's own, or change with each reading. */
const passing: ReadonlySet<string> = new Set(['Fresh', 'Lease Time', 'Last Change Date'])

function plain(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}` : one))
}

async function look(session: KmipSession, objects: Objects): Promise<Record<string, Seen>> {
  const seen: Record<string, Seen> = {}
  for (const [what, UniqueIdentifier] of Object.entries(objects)) {
    const object = await session.ask('1.4', 'Get', { UniqueIdentifier })
    const { Attribute = [] } = await session.ask('1.4', 'GetAttributes', attributesOf(UniqueIdentifier))
    const shown = Attribute.filter(
      ({ AttributeName }) => !passing.has(AttributeName) && !AttributeName.startsWith('x-Mortise'),
    )
    const { Template, ...rest } = object
    // In whatever order.
    const content = Template?.Attribute.map(plain).toSorted()
    seen[what] = { object: plain({ ...rest, content }), attributes: shown.map(plain).toSorted() }
  }
  return seen
}

async function sessionWith(
  { kmip }: EmbeddedServer,
  { certFile, keyFile }: CustodySite,
): Promise<KmipSession> {
  const tls = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
  return new Session(await connectClient({ port: kmip.port, ...tls }))
}

async function restoredFrom(site: CustodySite, file: string): Promise<string> {
  const data = path.join(path.dirname(file), 'restored')
  mkdirSync(data, { mode: 0o700 })
  copyFileSync(path.join(site.server.data, 'root.key'), path.join(data, 'root.key'))
  for (const words of [['backup', 'verify', file], ['restore', file, '--yes'], ['restore-accept']]) {
    const { code, stderr } = await runCli([...words, '--data', data], { ...env(), ...keyOf(site) })
    assert.equal(code, 0, stderr)
  }
  return data
}

function keyOf(site: CustodySite) {
  return { MORTISE_IBM_API_KEY_FILE: path.join(path.dirname(site.server.data), 'api-key') }
}

test('objects of every type are the same wherever they go', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const folder = path.dirname(site.server.data)
  using session = await sessionWith(site.server, site)
  const objects = await makeObjects(session)
  const before = await look(session, objects)
  const names = Object.keys(objects)
  const kept = (await fake.control<{ name: string }[]>('GET', 'keys')).map(({ name }) => name)
  for (const name of names)
    assert.equal(kept.includes(`mortise-${objects[name]}`), !apart.includes(name), `${name} in Key Protect`)

  // The file of an export.
  await site.server.json('instance', 'set', 'vmware', '--portable', 'yes')
  const identity = await generateX25519Identity()
  const exported = path.join(folder, 'keys.age')
  const to = ['--recipient', await identityToRecipient(identity), '--instance', 'vmware', '--yes']
  await site.server.json('key', 'export', exported, ...to)
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  const text = await decrypter.decrypt(readFileSync(exported), 'text')
  for (const name of names.filter((one) => one !== 'template'))
    assert.ok(text.includes(objects[name] ?? ''), `${name} in the export`)

  // A change of root key, into the database, and back beside another root key.
  const [second, third] = [await fake.rootKey(), await fake.rootKey()]
  for (const [rootKey, custody] of [
    [second, 'keyprotect'],
    [second, 'database'],
    [third, 'keyprotect'],
  ] as const) {
    await site.server.json(
      'instance',
      'set-root-key',
      'vmware',
      '--root-key',
      fake.uri(rootKey),
      '--custody',
      custody,
    )
    assert.deepEqual(await look(session, objects), before, `${custody}, ${rootKey}`)
  }
  await site.server.json('instance', 'rewrap', 'vmware')
  assert.deepEqual(await look(session, objects), before, 'rewrapped')

  // Another server adopts them.
  await using other = await startEmbedded()
  const words = adoptWords(site.server.kmip.port, site, '--ca', path.join(folder, 'client', 'ca.pem'))
  const { code, stdout } = await other.cli(...words, '--instance', 'default', '--json')
  const { adopted, notStored } = JSON.parse(stdout) as { adopted: number; notStored: { count: number } }
  // A server that adopts a wrapped key may not have what unwraps it.
  const { wrapped: _wrapped, wrappedAtLength: _atLength, ...bare } = objects
  assert.deepEqual([code, adopted, notStored.count], [1, names.length - 2, 2], stdout)
  const own = await other.issue('own')
  using there = new Session(await connectClient({ port: other.kmip.port, ...own.tls }))
  const { wrapped: _seen, wrappedAtLength: _seenToo, ...bareBefore } = before
  assert.deepEqual(await look(there, bare), bareBefore, 'adopted')
  const ofTemplate = await there.ask('1.4', 'Create', {
    ObjectType: 'SymmetricKey',
    TemplateAttribute: {
      Name: [{ NameValue: 'template', NameType: 'UninterpretedTextString' }],
      Attribute: [attribute('Cryptographic Length', 256), attribute('Cryptographic Usage Mask', 12)],
    },
  })
  assert.deepEqual(await there.values('1.4', ofTemplate.UniqueIdentifier, 'x-Mortise-Adopted'), [])
  assert.deepEqual(await there.values('1.4', ofTemplate.UniqueIdentifier, 'Fresh'), [true])

  // A backup, in a folder that never heard of it.
  const backup = path.join(folder, 'a.backup')
  await site.server.json('backup', 'create', backup)
  await site.server.stop()
  await fake.advance(660)
  const data = await restoredFrom(site, backup)
  await using restored = await startEmbedded({ data, env: { ...env(), ...keyOf(site) } })
  using again = await sessionWith(restored, site)
  assert.deepEqual(await look(again, objects), before, 'restored')
  again.client.close()
  await restored.stop()

  // Key Protect alone.
  await fake.advance(660)
  await using empty = await startEmbedded({ env: { ...env(), ...keyOf(site) } })
  const report = (await empty.json(
    'restore',
    '--from-key-protect',
    '--root-key',
    fake.uri(third),
    '--yes',
  )) as {
    readonly opens: number
    readonly objects: Readonly<Record<string, number>>
  }
  assert.equal(report.opens, names.length - apart.length, plain(report))
  await empty.json('client', 'trust', '--instance', 'vmware', '--name', 'vcenter', '--cert', site.certFile)
  using last = await sessionWith(empty, site)
  const whole = names.filter((name) => !apart.includes(name))
  const back = await look(last, Object.fromEntries(whole.map((name) => [name, objects[name] ?? ''])))
  for (const name of whole) assert.equal(back[name]?.object, before[name]?.object, name)
})
