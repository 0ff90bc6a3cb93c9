// Export (KMIP 1.4 §4.40) of what a version cannot express.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeRequest } from '../../../src/core/pki/make-request.ts'
import { readPaste } from '../../../src/core/pki/paste.ts'
import type { KmipSession } from '../../support/clients/kmip-session.ts'
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
