// What the root keys of instances say, over time: each change once in audit and log, shown by condition, and back again
// by itself, also when nobody asks for a key. The keyring is real, its root key is told to fail, the clock is moved.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import { rootKeyWaitMs } from '../../../src/base/bounds.ts'
import { rootKeyLookEveryMs } from '../../../src/core/server/root-key-watch.ts'
import { CloudError } from '../../../src/outside/rootkey/clouds/error.ts'
import { makeInstance, openCore } from '../../support/server/core.ts'
import { FaultyRootKey } from '../../support/root-keys/faulty-root-key.ts'
import { until } from '../../support/time/until.ts'

/** As a refusal of Key Protect looks to those who know root keys only. */
class ServiceError extends RootKeyError {
  readonly call = 'unwrap'
  readonly correlationId = '11111111-2222-4333-8444-555555555555'
  readonly refusal = { status: 409, code: 'KEY_ACTION_INVALID_STATE_ERR', message: 'not for the audit' }
}

class Deleted extends ServiceError {
  override readonly refusal = { status: 410, code: 'KEY_DELETED_ERR', message: 'not for the audit' }
}

function refusalOf(code: string): CloudError {
  return new CloudError('root-key', `AWS KMS says ${code}`, { status: 400, code, transient: false })
}

async function opened(t: TestContext) {
  const service: { no: RootKeyError | null } = { no: null }
  const core = await openCore(t, {
    open: async (rootKey) => {
      if (service.no) throw service.no
      return rootKey
    },
  })
  const { clock, audit, readiness } = core
  const instance = await makeInstance(core, 'red')
  const entries = async () => {
    await readiness.rootKeys.stop()
    const all = (await audit.list({ order: 'oldest', limit: 100 })).entries
    const told = all.map(({ body }) => JSON.parse(body) as Entry)
    return told.filter(({ action }) => action.startsWith('root-key.'))
  }
  /** A look, half a minute later. */
  const look = async () => {
    clock.pass(30_000)
    return readiness.now(core)
  }
  return { ...core, service, instance, entries, look }
}

interface Entry {
  readonly action: string
  readonly result: string
  readonly instanceId: string
  readonly actor: { readonly kind: string }
  readonly detail: Readonly<Record<string, unknown>>
}

test('unreachable, withdrawn, answers: each change is entered once, by the server, with the kind of no', async (t) => {
  const { rootKey, service, instance, look, entries, lines, clock } = await opened(t)
  assert.equal((await look()).degraded.size, 0)
  rootKey.fault = 'unreachable'
  clock.pass(instance.cacheSeconds * 1000)
  for (let turn = 0; turn < 3; turn++)
    assert.deepEqual([...(await look()).degraded], [[instance.id, 'unreachable']])
  rootKey.fault = null
  assert.equal((await look()).degraded.size, 0, 'asked by the look, though memory would do')
  service.no = new ServiceError('root-key', 'Key Protect says no')
  clock.pass(instance.cacheSeconds * 1000)
  for (let turn = 0; turn < 3; turn++)
    assert.deepEqual([...(await look()).degraded], [[instance.id, 'withdrawn']])
  service.no = null
  rootKey.fault = 'unreachable'
  assert.deepEqual([...(await look()).degraded.values()], ['withdrawn'], 'a no stands until there is a yes')
  rootKey.fault = null
  const last = await look()
  assert.deepEqual([last.ready, last.degraded.size], [true, 0])
  const told = await entries()
  const { rootKeyUri } = instance
  assert.deepEqual(
    told.map(({ action, result }) => [action, result]),
    [
      ['root-key.unreachable', 'refused'],
      ['root-key.answers', 'success'],
      ['root-key.withdrawn', 'refused'],
      ['root-key.answers', 'success'],
    ],
  )
  assert.ok(told.every((entry) => entry.actor.kind === 'server' && entry.instanceId === instance.id))
  assert.deepEqual(
    told.map(({ detail }) => detail),
    [
      { rootKeyUri, reach: 'unreachable' },
      { rootKeyUri, before: 'unreachable' },
      {
        rootKeyUri,
        reach: 'root-key',
        call: 'unwrap',
        status: 409,
        code: 'KEY_ACTION_INVALID_STATE_ERR',
        correlationId: '11111111-2222-4333-8444-555555555555',
      },
      { rootKeyUri, before: 'withdrawn' },
    ],
  )
  const said = lines.filter(({ message }) => message.includes('root key'))
  assert.deepEqual(
    said.map(({ level }) => level),
    ['error', 'info', 'error', 'info'],
  )
})

