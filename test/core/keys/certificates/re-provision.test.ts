// The trusted rows after a certificate took the place of another: the old one counts nowhere any more, not even as one that this
// server issued, with which a token of one instance might trust it again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeCertificate, type TestIdentity } from '../../../support/certificates/certificates.ts'
import { faults, identifyAs, manager, openCoreWithClient } from '../../../support/server/core.ts'

const notAfterMs = 4_000_000_000_000

test('the old certificate is forgotten; one that this server did not issue is blocked, since a CA may vouch for it', async (t) => {
  const { core, instance, identity } = await openCoreWithClient(t)
  /** Has this identity ask for a new one. */
  const reProvision = async (asking: TestIdentity) => {
    const next = await makeCertificate({ key: 'ec', ownKey: true })
    const { der, sha256 } = next.certificate
    const signed = { der, sha256, notAfterMs }
    await core.keys.perform(identifyAs(core, asking), (work) => work.certificates.reProvision(signed))
    return next
  }
  const rows = async () => {
    const { tables } = await core.access.snapshot()
    return [[...tables.certificate.keys()], [...tables.issued.keys()], [...tables.block.keys()]]
  }
  const first = identity.certificate.sha256
  assert.deepEqual(await rows(), [[first], [], []])
  const second = await reProvision(identity)
  assert.deepEqual(await rows(), [[second.certificate.sha256], [second.certificate.sha256], [first]])
  const third = await reProvision(second)
  assert.deepEqual(await rows(), [[third.certificate.sha256], [third.certificate.sha256], [first]])
  await assert.rejects(reProvision(second), faults('AuthenticationNotSuccessful'))
  const again = { instanceId: instance.id, name: 'again', certificate: second.certificate }
  await core.trust.instances.create(manager, {
    name: 'other',
    custody: 'database',
    rootKeyUri: core.rootKey.uri,
  })
  await assert.rejects(
    core.trust.clients.trustCertificate({ ...manager, onlyInstanceId: instance.id }, again),
    /with a token for all instances only/,
  )
})

test('whoever is no client with a certificate gets none', async (t) => {
  const { core, identify } = await openCoreWithClient(t)
  const { certificate } = await makeCertificate({ key: 'ec', ownKey: true })
  const signed = { der: certificate.der, sha256: certificate.sha256, notAfterMs }
  for (const [id, certificateSha256] of [
    [null, 'a'],
    ['client', null],
    [null, null],
  ] as const) {
    const as = async () => {
      const caller = await identify()
      return { ...caller, actor: { ...caller.actor, id, certificateSha256 } }
    }
    await assert.rejects(
      core.keys.perform(as, (work) => work.certificates.reProvision(signed)),
      faults('PermissionDenied', /only a client with a certificate/),
    )
  }
})
