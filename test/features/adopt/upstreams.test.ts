// An instance with an upstream: an unknown identifier is adopted with the first operation that names it, from an old server
// that is only read, and what was made, destroyed or refused here stays as it is.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openUpstreams } from '../../../src/features/adopt/upstreams.ts'
import { reading } from '../../../src/features/adopt/old-server.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { upstreamWaitMs } from '../../../src/features/adopt/bounds.ts'
import type { Instance } from '../../../src/core/trust/rows.ts'
import { createLog } from '../../../src/outside/telemetry/log.ts'
import { createMetrics } from '../../../src/outside/telemetry/metrics.ts'
import { createKey, faults, manager, openCoreWithClient, trustClient } from '../../support/server/core.ts'
import { openOldKmipServer, Reset, textOf, type OldHandlers } from '../../support/old-kmip-server/fake.ts'
import { active, bytesOf, holding, keyOf, known } from '../../support/old-kmip-server/keys.ts'

/** `listed`: `adopt.hosts`; left out: the old server. */
async function open(t: TestContext, handlers: OldHandlers, listed?: readonly string[]) {
  const old = await openOldKmipServer(handlers)
  t.after(() => old[Symbol.asyncDispose]())
  const { core, instance, identity, identify } = await openCoreWithClient(t)
  const opened = new AsyncDisposableStack()
  t.after(() => opened.disposeAsync())
  const settings = { now: { adopt: { hosts: [...(listed ?? [`127.0.0.1:${old.port}`])] } } }
  const { promise: isUntold, resolve: tellUntold } = Promise.withResolvers<undefined>()
  const write = (text: string) => text.includes('an old server cannot be used') && tellUntold(undefined)
  const log = createLog({ format: 'json', level: 'warn', write })
  const upstreams = openUpstreams({ ...core, log, metrics: createMetrics(), settings }, opened)
  const set = async (id = 'setting-1'): Promise<Instance> => {
    const key = core.upstreamKeys.stored({ id }, Buffer.from(identity.tls.key))
    const trust = { by: 'fingerprint', sha256: old.sha256 } as const
    const servers = [`127.0.0.1:${old.port}`]
    const upstream = { id, servers, certificate: identity.tls.cert, trust }
    return core.trust.upstreams.set(manager, instance.id, { upstream, key })
  }
  await set()
  const perform = <T>(work: (work: KeyTransaction) => Promise<T>) =>
    core.keys.perform(identify, work, { fetchUpstream: upstreams.fetchUpstream })
  const fetch = (id: string) =>
    perform(async (work) => {
      const { material } = await work.fetch(id)
      return Buffer.from(material.bytes)
    })
  const show = (id: string) => core.keys.show(instance.id, id)
  const health = async () => {
    const { upstream = assert.fail('no upstream') } = (await core.access.instance(instance.id)) ?? {}
    return upstreams.health(instance.id, upstream)
  }
  const entries = async () =>
    (await core.store.audit({ order: 'oldest', limit: 100 })).entries.map(
      ({ body }) => JSON.parse(body) as Entry,
    )
  return { core, upstreams, isUntold, instance, old, set, perform, fetch, show, health, entries }
}

interface Entry {
  readonly action: string
  readonly result: string
  readonly object: string
  readonly requestId: string | null
  readonly actor: { readonly kind: string }
  readonly detail: Readonly<Record<string, unknown>> | null
}

const onlyRead = ({ asked }: { readonly asked: readonly string[] }) =>
  asked.every((operation) => (reading as readonly string[]).includes(operation))

test('each operation that names an unknown object adopts it in one commit, and goes on', async (t) => {
  const { core, instance, old, perform, fetch, show, entries } = await open(
    t,
    holding(['a', 'b', 'c', 'd', 'e', 'f']),
  )
  assert.deepEqual(await fetch('a'), bytesOf('a'))
  await perform((work) => work.attributes('key.attributes', 'b'))
  await perform((work) =>
    work.addAttribute('c', { key: 'x-note', version: '1.4', value: { type: 'TextString', value: 'n' } }),
  )
  await perform((work) =>
    work.revoke('d', {
      code: 'CessationOfOperation',
      message: undefined,
      compromiseOccurrenceDate: undefined,
    }),
  )
  assert.equal((await show('d'))?.state, 'Deactivated')
  await perform((work) =>
    work.revoke('e', { code: 'KeyCompromise', message: undefined, compromiseOccurrenceDate: undefined }),
  )
  await perform((work) => work.destroy('e'))
  assert.equal((await show('e'))?.state, 'DestroyedCompromised')
  await assert.rejects(
    perform((work) => work.activate('f')),
    faults('WrongKeyLifecycleState'),
  )
  assert.equal((await show('f'))?.state, 'Active', 'adopted although the operation was refused')
  assert.ok(onlyRead(old), old.asked.join())
  const all = await entries()
  const brought = all.filter(({ action }) => action === 'key.adopt')
  assert.deepEqual(
    brought.map(({ object }) => object),
    ['a', 'b', 'c', 'd', 'e', 'f'],
  )
  for (const { actor, detail, requestId } of brought)
    assert.deepEqual([actor.kind, detail?.['onDemand'], requestId], ['server', true, 'request-1'])
  assert.deepEqual(
    all.filter(({ object }) => object === 'a').map(({ action, result }) => [action, result]),
    [
      ['key.adopt', 'success'],
      ['key.get', 'success'],
    ],
  )
  assert.equal((await core.store.adoptedOnDemand(instance.id)).count, 6)
})

