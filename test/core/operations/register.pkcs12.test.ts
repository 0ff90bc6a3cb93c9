// Register of a PKCS#12 container (KMIP 1.4 §3.45, §4.3): its key becomes a PKCS#8 key, its certificates objects of their own.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import {
  attribute,
  locate,
  materialOf,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((running, opened) => {
  server = running
  session = opened
})

interface Vectors {
  readonly password: string
  readonly privateKey: string
  readonly certificates: readonly string[]
  readonly containers: Readonly<Record<string, string>>
}

const file = new URL('../../vectors/pkcs12.json', import.meta.url)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors
const container = Buffer.from(vectors.containers['des'] ?? '', 'base64')

const registered = async (request: object) =>
  (await session.ask('1.4', 'Register', request as Request<'Register'>)).UniqueIdentifier

const passwordOf = (text: string, more: readonly WireAttribute[] = [attribute('Activation Date', 1000n)]) =>
  registered({
    ObjectType: 'SecretData',
    ...template([attribute('Cryptographic Usage Mask', 0x200), ...more]),
    SecretData: {
      SecretDataType: 'Password',
      KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.from(text) } },
    },
  })

const link = (LinkType: string, LinkedObjectIdentifier: string) => ({ LinkType, LinkedObjectIdentifier })

const by = (id: string) => attribute('Link', link('PKCS_12PasswordLink', id))

function asked(attributes: readonly WireAttribute[], block: object = {}) {
  return {
    ObjectType: 'PrivateKey',
    ...template([attribute('Cryptographic Usage Mask', 1), ...attributes]),
    PrivateKey: {
      KeyBlock: { KeyFormatType: 'PKCS_12', KeyValue: Buffer.from(container), ...block },
    },
  } as unknown as Request<'Register'>
}

test('the key comes as PKCS#8 with its chain, and leaves as PKCS#12 again', async () => {
  const password = await passwordOf(vectors.password)
  const key = await registered(asked([by(password)]))
  const { PrivateKey } = await session.ask('1.4', 'Get', { UniqueIdentifier: key })
  assert.equal(PrivateKey?.KeyBlock.KeyFormatType, 'PKCS_8')
  assert.deepEqual(materialOf(PrivateKey.KeyBlock), Buffer.from(vectors.privateKey, 'base64'))
  assert.deepEqual(await session.values('1.4', key, 'PKCS#12 Friendly Name'), ['Leaf'])
  assert.deepEqual(await session.values('1.4', key, 'Cryptographic Length'), [256])
  const links = (await session.values('1.4', key, 'Link')) as ReturnType<typeof link>[]
  const leaf = links.find(({ LinkType }) => LinkType === 'PKCS_12CertificateLink')?.LinkedObjectIdentifier
  assert.ok(leaf)
  const [above] = (await session.values('1.4', leaf, 'Link')) as ReturnType<typeof link>[]
  assert.equal(above?.LinkType, 'PKCS_12CertificateLink')
  const chain = [leaf, above.LinkedObjectIdentifier]
  for (const [index, UniqueIdentifier] of chain.entries()) {
    const { Certificate } = await session.ask('1.4', 'Get', { UniqueIdentifier })
    assert.equal(
      Buffer.from(Certificate?.CertificateValue ?? []).toString('base64'),
      vectors.certificates[index],
    )
  }
  const found = await session.ask('1.4', 'Locate', locate([attribute('Object Type', 'Certificate')]))
  assert.deepEqual(new Set(found.UniqueIdentifier), new Set(chain))
  const again = await session.ask('1.4', 'Get', { UniqueIdentifier: key, KeyFormatType: 'PKCS_12' })
  const pfx = again.PrivateKey?.KeyBlock.KeyValue
  assert.ok(pfx instanceof Uint8Array)
  createSecureContext({ pfx: Buffer.from(pfx), passphrase: vectors.password })
  const { entries } = await server.admin.call(auditRoutes.listInstanceAudit, {
    instance: 'default',
    query: { object: password },
  })
  assert.ok(entries.some(({ action, result }) => action === 'key.unwrap' && result === 'success'))
})

