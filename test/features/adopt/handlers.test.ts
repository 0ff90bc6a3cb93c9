// Old servers that managers name: what a manager of one instance is told of a host that does not answer, by an upstream and by an
// adoption, and the list of hosts.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { before, test, type TestContext } from 'node:test'
import type { Input } from '../../../src/doors/http/route.ts'
import type { AdminClient } from '../../../src/doors/http/client.ts'
import { Refusal } from '../../../src/base/refusal.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { adoptTryMs } from '../../../src/features/adopt/upstream-trial.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { clientCertificate, type TestIdentity } from '../../support/certificates/certificates.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { putRsaKeysBack } from '../../support/certificates/rsa-keys.ts'
import { adoptionRoutes } from '../../../src/features/adopt/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { statusRoutes } from '../../../src/features/status/routes.ts'
import { upstreamRoutes } from '../../../src/features/adopt/upstream-routes.ts'

let identity: TestIdentity
before(async () => void (identity = await clientCertificate('self-signed')))

async function open(t: TestContext, env: Readonly<Record<string, string>> = {}) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const closed = (server.address() as AddressInfo).port
  server.close()
  await once(server, 'close')
  const clock = new MovableClock()
  const door = await startDoor({ clock, env })
  t.after(async () => {
    await door.close()
    putRsaKeysBack()
  })
  const { cert: certificate, key: privateKey } = identity.tls
  const body = {
    servers: [`127.0.0.1:${closed}`],
    certificate,
    privateKey,
    trust: { fingerprint: '00'.repeat(32) },
  }
  /** Lets time go on until it is done. */
  const during = async <T>(work: Promise<T>): Promise<T> => {
    const over = new AbortController()
    const done = work.finally(() => over.abort())
    done.catch(() => undefined)
    while (!over.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      clock.pass(adoptTryMs / 10)
    }
    return done
  }
  const own = await door.client('manager', door.red)
  const all = await door.client('manager')
  return { door, body, during, own, all }
}

const refused = (says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Refusal, String(error))
  assert.equal(error.code, 'refused')
  assert.match(error.message, says)
  return true
}

/** How an adoption ended. */
async function adopted(
  admin: AdminClient,
  body: NonNullable<Input<typeof adoptionRoutes.beginAdoption>['body']>,
): Promise<string> {
  const begun = await admin.call(adoptionRoutes.beginAdoption, { instance: 'red', body })
  for (;;) {
    const { state, error, trouble } = await admin.call(adoptionRoutes.showAdoption, {
      instance: 'red',
      adoption: begun.id,
    })
    assert.equal(trouble, null)
    if (state !== 'running') return `${state}: ${error?.message}`
  }
}

test('a manager of one instance is not told why an upstream or an old server cannot be used', async (t) => {
  const { body, during, own, all } = await open(t)
  const named = { instance: 'red', body }
  await assert.rejects(
    during(own.call(upstreamRoutes.setUpstream, named)),
    refused(/^the old server cannot be used: /),
  )
  await assert.rejects(
    all.call(upstreamRoutes.setUpstream, named),
    refused(/does not answer: .*nothing listens/),
  )
  assert.match(await during(adopted(own, body)), /^failed: the old server cannot be used: /)
  assert.match(await during(adopted(all, body)), /^failed: the old server does not answer: .*nothing listens/)
})

test('where hosts are listed, the others are refused, and a listed one is no secret', async (t) => {
  const { body, during, own, all } = await open(t, { MORTISE_ADOPT_HOSTS: '127.0.0.1:1' })
  const listed = { ...body, servers: ['127.0.0.1:1'] }
  for (const admin of [own, all]) {
    const unlisted = refused(/^127\.0\.0\.1:\d+ is not among the hosts that this server may adopt from$/)
    await assert.rejects(admin.call(upstreamRoutes.setUpstream, { instance: 'red', body }), unlisted)
    await assert.rejects(admin.call(adoptionRoutes.beginAdoption, { instance: 'red', body }), unlisted)
    await assert.rejects(
      admin.call(upstreamRoutes.setUpstream, { instance: 'red', body: listed }),
      refused(/does not answer: .*nothing listens/),
    )
    assert.match(await during(adopted(admin, listed)), /^failed: the old server does not answer: /)
  }
})

test('why an upstream that was not listed did not answer is shown to managers of all instances alone', async (t) => {
  const { door, body, own, all } = await open(t)
  const { servers, certificate, trust } = body
  const sha256 = trust.fingerprint
  const upstream = { id: 'setting-1', servers, certificate, trust: { by: 'fingerprint', sha256 } as const }
  const key = door.context.upstreamKeys.stored(upstream, Buffer.from(body.privateKey))
  await door.context.trust.upstreams.set(serverActor, door.red.id, { upstream, key })
  const failure = { atMs: door.context.clock.now(), message: 'connect ECONNREFUSED' }
  const health = { lastAnswerMs: null, lastFailure: failure, failing: true, notAdopted: [] }
  door.context.kmip.adopt.health = () => health
  const shown = async (admin: AdminClient) => {
    const { upstream: found } = await admin.call(instanceRoutes.showInstance, { instance: 'red' })
    const { instances, conditions } = await admin.call(statusRoutes.status)
    const condition = conditions.find(({ id }) => id === 'upstream-not-answering')
    return [
      found?.lastFailure?.message,
      instances.find(({ id }) => id === door.red.id)?.upstream?.lastFailure?.message,
      /ECONNREFUSED/.test(condition?.message ?? 'no condition'),
      condition !== undefined,
    ]
  }
  assert.deepEqual(await shown(own), ['no answer', 'no answer', false, true])
  assert.deepEqual(await shown(all), ['connect ECONNREFUSED', 'connect ECONNREFUSED', false, true])
})
