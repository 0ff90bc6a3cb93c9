// One message is one client's, from its first item to its last.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { decodeResponse, encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { answeringOn, peerOf } from '../../support/server/answering.ts'
import { clientCertificate, makeCertificate, testVmca } from '../../support/certificates/certificates.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { makeInstance, manager, openCore, trustClient } from '../../support/server/core.ts'
import { aes } from '../../support/clients/kmip-session.ts'

const version = '1.4'
const items = [
  { operation: 'Get', payload: encodeRequestPayload('Get', { UniqueIdentifier: 'elsewhere' }, version) },
  {
    operation: 'Create',
    payload: encodeRequestPayload('Create', aes(), version),
  },
] as const

test('a certificate that another instance trusts by now does nothing there with the rest of its message', async (t) => {
  const core = await openCore(t)
  const [before, after] = [await makeInstance(core, 'before'), await makeInstance(core, 'after')]
  const { identity } = await trustClient(core, before)
  const fetchUpstream = async () => {
    await core.trust.clients.remove(manager, before.id, 'vcenter')
    await trustClient(core, after, 'vcenter', identity)
    return false
  }
  const { answer, close } = answeringOn({ ...core, fetchUpstream })
  t.after(close)
  const message = encodeRequest({ version, batchErrorContinuationOption: 'Continue', items })
  const answered = decodeResponse(await answer(message, peerOf(identity)))
  assert.deepEqual(
    answered.items.map(({ reason }) => reason),
    ['ItemNotFound', 'AuthenticationNotSuccessful'],
  )
  assert.deepEqual(await core.keys.list({ instanceId: after.id, limit: 1, includeDestroyed: true }), [])
})

test('nor does one that took the place of its own within the message, and is another client’s by then', async (t) => {
  const core = await openCore(t)
  const [before, after] = [await makeInstance(core, 'before'), await makeInstance(core, 'after')]
  const [{ identity }, next] = [await trustClient(core, before), await makeCertificate({ key: 'ec' })]
  const fetchUpstream = async () => {
    await core.trust.clients.remove(manager, before.id, 'vcenter')
    await trustClient(core, after, 'vcenter', next)
    return false
  }
  const { der, sha256, notAfterMs } = next.certificate
  const { answer, close } = answeringOn({ ...core, fetchUpstream }, async () => ({ der, sha256, notAfterMs }))
  t.after(close)
  const CertificateRequest = { CertificateRequestType: 'PKCS_10', CertificateRequestValue: der } as const
  const renewed = encodeRequestPayload('ReProvision', { CertificateRequest }, '2.1')
  const message = encodeRequest({
    version: '2.1',
    batchErrorContinuationOption: 'Continue',
    items: [
      { operation: 'ReProvision', payload: renewed },
      { operation: 'Get', payload: encodeRequestPayload('Get', { UniqueIdentifier: 'elsewhere' }, '2.1') },
      {
        operation: 'Locate',
        payload: encodeRequestPayload('Locate', { Attributes: { Attribute: [] } }, '2.1'),
      },
    ],
  })
  const answered = decodeResponse(await answer(message, peerOf(identity)))
  assert.deepEqual(
    answered.items.map(({ reason, message: why }) => reason ?? why),
    [undefined, 'ObjectNotFound', 'AuthenticationNotSuccessful'],
  )
})

test('a certificate that a CA vouches for is the last of its client, and has no row of its own that nothing would remove', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core)
  const pinned = await trustClient(core, instance)
  const [{ certificate: ca }, vouched] = [await testVmca(), await clientCertificate('vmca-signed')]
  const wanted = { instanceId: instance.id, name: 'by CA', ca, subject: 'kmipClient*' }
  const { client } = await core.trust.clients.trustAuthority(manager, wanted)
  const { answer, close } = answeringOn(core)
  t.after(close)
  for (const identity of [pinned.identity, vouched])
    await answer(encodeRequest({ version, items: [items[1]] }), peerOf(identity))
  const { sha256 } = vouched.certificate
  const seen = await core.lastSeen.of([pinned.identity.certificate.sha256, sha256])
  assert.deepEqual([...seen.keys()], [pinned.identity.certificate.sha256])
  assert.equal((await core.lastSeen.ofClient(client.id))?.certificateSha256, sha256)
})

class AwayStore extends StoreAround {
  away = false
  override trustVersion() {
    if (this.away) throw new Error('the store is away')
    return super.trustVersion()
  }
}

async function beginAway(t: TestContext) {
  const stores: AwayStore[] = []
  const core = await openCore(t, {
    wrap: (store) => {
      const around = new AwayStore(store)
      stores.push(around)
      return around
    },
  })
  const { identity } = await trustClient(core, await makeInstance(core))
  const answering = answeringOn(core)
  t.after(answering.close)
  for (const store of stores) store.away = true
  return { ...answering, peer: peerOf(identity) }
}

test('while the store is away, a message of a version that is not served is answered, as all others are', async (t) => {
  const { answerAndLog, peer } = await beginAway(t)
  const message = encodeRequest({ version, items })
  const ofUnknown = Buffer.from(message)
  // The major version is the first number in the header.
  ofUnknown.writeInt32BE(9, ofUnknown.indexOf(Buffer.from('42006a02', 'hex')) + 8)
  for (const [sent, reasons] of [
    [message, ['GeneralFailure', 'GeneralFailure']],
    [ofUnknown, ['InvalidMessage']],
  ] as const) {
    const { bytes } = await answerAndLog(sent, peer)
    assert.deepEqual(
      decodeResponse(bytes).items.map(({ reason }) => reason),
      reasons,
    )
  }
})

test('while the store is away, a client hears of a large message that it is to try again', async (t) => {
  const { callbacks, peer } = await beginAway(t)
  const why = await callbacks.whyUnread(peer, 10_000)
  assert.ok(why)
  const [item] = decodeResponse(callbacks.answerUnreadable(why, peer, 'ttlv') ?? Buffer.alloc(0)).items
  assert.match(item?.message ?? '', /^the store cannot be used .* try again$/)
  // As a small message is answered at the same moment: nothing is wrong with the message itself.
  assert.equal(item?.reason, 'GeneralFailure')
})

test('while the store is away, requests, handshakes and large messages of anybody do not fill the log', async (t) => {
  const { answerAndLog, callbacks, peer } = await beginAway(t)
  const logged: unknown[] = []
  for (let times = 0; times < 5; times++) {
    const { errors } = await answerAndLog(encodeRequest({ version, items }), peer)
    logged.push(...errors)
  }
  assert.deepEqual(logged.map(String), ['Error: the store is away'])
  assert.equal(await callbacks.whyUnread(peer, 10_000), 'unavailable')
  assert.equal(await callbacks.onHandshake({ ok: true, peer, durationMs: 1, waitedMs: 0 }), false)
})