test('without the right password nothing is kept, and the request must fit the key', async () => {
  const [right, wrong] = [await passwordOf(vectors.password), await passwordOf('other')]
  const resting = await passwordOf(vectors.password, [])
  const before = (await session.ask('1.4', 'Locate', locate([]))).UniqueIdentifier.length
  const [name, length] = [attribute('PKCS#12 Friendly Name', 'other'), attribute('Cryptographic Length', 384)]
  const cases: readonly (readonly [string, Request<'Register'>])[] = [
    ['InvalidField', asked([])],
    ['InvalidField', asked([by(right), by(wrong)])],
    ['CryptographicFailure', asked([by(wrong)])],
    ['PermissionDenied', asked([by(resting)])],
    ['ItemNotFound', asked([by('nothing')])],
    ['InvalidField', asked([by(right), name])],
    ['InvalidField', asked([by(right), length])],
    ['InvalidField', asked([by(right)], { KeyValue: Buffer.from('no container') })],
    ['InvalidField', asked([by(right)], { CryptographicAlgorithm: 'RSA', CryptographicLength: 2048 })],
  ]
  for (const [index, [reason, request]] of cases.entries())
    assert.equal(await session.refused('1.4', 'Register', request), reason, String(index))
  assert.equal((await session.ask('1.4', 'Locate', locate([]))).UniqueIdentifier.length, before)
})

test('Import takes a container under the identifier that is given, with all attributes, and once more without a second chain', async () => {
  const password = await passwordOf(vectors.password)
  const imported = (UniqueIdentifier: string, attributes: readonly WireAttribute[], more: object = {}) =>
    ({
      UniqueIdentifier,
      Attribute: [attribute('Cryptographic Usage Mask', 1), by(password), ...attributes],
      PrivateKey: { KeyBlock: { KeyFormatType: 'PKCS_12', KeyValue: Buffer.from(container) } },
      ...more,
    }) as unknown as Request<'Import'>
  const state = attribute('State', 'Deactivated')
  await session.ask('1.4', 'Import', imported('from-elsewhere', [state]))
  const { PrivateKey } = await session.ask('1.4', 'Get', { UniqueIdentifier: 'from-elsewhere' })
  assert.deepEqual(materialOf(PrivateKey?.KeyBlock), Buffer.from(vectors.privateKey, 'base64'))
  assert.deepEqual(await session.values('1.4', 'from-elsewhere', 'State'), ['Deactivated'])
  assert.deepEqual(await session.values('1.4', 'from-elsewhere', 'PKCS#12 Friendly Name'), ['Leaf'])
  const links = (await session.values('1.4', 'from-elsewhere', 'Link')) as ReturnType<typeof link>[]
  const leaf = links.find(({ LinkType }) => LinkType === 'PKCS_12CertificateLink')?.LinkedObjectIdentifier
  assert.ok(leaf)
  const { Certificate } = await session.ask('1.4', 'Get', { UniqueIdentifier: leaf })
  assert.equal(Buffer.from(Certificate?.CertificateValue ?? []).toString('base64'), vectors.certificates[0])
  const certificates = async () =>
    (await session.ask('1.4', 'Locate', locate([attribute('Object Type', 'Certificate')]))).UniqueIdentifier
      .length
  const before = await certificates()
  assert.equal(
    await session.refused('1.4', 'Import', imported('from-elsewhere', [state])),
    'ObjectAlreadyExists',
  )
  const again = imported('from-elsewhere', [state, attribute('Comment', 'again')], { ReplaceExisting: true })
  await session.ask('1.4', 'Import', again)
  assert.deepEqual(await session.values('1.4', 'from-elsewhere', 'Comment'), ['again'])
  const wrong = attribute('Cryptographic Length', 384)
  assert.equal(await session.refused('1.4', 'Import', imported('never', [wrong])), 'InvalidField')
  assert.equal(await certificates(), before)
})