test('the reason that is shown for a root key that does not answer is the latest, and is logged where it is of another kind', async (t) => {
  const { service, instance, look, readiness, lines, clock } = await opened(t)
  await look()
  clock.pass(instance.cacheSeconds * 1000)
  const reasons = () => readiness.rootKeys.reasonsOf(new Map([[instance.id, instance]])).get(instance.id)
  for (const reason of ['no such host', 'connection refused']) {
    service.no = new RootKeyError('unreachable', reason)
    await look()
    assert.match(reasons() ?? '', new RegExp(reason))
  }
  const said = lines.filter(({ message }) => message.includes('root key'))
  assert.deepEqual(
    said.map(({ level }) => level),
    ['error'],
  )
})

test('keys in memory are served while the root key cannot be reached, for a bounded time, and not once it refuses', async (t) => {
  const { rootKey, instance, look, clock } = await opened(t)
  const { cacheSeconds, outageSeconds } = instance
  const served = async () => [...(await look()).fromMemory]
  assert.deepEqual(await served(), [], 'no trouble, so the root key serves')
  rootKey.fault = 'unreachable'
  clock.pass(cacheSeconds * 1000)
  assert.deepEqual(await served(), [instance.id])
  clock.pass(outageSeconds * 1000)
  assert.deepEqual(await served(), [])
  rootKey.fault = null
  await look()
  rootKey.fault = 'root-key'
  clock.pass(cacheSeconds * 1000)
  assert.deepEqual(await served(), [])
})

test('a withdrawn root key that is refused for another reason: that one is told, once', async (t) => {
  const { service, instance, look, entries, lines, clock, readiness, access } = await opened(t)
  const reason = async () => {
    await look()
    return readiness.rootKeys.reasonsOf((await access.snapshot()).tables.instance).get(instance.id)
  }
  service.no = new ServiceError('root-key', 'Key Protect says that it is disabled')
  clock.pass(instance.cacheSeconds * 1000)
  assert.equal(await reason(), 'Key Protect says that it is disabled')
  service.no = new Deleted('root-key', 'Key Protect says that it was deleted')
  for (let turn = 0; turn < 3; turn++) assert.equal(await reason(), 'Key Protect says that it was deleted')
  assert.deepEqual(
    (await entries()).map(({ action }) => action),
    ['root-key.withdrawn'],
  )
  const said = lines.filter(({ message }) => message.includes('root key'))
  assert.deepEqual(
    said.map(({ level }) => level),
    ['error', 'warn'],
  )
})

test('a refusal of a cloud is entered with its status and code, and another reason is told; words are not', async (t) => {
  const { service, instance, look, entries, lines, clock } = await opened(t)
  service.no = refusalOf('DisabledException')
  clock.pass(instance.cacheSeconds * 1000)
  await look()
  service.no = refusalOf('NotFoundException')
  for (let turn = 0; turn < 3; turn++) await look()
  const said = lines.filter(({ message }) => message.includes('root key'))
  assert.deepEqual(
    said.map(({ level }) => level),
    ['error', 'warn'],
  )
  service.no = null
  await look()
  service.no = refusalOf('permission denied, as Vault writes it')
  clock.pass(instance.cacheSeconds * 1000)
  await look()
  const refused = (await entries()).filter(({ action }) => action === 'root-key.withdrawn')
  const { rootKeyUri } = instance
  assert.deepEqual(
    refused.map(({ detail }) => detail),
    [
      { rootKeyUri, reach: 'root-key', status: 400, code: 'DisabledException' },
      { rootKeyUri, reach: 'root-key', status: 400 },
    ],
  )
})

