// Get of a private key as PKCS#12 (KMIP 1.4 §4.11): OpenSSL opens it with the linked password, and finds the key and its chain.

import assert from 'node:assert/strict'
import { createSecureContext } from 'node:tls'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import { issueClient, makeAuthority } from '../../../src/core/pki/issue.ts'
import {
  attribute,
  template,
  type KmipSession,
  type WireAttribute,
} from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const password = 'pässwort 🔑'
const active = attribute('Activation Date', 1000n)
const link = (LinkType: string, LinkedObjectIdentifier: string) =>
  attribute('Link', { LinkType, LinkedObjectIdentifier })

const registered = async (request: object, more: readonly WireAttribute[] = []) => {
  const wanted = template([attribute('Cryptographic Usage Mask', 0), ...more])
  return (await session.ask('1.4', 'Register', { ...wanted, ...request } as Request<'Register'>))
    .UniqueIdentifier
}

const secretOf = (text: string, more: readonly WireAttribute[]) =>
  registered(
    {
      ObjectType: 'SecretData',
      SecretData: {
        SecretDataType: 'Password',
        KeyBlock: { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.from(text) } },
      },
    },
    more,
  )

const certificateOf = (der: Uint8Array, more: readonly WireAttribute[] = []) =>
  registered(
    {
      ObjectType: 'Certificate',
      Certificate: { CertificateType: 'X_509', CertificateValue: Buffer.from(der) },
    },
    more,
  )

test('the container opens with the password, and holds the key with its chain', async () => {
  const nowMs = Date.now()
  const ca = await makeAuthority({ commonName: 'CA', nowMs })
  const client = await issueClient({ ca, commonName: 'client', nowMs })
  const top = await certificateOf(ca.certificate.der)
  const own = await certificateOf(client.certificate.der, [link('PKCS_12CertificateLink', top)])
  const key = (secret: string) =>
    registered(
      {
        ObjectType: 'PrivateKey',
        PrivateKey: {
          KeyBlock: {
            KeyFormatType: 'PKCS_8',
            KeyValue: { KeyMaterial: client.privateKey.export({ type: 'pkcs8', format: 'der' }) },
          },
        },
      },
      [link('PKCS_12PasswordLink', secret), link('PKCS_12CertificateLink', own)],
    )
  const UniqueIdentifier = await key(await secretOf(password, [active]))
  const asked = { UniqueIdentifier, KeyFormatType: 'PKCS_12' } as const
  const { PrivateKey } = await session.ask('1.4', 'Get', asked)
  const pfx = PrivateKey?.KeyBlock.KeyValue
  assert.ok(pfx instanceof Uint8Array)
  const since2 = await session.ask('2.0', 'Get', asked)
  const value = since2.PrivateKey?.KeyBlock.KeyValue ?? assert.fail('no container')
  assert.ok('KeyMaterial' in value && value.KeyMaterial instanceof Uint8Array)
  // OpenSSL checks the MAC, decrypts both parts, and refuses a key that is not that of the certificate.
  createSecureContext({ pfx: Buffer.from(pfx), passphrase: password })
  assert.throws(() => createSecureContext({ pfx: Buffer.from(pfx), passphrase: 'other' }), /mac verify/i)
  assert.ok(Buffer.from(pfx).indexOf(client.certificate.der) < 0, 'the certificates are encrypted too')
  const resting = await key(await secretOf(password, []))
  assert.equal(
    await session.refused('1.4', 'Get', { ...asked, UniqueIdentifier: resting }),
    'PermissionDenied',
  )
  assert.equal(
    await session.refused('1.4', 'Get', { ...asked, UniqueIdentifier: own }),
    'KeyFormatTypeNotSupported',
  )
  assert.equal(
    await session.refused('1.4', 'Get', { ...asked, UniqueIdentifier: await key(own) }),
    'InvalidField',
  )
  await session.ask('1.4', 'AddAttribute', {
    UniqueIdentifier,
    Attribute: link('PKCS_12CertificateLink', top),
  })
  assert.equal(await session.refused('1.4', 'Get', asked), 'InvalidField', 'two chains')
})
