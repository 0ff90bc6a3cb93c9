// Changes that concern keys: which they are, how often vCenter is asked, and answers that are late, endless or not understood.

import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  VsphereConnection,
  type VsphereConnectionOptions,
} from '../../../src/outside/vsphere-api/connection.ts'
import { keyChanges } from '../../../src/outside/vsphere-api/changes.ts'
import { VsphereError } from '../../../src/outside/vsphere-api/errors.ts'
import { openSession } from '../../../src/outside/vsphere-api/session.ts'
import type { MovableClock } from '../../support/time/movable-clock.ts'
import { until } from '../../support/time/until.ts'
import { answer, ApiServer, fault, type ApiReply } from './api-server.ts'

const poll = 'WaitForUpdatesEx'

/** Answers the polls by these replies in turn, and hangs after the last. */
async function site(
  t: TestContext,
  replies: readonly (string | ApiReply)[],
  around: (clock: MovableClock) => VsphereConnectionOptions['clock'] = (clock) => clock,
) {
  let polls = 0
  const hanging: ServerResponse[] = []
  const server = await ApiServer.start(t, {
    CreatePropertyCollector: '<returnval type="PropertyCollector">own</returnval>',
    CreateContainerView: '<returnval type="ContainerView">view-1</returnval>',
    CreateFilter: '<returnval type="PropertyFilter">filter-1</returnval>',
    [poll]: (response, call) => {
      const reply = replies[polls++]
      if (reply === undefined) hanging.push(response)
      else if (typeof reply === 'string') response.end(answer(poll, reply))
      else reply(response, call)
    },
  })
  const { address, trust } = server
  const connection = new VsphereConnection({ address, trust, clock: around(server.clock) })
  t.after(() => connection.close())
  const session = await openSession(connection, { user: 'u', password: Buffer.from('p') })
  server.calls.length = 0
  const abort = new AbortController()
  /** The number of polls at each yield. */
  const yields: number[] = []
  const ended = (async () => {
    for await (const _ of keyChanges(session, abort.signal)) yields.push(polls)
  })()
  ended.catch(() => undefined)
  t.after(() => abort.abort())
  return { server, session, abort, yields, ended, hanging, polls: () => polls, clock: server.clock }
}

function updates(version: string, objects: string, more = ''): string {
  return `<returnval><version>${version}</version><filterSet><filter type="PropertyFilter">f</filter>${objects}</filterSet>${more}</returnval>`
}

type Value = readonly [path: string, value?: string]

function update(kind: string, type: string, id: string, ...values: readonly Value[]): string {
  const changes = values.map(
    ([path, value]) =>
      `<changeSet><name>${path}</name><op>assign</op>${value === undefined ? '' : `<val>${value}</val>`}</changeSet>`,
  )
  return `<objectSet><kind>${kind}</kind><obj type="${type}">${id}</obj>${changes.join('')}</objectSet>`
}

const vm = (id: string, ...values: readonly Value[]) => update('modify', 'VirtualMachine', id, ...values)
const key = '<keyId>k</keyId><providerId><id>P</id></providerId>'
const keyed = vm('vm-1', ['config.keyId', key])

test('changes of keys, and of machines that have one, are told; those of other machines are not', async (t) => {
  const steps: readonly (readonly [isRelevant: boolean, objects: string])[] = [
    [false, vm('vm-2', ['config.changeVersion', '2'])],
    [false, vm('vm-2', ['name', 'n'], ['snapshot', '<rootSnapshotList/>'])],
    [true, vm('vm-1', ['config.changeVersion', '2'])],
    [true, vm('vm-1', ['snapshot'])],
    [true, vm('vm-2', ['config.keyId', key])],
    [true, vm('vm-2', ['name', 'n'])],
    [true, vm('vm-2', ['config.keyId'])],
    [false, vm('vm-2', ['config.changeVersion', '3'])],
    [false, vm('vm-2', ['config.keyId'])],
    [false, update('leave', 'VirtualMachine', 'vm-2')],
    [true, update('leave', 'VirtualMachine', 'vm-1')],
    [false, update('enter', 'VirtualMachine', 'vm-3', ['name', 'n'], ['runtime.cryptoState', 'safe'])],
    [true, update('enter', 'VirtualMachine', 'vm-4', ['name', 'n'], ['config.keyId', key])],
    [true, vm('vm-3', ['runtime.cryptoState', 'locked'])],
    [true, update('modify', 'HostSystem', 'host-1', ['runtime.cryptoKeyId', key])],
    [false, vm('vm-3', ['name', 'n']) + vm('vm-3', ['config.changeVersion', '4'])],
    [true, vm('vm-3', ['name', 'n']) + vm('vm-4', ['name', 'n'])],
  ]
  const first = updates(
    'v1',
    update('enter', 'VirtualMachine', 'vm-1', ['name', 'one'], ['config.keyId', key]),
    '<truncated>true</truncated>',
  )
  const second = updates(
    'v2',
    update('enter', 'VirtualMachine', 'vm-2', ['name', 'two']) +
      update('enter', 'HostSystem', 'host-1', ['runtime.cryptoState', 'incapable']),
  )
  const { server, yields, polls, clock } = await site(t, [
    first,
    second,
    '',
    ...steps.map(([, objects], index) => updates(`v${index + 3}`, objects)),
  ])
  clock.passedSleepMs = 1_000
  await until(() => polls() === steps.length + 4)
  const relevant = steps.flatMap(([isRelevant], index) => (isRelevant ? [index + 4] : []))
  assert.deepEqual(yields, [2, ...relevant])

  const bodies = server.calls.filter(({ name }) => name === poll).map(({ body }) => body)
  const versions = bodies.map((body) => /<version>(.*?)<\/version>/.exec(body)?.[1])
  assert.deepEqual(versions.slice(0, 5), ['', 'v1', 'v2', 'v2', 'v3'])
  assert.match(
    bodies[0] ?? '',
    /<maxWaitSeconds>60<\/maxWaitSeconds><maxObjectUpdates>500<\/maxObjectUpdates>/,
  )
  assert.deepEqual(server.names.slice(0, 3), [
    'CreatePropertyCollector',
    'CreateContainerView',
    'CreateFilter',
  ])
  const filter = server.calls[2]?.body ?? ''
  assert.match(filter, /<pathSet>config\.keyId<\/pathSet>/)
  assert.ok(!filter.includes('device'), 'devices are large')
})