test('keys that do not open for another reason are told too', async (t) => {
  const { rootKey, instance, look, entries, clock } = await opened(t)
  rootKey.fault = 'wrapped-form'
  clock.pass(instance.cacheSeconds * 1000)
  for (let turn = 0; turn < 2; turn++)
    assert.deepEqual([...(await look()).degraded], [[instance.id, 'failing']])
  rootKey.fault = null
  assert.equal((await look()).degraded.size, 0)
  assert.deepEqual(
    (await entries()).map(({ action }) => action),
    ['root-key.failing', 'root-key.answers'],
  )
})

test('a root key that hangs keeps nobody waiting who asks whether the node is ready, and is asked once', async (t) => {
  const core = await opened(t)
  const { rootKey, instance, look, readiness, clock } = core
  await look()
  clock.pass(instance.cacheSeconds * 1000)
  const asked = rootKey.unwraps
  const release = rootKey.hold()
  const answers = await Promise.all([look(), look(), readiness.now(core)])
  assert.ok(answers.every(({ ready }) => ready))
  assert.equal(rootKey.unwraps - asked, 1)
  release()
  for (let turn = 0; turn < 5; turn++) await nextTurn()
  assert.equal((await look()).degraded.size, 0)
})

test('a root key that hangs for good keeps nobody from hearing of the others', async (t) => {
  const hanging = new FaultyRootKey()
  const core = await openCore(t, { rootKeys: [hanging] })
  const { rootKey, clock, readiness } = core
  const [own, other] = [
    await makeInstance(core, 'red'),
    await makeInstance(core, 'blue', { rootKeyUri: hanging.uri }),
  ]
  const waitMs = rootKeyWaitMs
  /** The look of the next half minute, and whoever waits in it gives up. */
  const look = async () => {
    clock.pass(rootKeyLookEveryMs)
    const looking = readiness.rootKeys.look(core)
    for (let waited = 0; waited < waitMs; waited += 1000) {
      await nextTurn()
      clock.pass(1000)
    }
    let isOver = false
    void looking.then(() => (isOver = true))
    await until(() => isOver, 'the look is over', 10_000)
    return [...(await readiness.now(core)).degraded]
  }
  assert.deepEqual(await look(), [], 'both are in memory by now')
  hanging.hold()
  clock.pass(own.cacheSeconds * 1000)
  assert.deepEqual(await look(), [[other.id, 'unreachable']])
  assert.deepEqual(await look(), [[other.id, 'unreachable']])
  rootKey.fault = 'root-key'
  clock.pass(own.cacheSeconds * 1000)
  const degraded = new Map([
    [own.id, 'withdrawn'],
    [other.id, 'unreachable'],
  ])
  assert.deepEqual(new Map(await look()), degraded)
})

test('a root key that hangs since the start is unknown until the first look has heard of it', async (t) => {
  const before = await opened(t)
  const core = await before.reopen()
  const { instance, rootKey } = before
  const release = rootKey.hold()
  const { unknown, degraded } = await core.readiness.now(core)
  assert.deepEqual([[...unknown], degraded.size], [[instance.id], 0])
  release()
  await core.readiness.rootKeys.look(core)
  assert.equal((await core.readiness.now(core)).unknown.size, 0)
})

test('an instance that is gone is in trouble no more', async (t) => {
  const { rootKey, instance, look, trust, clock } = await opened(t)
  rootKey.fault = 'root-key'
  clock.pass(instance.cacheSeconds * 1000)
  assert.equal((await look()).degraded.size, 1)
  await trust.instances.remove(serverActor, instance.id)
  assert.equal((await look()).degraded.size, 0)
})
