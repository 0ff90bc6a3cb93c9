// The client of vCenter's API with the real vcsim, behind the proxy that does wrong on command: it ends in bounded time and memory,
// it does not go to a vCenter that is not the trusted one, and its session goes on.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { presentedCertificate } from '../../../src/outside/vsphere-api/certificate.ts'
import { VsphereConnection } from '../../../src/outside/vsphere-api/connection.ts'
import { VsphereError, type VsphereErrorKind } from '../../../src/outside/vsphere-api/errors.ts'
import { openSession, type VsphereSession } from '../../../src/outside/vsphere-api/session.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { failsInTime } from '../../support/time/passing-time.ts'
import type { Trouble } from '../../support/vcenter/troubles.ts'
import { startVcenter, type Vcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'

const self = { type: 'ServiceInstance', id: 'ServiceInstance' }
const on = 'CurrentTime'

interface Site {
  readonly vcenter: Vcenter
  readonly session: VsphereSession
  readonly clock: MovableClock
}

function clientTest(name: string, run: (site: Site, t: TestContext) => Promise<void>): void {
  test(name, { timeout: vcsimTestTimeoutMs }, async (t) => {
    const vcenter = await startVcenter(t, { arguments: ['-vm', '0'] })
    if (!vcenter) return
    const { connection, clock } = connect(t, vcenter)
    const { username: user, password } = vcenter
    const session = await openSession(connection, { user, password: Buffer.from(password) })
    t.after(() => session.end())
    await run({ vcenter, session, clock }, t)
  })
}

function connect(t: TestContext, { host, port, shown }: Pick<Vcenter, 'host' | 'port' | 'shown'>) {
  const clock = new MovableClock()
  const trust = { fingerprint: shown.sha256 }
  const connection = new VsphereConnection({ address: { host, port }, trust, clock })
  t.after(() => connection.close())
  return { connection, clock }
}

const now = (session: VsphereSession) => session.call(self, on)

function isError(kind: VsphereErrorKind, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof VsphereError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, message)
    return true
  }
}

clientTest('what vCenter is, its time, and the end of the session', async ({ vcenter, session }, t) => {
  assert.match(session.about.product, /vCenter Server/)
  assert.equal(session.about.apiType, 'VirtualCenter')
  assert.notEqual(session.about.instanceUuid, undefined)
  assert.deepEqual(session.content.rootFolder, { type: 'Folder', id: 'group-d1' })
  assert.equal(session.content.cryptoManager?.type, 'CryptoManagerKmip')
  const [time] = await now(session)
  assert.ok(Math.abs(Date.parse(time?.text ?? '') - Date.now()) < 3600_000)
  const { host, port, shown } = vcenter
  const seen = await presentedCertificate({ host, port }, { waitMs: 10_000, clock: new MovableClock() })
  assert.equal(seen.fingerprint, shown.sha256)
  await session.end()
  assert.equal((await vcenter.calls()).at(-1), 'Logout')
  // No session is left but the proxy's own.
  assert.equal(await vcenter.endSessions(), 0)
  const wrong = openSession(connect(t, vcenter).connection, { user: 'user', password: Buffer.from('wrong') })
  await assert.rejects(wrong, isError('login', /InvalidLogin/))
})

clientTest('answers that are too large or have no end are refused, and the next call works', async (site) => {
  const { vcenter, session } = site
  for (const kind of ['huge', 'endless'] as const) {
    await vcenter.trouble({ on, kind })
    await assert.rejects(now(session), isError('answer', /is refused: it has more than/))
    await now(session)
  }
  await vcenter.trouble({ on, kind: 'huge' })
  const stream = session.stream(self, on, [], ['returnval'])
  let read = 0
  for await (const { text } of stream) read += text.length
  assert.ok(read > 90 * 1024 * 1024)
})

clientTest('a vCenter that hangs, or answers a byte a minute, is given up in time', async (site) => {
  const { vcenter, session, clock } = site
  for (const trouble of [{ kind: 'hang' }, { kind: 'drip' }] satisfies Trouble[]) {
    await vcenter.trouble({ on, ...trouble })
    assert.ok(isError('answer', /answers too slowly/)(await failsInTime(clock, now(session))))
    await vcenter.trouble({ on, ...trouble })
    const abort = new AbortController()
    const call = session.call(self, on, [], { signal: abort.signal })
    const reason = new Error('no longer wanted')
    abort.abort(reason)
    await assert.rejects(call, reason)
    await vcenter.calm()
    await now(session)
  }
})

clientTest(
  'a connection that is reset, a status and a fault are errors, and nothing is repeated',
  async (site) => {
    const { vcenter, session } = site
    await now(session)
    for (const [trouble, kind, message] of [
      [{ kind: 'reset-before' }, 'unreachable', /cannot be reached/],
      [{ kind: 'reset-after' }, 'unreachable', /cannot be reached/],
      [{ kind: 'reset-mid' }, 'unreachable', /cannot be reached/],
      [{ kind: 'status', status: 503 }, 'unreachable', /HTTP status 503/],
      [{ kind: 'status', status: 404 }, 'answer', /HTTP status 404/],
      [{ kind: 'fault', fault: 'InvalidState' }, 'fault', /InvalidState: A fault of a test\./],
      [
        { kind: 'fault', fault: 'NoPermission', fields: { privilegeId: 'A.B' } },
        'privilege',
        /the user lacks A\.B/,
      ],
    ] satisfies (readonly [Trouble, VsphereErrorKind, RegExp])[]) {
      await vcenter.forgetCalls()
      await vcenter.trouble({ on, ...trouble })
      await assert.rejects(now(session), isError(kind, message))
      assert.deepEqual(await vcenter.calls(), [on])
    }
    await now(session)
  },
)

clientTest('a session that has ended is begun again, once for all calls', async ({ vcenter, session }) => {
  const { key } = session
  await vcenter.forgetCalls()
  await vcenter.trouble({ on, kind: 'end-session' })
  await Promise.all([now(session), now(session), now(session)])
  const logins = (await vcenter.calls()).filter((name) => name === 'Login')
  assert.equal(logins.length, 1)
  assert.notEqual(session.key, key)
  assert.equal(await vcenter.endSessions(), 1)
  await assert.rejects(session.call(self, on, [], { isBound: true }), isError('login', /NotAuthenticated/))
})

clientTest('another certificate gets no request, also in the middle of the work', async (site, t) => {
  const { vcenter, session } = site
  await now(session)
  await vcenter.trouble({ on, kind: 'certificate' })
  // The call during which it changes has its answer.
  await now(session)
  await vcenter.forgetCalls()
  const next = await vcenter.shownNow()
  for (let round = 0; round < 2; round++)
    await assert.rejects(now(session), isError('certificate', new RegExp(next.sha256)))
  assert.deepEqual(await vcenter.calls(), [])
  const { host, port } = vcenter
  const { username: user, password } = vcenter
  const { connection } = connect(t, { host, port, shown: next })
  const other = await openSession(connection, { user, password: Buffer.from(password) })
  await now(other)
  await other.end()
})