test('vCenter is asked once a second at most', async (t) => {
  const { session, yields, polls, clock } = await site(t, [updates('v1', ''), updates('v2', keyed)])
  const other = () => session.call({ type: 'ServiceInstance', id: 'ServiceInstance' }, 'CurrentTime')
  await until(() => yields.length === 1)
  await nextTurn()
  clock.pass(999)
  await other()
  assert.equal(polls(), 1)
  clock.pass(1)
  await until(() => yields.length === 2)
  assert.equal(polls(), 2)
})

test('the longer changes take, the longer is the pause, but for those at the beginning', async (t) => {
  const pauses: number[] = []
  const { abort, ended, hanging } = await site(t, [updates('v1', keyed), updates('v2', keyed)], (clock) => ({
    after: (delayMs, work) => clock.after(delayMs, work),
    // Each look at this clock takes two seconds.
    monotonic: () => {
      clock.pass(2_000)
      return clock.monotonic()
    },
    sleep: async (delayMs) => void pauses.push(delayMs),
  }))
  await until(() => hanging.length === 1)
  abort.abort()
  await assert.rejects(ended)
  const [first, second = 0] = pauses
  assert.equal(first, 1_000)
  assert.ok(second >= 8_000, String(second))
})

test('a poll may be silent for longer than other calls, and ends at once when it is given up', async (t) => {
  const { abort, ended, hanging, polls, clock } = await site(t, [updates('v1', '')])
  clock.passedSleepMs = 1_000
  await until(() => hanging.length === 1)
  clock.pass(75_000)
  hanging[0]?.end(answer(poll, ''))
  await until(() => polls() === 3)
  const reason = new Error('the server stops')
  abort.abort(reason)
  await assert.rejects(ended, reason)
})

test('an answer of one byte a minute, or of none, is given up', async (t) => {
  const { ended, hanging, clock } = await site(t, [])
  await until(() => hanging.length === 1)
  const body = answer(poll, updates('v1', ''))
  for (let index = 0; index < 4; index++) {
    hanging[0]?.write(body[index])
    clock.pass(60_000)
  }
  await assert.rejects(ended, isError(/answers too slowly/))

  const silent = await site(t, [])
  await until(() => silent.hanging.length === 1)
  silent.clock.pass(90_000)
  await assert.rejects(silent.ended, isError(/silence for 90 s/))
})

test('pages without an end, without changes, or without a version are errors', async (t) => {
  const many = vm('vm-1', ['name', 'n']).repeat(50_000)
  const endless = await site(
    t,
    Array.from({ length: 10 }, () => updates('v1', many, '<truncated>true</truncated>')),
  )
  await assert.rejects(endless.ended, isError(/more than 200000 objects/))
  assert.equal(endless.polls(), 5)
  for (const [reply, message] of [
    [updates('v1', '', '<truncated>true</truncated>'), /a page without changes/],
    [updates('', vm('vm-1')), /no version/],
    ['<returnval/>', /lacks version/],
    [updates('v1', '<objectSet><kind>modify</kind></objectSet>'), /lacks the object/],
  ] as const) {
    const { ended } = await site(t, [reply])
    await assert.rejects(ended, isError(message))
  }
})

test('a session or a collector that has ended is an error, and no call logs in again', async (t) => {
  for (const name of ['NotAuthenticated', 'InvalidCollectorVersion', 'ManagedObjectNotFound']) {
    const { server, ended, clock } = await site(t, [updates('v1', ''), fault(name, 'no')])
    clock.passedSleepMs = 1_000
    await assert.rejects(ended, (error) => error instanceof VsphereError && error.fault === name)
    assert.ok(!server.names.includes('Login'))
  }
})

function isError(message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof VsphereError, String(error))
    assert.equal(error.kind, 'answer')
    assert.match(error.message, message)
    return true
  }
}
