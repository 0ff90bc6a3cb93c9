// What needs somebody soon: in the log once a day, in health, in status and in the metrics, from the same list. The
// clock is moved; the certificates are real.

import assert from 'node:assert/strict'
import type { Clock } from '../../../src/core/ports/clock.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { after, before, test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import type { Conditions } from '../../../src/core/conditions/conditions.ts'
import type { ReadinessFacts } from '../../../src/core/server/readiness-facts.ts'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { metricsIn } from '../../../src/outside/telemetry/metric-table.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import {
  accessConditions,
  accessGauges,
  accessMetrics,
  type AccessFacts,
} from '../../../src/features/status/conditions/access.ts'
import { Watch } from '../../../src/features/status/watch.ts'
import { load } from '../../../src/program/features.ts'
import { openFeatures } from '../../../src/program/open-features.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { edit, peerOf, manager } from '../../support/server/core.ts'
import { quietReadiness } from '../../support/server/quiet-facts.ts'

const dayMs = 24 * 3600_000
let door: TestDoor
const opened = new AsyncDisposableStack()
/** Days that the clock is ahead. */
let ahead = 0
const clock: Clock = {
  ...systemClock,
  now: () => Date.now() + ahead * dayMs,
  monotonic: () => performance.now() + ahead * dayMs,
}
before(async () => {
  door = await startDoor()
  const { certificate } = await makeCertificate({ commonName: 'vc', ownKey: true, toDays: 100 })
  const wanted = { instanceId: door.red.id, name: 'vc', certificate }
  await door.context.trust.clients.trustCertificate(manager, wanted)
})
after(async () => {
  await opened.disposeAsync()
  await door.close()
})

/** The audit log was exported that day, which is a condition of its own otherwise. */
async function turnClock(days: number): Promise<void> {
  ahead = days
  await door.context.notes.write('audit-export', { atMs: clock.now(), by: 'a test' })
}

interface Line {
  readonly level: string
  readonly message: string
  readonly condition: string
  readonly action: string
}

type Context = TestDoor['context']

/** The conditions of all features but one, opened over a context of which a test has changed some parts. Turned clocks make backups too old. */
async function conditionsOver(context: Context): Promise<Conditions> {
  const { backup: _, ...others } = await load('server')
  return (await openFeatures(context, opened, others)).conditions
}
const conditionsNow = async (context: Context) => (await (await conditionsOver(context)).gather()).conditions
const conditionsInSight = async (context: Context) => (await conditionsOver(context)).inSight()

const withConditions = async (changed: Context) =>
  Object.create(changed, { conditions: { value: await conditionsOver(changed) } }) as Context

async function watching(
  degraded: ReadinessFacts['degraded'] = new Map(),
  watched = door,
  turned: Clock = clock,
  change = (context: Context) => context,
) {
  const lines: Line[] = []
  const metrics = createMetrics()
  const context = {
    ...watched.context,
    clock: turned,
    // Conditions of their own, which other tests have.
    machine: { ...watched.context.machine, rootKeyFiles: async () => [] },
    readiness: async () => ({ ...quietReadiness, degraded }),
  }
  const watch = new Watch({
    context: await withConditions(change(context)),
    measure: (gathered) => {
      if (gathered)
        accessGauges(gathered.of<AccessFacts>(accessConditions), metricsIn(metrics.registry, accessMetrics))
    },
    store: {
      objectCounts: (id, nowMs) => watched.context.store.objectCounts(id, nowMs),
      health: () => ({ writable: true, reason: null, handsOut: true }),
    },
    metrics,
    log: createLog({ format: 'json', level: 'info', write: (line) => lines.push(JSON.parse(line) as Line) }),
    alarms: async () => 0,
    reports: async () => [],
    prune: async () => false,
  })
  return { watch, lines, context }
}

