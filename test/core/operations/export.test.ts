// Export (KMIP 1.4 §4.40) of what a version cannot express.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import { readPaste } from '../../../src/core/pki/paste.ts'
import { isTransparent, packTransparent, type KeyBlock } from '../../../src/wire/kmip/objects.ts'
import { newer, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => (session = opened))

test('an object type that the version lacks is refused, also of a destroyed object, which has no material any more', async () => {
  const { request } = await makeRequest({ commonName: 'export', names: [] })
  const [CertificateRequestValue] = readPaste(request, 'certificate request')
  assert.ok(CertificateRequestValue)
  const { UniqueIdentifier } = await session.ask('2.1', 'Register', {
    ObjectType: 'CertificateRequest',
    Attributes: { Attribute: [] },
    CertificateRequest: { CertificateRequestType: 'PKCS_10', CertificateRequestValue },
  })
  const refused = /KMIP 1\.4 cannot express this object: it has no ObjectType CertificateRequest/
  await assert.rejects(session.ask('1.4', 'Export', { UniqueIdentifier }), refused)
  await session.ask('2.1', 'Destroy', { UniqueIdentifier })
  await assert.rejects(session.ask('1.4', 'Export', { UniqueIdentifier }), refused)
  const exported = await session.ask('2.1', 'Export', { UniqueIdentifier })
  assert.equal(exported.ObjectType, 'CertificateRequest')
})

type Version = (typeof newer)[number]
type Half = 'SymmetricKey' | 'PrivateKey' | 'PublicKey'

/** The formats of the Digests that an Export shows. Each must be the SHA-256 of the key as a Get in that format gives it. */
async function digestFormats(version: Version, half: Half, UniqueIdentifier: string) {
  const { Attributes } = await session.ask(version, 'Export', { UniqueIdentifier })
  const digests = (Attributes as { Digest?: readonly Digest[] } | undefined)?.Digest ?? []
  for (const { DigestValue, KeyFormatType } of digests) {
    const got = await session.ask(version, 'Get', { UniqueIdentifier, KeyFormatType })
    assert.deepEqual(Buffer.from(DigestValue), sha256Of(got[half]?.KeyBlock), KeyFormatType)
  }
  return digests.map(({ KeyFormatType }) => KeyFormatType)
}

interface Digest {
  readonly DigestValue: Uint8Array
  readonly KeyFormatType: KeyBlock['KeyFormatType']
}

function sha256Of(block: KeyBlock | undefined): Buffer {
  const value = block?.KeyValue
  assert.ok(block && value && 'KeyMaterial' in value)
  const { KeyFormatType: format } = block
  const { KeyMaterial: material } = value
  const bytes =
    material instanceof Uint8Array
      ? material
      : isTransparent(format)
        ? packTransparent(format, material)
        : assert.fail()
  return createHash('sha256').update(bytes).digest()
}

for (const version of newer)
  test(`${version}: a key for which a client named another format has a Digest of its default format too (2.1 §4.26)`, async () => {
    const create = async (more: object) => {
      const Attributes = {
        Attribute: [],
        CryptographicAlgorithm: 'AES',
        CryptographicLength: 256,
        CryptographicUsageMask: 12,
        ...more,
      } as const
      return (await session.ask(version, 'Create', { ObjectType: 'SymmetricKey', Attributes }))
        .UniqueIdentifier
    }
    const formatsOf = (id: string) => digestFormats(version, 'SymmetricKey', id)
    assert.deepEqual(await formatsOf(await create({})), ['Raw'])
    assert.deepEqual(await formatsOf(await create({ KeyFormatType: 'Raw' })), ['Raw'])
    const transparent = await create({ KeyFormatType: 'TransparentSymmetricKey' })
    assert.deepEqual(await formatsOf(transparent), ['TransparentSymmetricKey', 'Raw'])
    const pair = (KeyFormatType?: 'ECPrivateKey') =>
      session.ask(version, 'CreateKeyPair', {
        CommonAttributes: { Attribute: [], CryptographicAlgorithm: 'ECDSA', CryptographicLength: 256 },
        PrivateKeyAttributes: {
          Attribute: [],
          CryptographicUsageMask: 1,
          ...(KeyFormatType && { KeyFormatType }),
        },
        PublicKeyAttributes: { Attribute: [], CryptographicUsageMask: 2 },
      })
    const [silent, named] = [await pair(), await pair('ECPrivateKey')]
    const own = (id: string) => digestFormats(version, 'PrivateKey', id)
    assert.deepEqual(await own(silent.PrivateKeyUniqueIdentifier), ['ECPrivateKey'])
    assert.deepEqual(await own(named.PrivateKeyUniqueIdentifier), ['ECPrivateKey', 'TransparentECPrivateKey'])
    assert.deepEqual(await digestFormats(version, 'PublicKey', named.PublicKeyUniqueIdentifier), ['X_509'])
  })