test('what is here, was destroyed here or is unknown there is not asked for twice', async (t) => {
  const { old, perform, fetch, set, core, instance } = await open(t, holding(['a']))
  const own = await perform(createKey())
  await fetch(own)
  assert.deepEqual(old.asked, [])
  await fetch('a')
  await perform((work) =>
    work.revoke('a', { code: 'KeyCompromise', message: undefined, compromiseOccurrenceDate: undefined }),
  )
  await perform((work) => work.destroy('a'))
  const before = old.asked.length
  await assert.rejects(fetch('a'), faults('ObjectDestroyed'))
  await fetch(own)
  assert.equal(old.asked.length, before)
  await assert.rejects(fetch('nobody-has-it'), faults('ObjectNotFound'))
  const asked = old.asked.length
  await assert.rejects(fetch('nobody-has-it'), faults('ObjectNotFound'))
  assert.equal(old.asked.length, asked, 'remembered')
  // Without an upstream, nobody is asked, and its key is gone.
  await core.trust.upstreams.remove(manager, instance.id)
  await assert.rejects(fetch('b'), faults('ObjectNotFound'))
  assert.equal(old.asked.length, asked)
  assert.deepEqual(
    (await core.store.secrets()).filter(({ name }) => name.startsWith('upstream-key/')),
    [],
  )
  await set('setting-2')
  await assert.rejects(fetch('b'), faults('ObjectNotFound'))
  assert.ok(old.asked.length > asked)
})

test('one transaction may bring several objects; an instance without an upstream asks nobody', async (t) => {
  const { core, upstreams, old, perform, show } = await open(t, holding(['a', 'b', 'c']))
  await perform(async (work) => {
    for (const id of ['a', 'b', 'c']) await work.attributes('key.attributes', id)
  })
  assert.ok((await show('a')) && (await show('b')) && (await show('c')))
  const other = await core.trust.instances.create(manager, {
    name: 'other',
    custody: 'database',
    rootKeyUri: core.rootKey.uri,
  })
  const { identify } = await trustClient(core, other, 'another')
  const asked = old.asked.length
  const looking = core.keys.perform(identify, (work) => work.fetch('a'), {
    fetchUpstream: upstreams.fetchUpstream,
  })
  await assert.rejects(looking, faults('ObjectNotFound'))
  assert.equal(old.asked.length, asked, 'another instance has no upstream')
})

test('wrong bytes, what it does not hand out and what cannot be stored are told, listed, and stored nowhere', async (t) => {
  const wrongDigest = {
    AttributeName: 'Digest',
    AttributeValue: {
      HashingAlgorithm: 'SHA_256',
      DigestValue: bytesOf('something else'),
      KeyFormatType: 'Raw',
    },
  }
  const refusal: Record<string, Fault> = {
    sensitive: new Fault('Sensitive', 'a secret text of the old server'),
    destroyed: new Fault('ObjectDestroyed', 'gone'),
    overloaded: new Fault('GeneralFailure', 'too much to do'),
  }
  const { fetch, show, health } = await open(t, {
    ...holding([]),
    Get: ({ UniqueIdentifier }) => {
      const id = textOf(UniqueIdentifier)
      const fault = refusal[id]
      if (fault) throw fault
      if (id === 'certificate')
        return {
          ObjectType: 'Certificate',
          UniqueIdentifier: id,
          Certificate: { CertificateType: 'X_509', CertificateValue: Buffer.from('x') },
        }
      return keyOf(known(['altered', 'pem', 'whole'], id), id === 'pem' ? { KeyFormatType: 'PKCS_1' } : {})
    },
    GetAttributes: ({ UniqueIdentifier }) => ({
      UniqueIdentifier: textOf(UniqueIdentifier),
      Attribute: UniqueIdentifier === 'altered' ? [...active, wrongDigest] : active,
    }),
  })
  await assert.rejects(fetch('altered'), faults('GeneralFailure', /other bytes than the Digest/))
  await assert.rejects(fetch('sensitive'), (error: Fault) => {
    assert.doesNotMatch(error.message, /a secret text/)
    return faults('PermissionDenied', /does not hand it out \((PermissionDenied|Sensitive)\)/)(error)
  })
  await assert.rejects(fetch('pem'), faults('FeatureNotSupported', /does not keep such objects as PKCS_1/))
  await assert.rejects(fetch('overloaded'), faults('GeneralFailure', /failed at it: try again/))
  await assert.rejects(fetch('destroyed'), (error: Fault) =>
    ['ObjectDestroyed', 'ObjectNotFound'].includes(error.reason),
  )
  for (const id of ['altered', 'sensitive', 'pem', 'overloaded']) {
    assert.equal(await show(id), undefined, id)
    assert.ok(
      (await health())?.notAdopted.some((one) => one.id === id),
      id,
    )
  }
  assert.equal((await health())?.failing, false)
  assert.deepEqual(await fetch('whole'), bytesOf('whole'))
})