test('an expiry is warned about from 30 days on, once a day, and still when it is past', async () => {
  const { watch, lines, context } = await watching()
  await turnClock(69)
  await watch.look()
  assert.equal(lines.length, 0)
  await turnClock(71)
  await watch.look()
  await watch.look()
  assert.equal(lines.length, 1)
  assert.deepEqual([lines[0]?.level, lines[0]?.condition], ['warn', 'certificate-expires'])
  assert.match(
    lines[0]?.message ?? '',
    /a certificate of the client vc of the instance red expires in (28|29) days/,
  )
  assert.match(lines[0]?.action ?? '', /mortise client trust/)
  await turnClock(71.9)
  await watch.look()
  assert.equal(lines.length, 1)
  await turnClock(72.1)
  await watch.look()
  assert.equal(lines.length, 2)
  await turnClock(103)
  await watch.look()
  assert.match(lines[2]?.message ?? '', /expired [23] days ago/)
  assert.equal((await conditionsNow(context)).length, 1)
  const metrics = await watch.metrics()
  assert.match(metrics, /^mortise_certificate_days_left\{kind="client"\} -[34]$/m)
  assert.match(metrics, /^mortise_certificates_expiring\{kind="client"\} 1$/m)
  assert.match(metrics, /^mortise_conditions\{id="certificate-expired",severity="critical"\} 1$/m)
  await turnClock(0)
})

async function lookThatFails({ stopped }: { readonly stopped: boolean }): Promise<readonly string[]> {
  const closing = Promise.withResolvers<never>()
  const { watch } = await watching(undefined, undefined, undefined, (context) => ({
    ...context,
    marks: Object.assign(Object.create(context.marks) as Context['marks'], { check: () => closing.promise }),
  }))
  const failures: string[] = []
  watch.start((error) => failures.push(String(error)))
  if (stopped) watch.stop()
  closing.reject(new StoreUnavailable('unavailable', 'the store is closed'))
  await watch.look().catch(() => {})
  watch.stop()
  return failures
}

test('a look that fails says so, unless the server stopped meanwhile and closed the store under it', async () => {
  assert.deepEqual(await lookThatFails({ stopped: false }), ['StoreUnavailable: the store is closed'])
  assert.deepEqual(await lookThatFails({ stopped: true }), [])
})

test("the server's own certificates are watched too", async () => {
  const { context } = await watching()
  const left = door.context.serverCertificate().notAfterMs - Date.now()
  ahead = left / dayMs - 10.5
  const own = (await conditionsNow(context)).filter(({ message }) =>
    message.startsWith("the server's certificate"),
  )
  assert.match(own[0]?.message ?? '', /expires in 10 days/)
  assert.match(own[0]?.action ?? '', /server-cert renew/)
  ahead = 0
})

test('the first token is warned about after seven days, until it is revoked', async () => {
  const { watch, lines } = await watching()
  const wanted = { role: 'manager', instanceId: null, expiresMs: null } as const
  const { token } = await door.context.trust.tokens.create(serverActor, { ...wanted, name: 'bootstrap' })
  await door.context.trust.tokens.create(serverActor, { ...wanted, name: 'alice' })
  ahead = 6.9
  await watch.look()
  assert.equal(lines.length, 0)
  ahead = 8.1
  await watch.look()
  assert.deepEqual(
    lines.map(({ condition }) => condition),
    ['bootstrap-token'],
  )
  assert.match(lines[0]?.message ?? '', /first token.*8 days old/)
  await door.context.trust.tokens.revoke(serverActor, token.id, null)
  ahead = 10
  await watch.look()
  assert.equal(lines.length, 1)
  ahead = 0
})

test('an instance whose root key cannot be used is named where its name may be seen', async () => {
  const { watch, lines, context } = await watching(new Map([[door.red.id, 'withdrawn']]))
  await watch.look()
  assert.match(lines[0]?.message ?? '', /root key of the instance red was withdrawn/)
  const [warning] = await conditionsNow(context)
  assert.equal(warning?.instanceId, door.red.id)
  const metrics = await watch.metrics()
  assert.match(metrics, /^mortise_degraded_instances 1$/m)
  for (const [condition, count] of Object.entries({ ok: 1, unreachable: 0, withdrawn: 1, failing: 0 }))
    assert.match(metrics, new RegExp(`^mortise_root_keys\\{condition="${condition}"\\} ${count}$`, 'm'))
})

const away = (error: Error, context: Context) => {
  const { access } = context
  const snapshot = async () => {
    throw error
  }
  const unready = { ...quietReadiness, ready: false, reason: 'the database is away' }
  return {
    ...context,
    access: Object.assign(Object.create(access) as typeof access, { snapshot }),
    readiness: async () => unready,
  }
}

test('while the store does not answer, it is known what shows without it, and that this is not all', async () => {
  const { context } = await watching()
  const seen = await conditionsInSight(away(new StoreUnavailable('unavailable', 'away'), context))
  assert.deepEqual(
    [seen.isWhole, seen.conditions.map(({ id, message }) => `${id}: ${message}`)],
    [false, ['not-ready: this node cannot serve: the database is away']],
  )
  assert.deepEqual(await conditionsInSight(context), {
    conditions: await conditionsNow(context),
    isWhole: true,
  })
  await assert.rejects(conditionsInSight(away(new Error('a bug'), context)), /a bug/)
})

test('while a root key was not heard of since the start, nothing is over', async () => {
  const { context } = await watching()
  const seen = async (unknown: readonly string[]) => {
    const readiness = async () => ({ ...quietReadiness, unknown: new Set(unknown) })
    return (await conditionsInSight({ ...context, readiness })).isWhole
  }
  assert.deepEqual([await seen([door.red.id]), await seen([])], [false, true])
})

test('while the store does not answer, the metrics that are known without it are there, and no others', async () => {
  let isAway = false
  const { watch } = await watching(undefined, undefined, undefined, (context) => {
    const gone = away(new StoreUnavailable('unavailable', 'away'), context)
    return {
      ...context,
      get access() {
        return (isAway ? gone : context).access
      },
      readiness: () => (isAway ? gone : context).readiness(),
    }
  })
  assert.match(await watch.metrics(), /^mortise_instances 2$/m)
  isAway = true
  const metrics = await watch.metrics()
  assert.match(metrics, /^mortise_ready 0$/m)
  assert.match(metrics, /^mortise_conditions\{id="not-ready",severity="critical"\} 1$/m)
  assert.match(metrics, /^process_cpu_seconds_total /m)
  assert.doesNotMatch(metrics, /^mortise_(?:instances|objects|backup_last_success_timestamp_seconds)\b/m)
  assert.doesNotMatch(metrics, /id="disk-low"/)
  isAway = false
  assert.match(await watch.metrics(), /^mortise_instances 2$/m)
})

test('each look checks all rows of trust, also where nothing seems to have changed', async (t) => {
  const alarms: string[] = []
  const altered = await startDoor({ alarm: (message) => alarms.push(message) })
  t.after(() => altered.close())
  const { access, trust } = altered.context
  const identity = await makeCertificate({ commonName: 'vc', ownKey: true })
  const { certificate } = identity
  await trust.clients.trustCertificate(manager, { instanceId: altered.red.id, name: 'vc', certificate })
  const { watch, lines } = await watching(undefined, altered)
  await watch.look()
  assert.equal((await access.identify(peerOf(identity))).trusted, true)
  // With the trust version as it was: the rows that are in memory would count until the next change.
  edit(altered.file, `UPDATE trust SET body = replace(body, 'vc', 'xx') WHERE kind = 'client'`)
  assert.deepEqual(alarms, [])
  await watch.look()
  assert.equal(alarms.length, 1)
  assert.match(alarms[0] ?? '', /client\/.*altered/)
  assert.deepEqual(
    lines.map(({ condition }) => condition),
    ['tampering'],
  )
  assert.equal((await access.identify(peerOf(identity))).trusted, false)
  await watch.look()
  assert.equal(alarms.length, 1)
  edit(altered.file, `UPDATE trust SET body = replace(body, 'xx', 'vc') WHERE kind = 'client'`)
  await watch.look()
  assert.equal((await access.identify(peerOf(identity))).trusted, true)
  edit(altered.file, `UPDATE trust SET body = replace(body, 'vc', 'xx') WHERE kind = 'client'`)
  await watch.look()
  assert.equal(alarms.length, 2, 'what was mended and altered again is told again')
})

test('an hour later it looks by itself, and not before', async (t) => {
  const alarms: string[] = []
  const found = Promise.withResolvers<void>()
  const altered = await startDoor({
    alarm: (message) => {
      alarms.push(message)
      found.resolve()
    },
  })
  t.after(() => altered.close())
  const turned = new MovableClock()
  const { watch } = await watching(undefined, altered, turned)
  watch.start((error) => found.reject(error))
  t.after(() => watch.stop())
  await watch.look()
  edit(altered.file, `UPDATE trust SET body = replace(body, 'red', 'dre') WHERE kind = 'instance'`)
  turned.pass(3600_000 - 1)
  await altered.context.access.snapshot()
  assert.deepEqual(alarms, [])
  turned.pass(1)
  await found.promise
  assert.match(alarms[0] ?? '', /instance\/.*altered/)
})