test('an old server that is gone is General Failure, not "not found"; with the first answer all is well again', async (t) => {
  let gone = true
  const { core, fetch, health } = await open(t, {
    ...holding([]),
    DiscoverVersions: () => {
      if (gone) throw new Reset()
      return { ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: 4 }] }
    },
    Get: ({ UniqueIdentifier }) => keyOf(textOf(UniqueIdentifier)),
    GetAttributes: ({ UniqueIdentifier }) => ({
      UniqueIdentifier: textOf(UniqueIdentifier),
      Attribute: active,
    }),
  })
  await assert.rejects(fetch('a'), faults('GeneralFailure', /does not answer at the moment/))
  assert.equal((await health())?.failing, true)
  gone = false
  await assert.rejects(fetch('a'), faults('GeneralFailure'), 'one request a second')
  core.clock.pass(1_000)
  assert.deepEqual(await fetch('a'), bytesOf('a'))
  assert.equal((await health())?.failing, false)
})

function reset(): never {
  throw new Reset()
}

test('an old server that nobody listed is said not to answer when the time is over, however it fails', async (t) => {
  const { core, isUntold, fetch, health } = await open(t, { ...holding([]), DiscoverVersions: reset }, [])
  let isOver = false
  const fetching = fetch('a').finally(() => (isOver = true))
  await isUntold
  core.clock.pass(upstreamWaitMs - 1)
  await new Promise(setImmediate)
  assert.equal(isOver, false)
  assert.equal((await health())?.failing, false, 'nor is it shown before')
  core.clock.pass(1)
  await assert.rejects(fetching, faults('GeneralFailure', /does not answer at the moment/))
  while ((await health())?.failing !== true) await new Promise(setImmediate)
})

test('an upstream that is not among the hosts that an administrator listed since is not asked', async (t) => {
  const { old, fetch } = await open(t, holding(['a']), ['kms.example.com'])
  await assert.rejects(fetch('a'), faults('GeneralFailure', /is not asked: .* is not among the hosts/))
  assert.deepEqual(old.asked, [])
})

test('a full instance stores nothing more, and says so', async (t) => {
  const { core, instance, fetch, perform, health } = await open(t, holding(['a']))
  await perform(createKey())
  await core.trust.instances.update(manager, instance.id, { objectsMax: 1 })
  await assert.rejects(fetch('a'), faults('GeneralFailure', /could not be stored here: .*as many objects/))
  assert.equal((await health())?.notAdopted[0]?.id, 'a')
  await core.trust.instances.update(manager, instance.id, { objectsMax: 2 })
  assert.deepEqual(await fetch('a'), bytesOf('a'))
})

test('off after a restore it is not asked, until a manager turns it on', async (t) => {
  const { core, instance, old, fetch, set } = await open(t, holding(['a']))
  const { upstream = assert.fail() } = await set('setting-2')
  const key = core.upstreamKeys.stored({ id: 'setting-3' }, Buffer.from('unused'))
  const off = { why: 'restored', atMs: core.clock.now() } as const
  await core.trust.upstreams.set(manager, instance.id, {
    upstream: { ...upstream, id: 'setting-3', off },
    key,
  })
  await assert.rejects(fetch('a'), faults('GeneralFailure', /not asked since a restore/))
  assert.deepEqual(old.asked, [])
  await set('setting-4')
  assert.deepEqual(await fetch('a'), bytesOf('a'))
  // The key of an instance that is deleted goes with it.
  await core.trust.instances.shred(manager, instance.id)
  assert.deepEqual(
    (await core.store.secrets()).filter(({ name }) => name.startsWith('upstream-key/')),
    [],
  )
})

test(
  'the start removes the keys of upstreams that no instance names, and no other',
  { timeout: 30_000 },
  async (t) => {
    const { core } = await open(t, holding([]))
    const kept = async () =>
      (await core.store.secrets())
        .map(({ name }) => name)
        .filter((name) => name.startsWith('upstream-key/'))
        .toSorted()
    const left = core.upstreamKeys.stored({ id: 'of-an-instance-left-out' }, Buffer.from('unused'))
    await core.store.commit({ writes: [left], entries: [], durability: 'disk' })
    assert.deepEqual(await kept(), ['upstream-key/of-an-instance-left-out', 'upstream-key/setting-1'])
    core.start()
    while ((await kept()).length > 1) await new Promise(setImmediate)
    assert.deepEqual(await kept(), ['upstream-key/setting-1'])
  },
)
