// Import in custody `keyprotect`, where what an object says of itself stands at the root key's service too, and with an old
// server behind the instance.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { broughtObject } from '../../../../src/core/keys/forms/brought-object.ts'
import type { ImportRequest } from '../../../../src/core/keys/acts/import-object.ts'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import { Fault } from '../../../../src/wire/kmip/fault.ts'
import {
  attributeSet,
  faults,
  makeInstance,
  openCore,
  openCoreWithClient,
  trustClient,
} from '../../../support/server/core.ts'
import { openKeyProtectSite } from '../../../support/root-keys/keyprotect-site.ts'

const aes = { CryptographicAlgorithm: 'AES', CryptographicLength: 256, CryptographicUsageMask: 12 } as const

function wanted(id: string, fill: number, more: Partial<ImportRequest> = {}): ImportRequest {
  const KeyBlock = { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: Buffer.alloc(32, fill) } } as const
  return {
    uniqueIdentifier: id,
    objectType: 'SymmetricKey',
    attributes: attributeSet(aes),
    state: undefined,
    brought: broughtObject('SymmetricKey', { SymmetricKey: { KeyBlock } }),
    replace: false,
    unwrap: false,
    ...more,
  }
}

const importing = (request: ImportRequest) => (work: KeyTransaction) => work.import(request)

test('in Key Protect an imported key is as closed and as restricted as its client says, from the first generation on', async (t) => {
  const site = await openKeyProtectSite(t)
  const { core, instance, perform, get, forget, rows } = site
  const closed = { state: 'Compromised', given: attributeSet({ ...aes, CompromiseDate: 1n }) } as const
  await perform(importing(wanted('closed', 1, closed)))
  await perform(importing(wanted('open', 2, { state: 'Active' })))
  assert.equal((await rows('current')).length, 2)
  await perform(
    importing(wanted('open', 2, { replace: true, attributes: attributeSet({ ...aes, Sensitive: true }) })),
  )
  assert.deepEqual(
    (await rows('current'))
      .toSorted((a, b) => a.generation - b.generation)
      .map(({ identifier, generation }) => [identifier, generation]),
    [
      ['closed', 1],
      ['open', 3],
    ],
  )
  forget()
  assert.deepEqual(await get('closed'), Buffer.alloc(32, 1))
  await assert.rejects(get('open'), faults('Sensitive'))
  // What the service says alone, without the database.
  await core.sweep()
  assert.equal((await core.keys.show(instance.id, 'closed'))?.state, 'Compromised')
  assert.equal((await core.keys.show(instance.id, 'open'))?.state, 'Active')
})

test('two that import the same identifier at once do not both succeed, and nothing is left of the other', async (t) => {
  const { perform, get, rows, sweepLater } = await openKeyProtectSite(t)
  const both = await Promise.allSettled([1, 2].map((fill) => perform(importing(wanted('one', fill)))))
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const refused = both.find((one) => one.status === 'rejected')
  await assert.rejects(Promise.reject(refused?.reason), faults('ObjectAlreadyExists'))
  await sweepLater()
  assert.equal((await rows()).length, 1)
  assert.deepEqual(await get('one'), Buffer.alloc(32, both[0]?.status === 'fulfilled' ? 1 : 2))
})

test('an identifier that the old server has is taken, and one that nobody can tell of is refused', async (t) => {
  const { core, identify } = await openCoreWithClient(t)
  const asked: string[] = []
  const fetchUpstream = async (_caller: unknown, id: string) => {
    asked.push(id)
    return false
  }
  await core.keys.perform(identify, importing(wanted('free', 1)), { fetchUpstream })
  assert.deepEqual(asked, ['free'])
  await assert.rejects(
    core.keys.perform(identify, importing(wanted('unknown', 1)), { fetchUpstream: silent }),
    faults('GeneralFailure', /does not answer/),
  )
  assert.equal(await core.keys.show((await identify()).instanceId, 'unknown'), undefined)
})

test('an import over what is here keeps the format of its material, and every bound and rule of a change', async (t) => {
  const core = await openCore(t)
  const instance = await makeInstance(core, 'small', { bytesMax: 5_000 })
  const { identify } = await trustClient(core, instance)
  const over = (more: Readonly<Record<string, unknown>>) =>
    core.keys.perform(
      identify,
      importing(wanted('one', 1, { replace: true, attributes: attributeSet({ ...aes, ...more }) })),
    )
  await core.keys.perform(identify, importing(wanted('one', 1)))
  await over({ 'x-Note': text(10) })
  const shown = await core.keys.show(instance.id, 'one')
  assert.deepEqual(shown?.attributes.get('x-Note')?.[0]?.value, text(10))
  assert.deepEqual(shown?.attributes.get('KeyFormatType')?.[0]?.value, 'Raw')
  await assert.rejects(over({ 'x-Note': text(6_000) }), faults('ServerLimitExceeded'))
  await assert.rejects(over({ KeyFormatType: 'PKCS_1' }), faults('KeyFormatTypeNotSupported'))
  await assert.rejects(
    over({ QuantumSafe: true, CryptographicAlgorithm: 'RSA' }),
    faults('GeneralFailure', /not Quantum Safe/),
  )
})

test('an imported key was not made here: nothing is known of its generator, nor of when it was first made', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  await perform(importing(wanted('one', 1)))
  const shown = await core.keys.show(instance.id, 'one')
  assert.deepEqual(shown?.attributes.get('RandomNumberGenerator')?.[0]?.value, {
    RNGAlgorithm: 'Unspecified',
  })
  assert.equal(shown.attributes.has('OriginalCreationDate'), false)
})

test('a Digest that is stated must be that of the object, if it is of the same hash and format', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const own = createHash('sha256').update(Buffer.alloc(32, 1)).digest()
  const stating = (...Digest: readonly object[]) =>
    perform(importing(wanted('one', 1, { replace: true, attributes: attributeSet({ ...aes, Digest }) })))
  const sha256 = { HashingAlgorithm: 'SHA_256' }
  const other = Buffer.alloc(32)
  for (const digest of [
    { ...sha256, DigestValue: own },
    { ...sha256, DigestValue: own, KeyFormatType: 'Raw' },
    { ...sha256 },
    { ...sha256, DigestValue: other, KeyFormatType: 'Opaque' },
    { HashingAlgorithm: 'SHA_1', DigestValue: other },
  ])
    await stating(digest)
  const refused = faults('InvalidField', /not that of the object/)
  await assert.rejects(stating({ ...sha256, DigestValue: other }), refused)
  await assert.rejects(stating({ ...sha256, DigestValue: other, KeyFormatType: 'Raw' }), refused)
  await assert.rejects(stating({ ...sha256, DigestValue: own }, { ...sha256, DigestValue: other }), refused)
})

test('attributes that contradict each other, or are those of an object that is gone, are not imported', async (t) => {
  const { perform } = await openCoreWithClient(t)
  const stating = (more: object) =>
    perform(importing(wanted('one', 1, { replace: true, attributes: attributeSet({ ...aes, ...more }) })))
  await stating({ AlwaysSensitive: true, Sensitive: true, Extractable: false, NeverExtractable: true })
  await stating({ AlwaysSensitive: false, Sensitive: true, Extractable: false, NeverExtractable: false })
  for (const [more, text] of [
    [{ DestroyDate: 1n }, /destroyed cannot be imported/],
    [{ AlwaysSensitive: true, Sensitive: false }, /always sensitive is sensitive/],
    [{ AlwaysSensitive: true }, /always sensitive is sensitive/],
    [{ NeverExtractable: true, Extractable: true }, /never extractable is not extractable/],
    [{ NeverExtractable: true }, /never extractable is not extractable/],
  ] as const)
    await assert.rejects(stating(more), faults('InvalidField', text))
})

test('an import over what is here takes the same bytes, in the same state, of what is not destroyed', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  await perform(importing(wanted('one', 1)))
  const over = (fill: number, more: Partial<ImportRequest> = {}) =>
    perform(importing(wanted('one', fill, { replace: true, ...more })))
  const other = faults('PermissionDenied', /never stands for other bytes/)
  await assert.rejects(over(2), other)
  const KeyBlock = { KeyFormatType: 'Opaque', KeyValue: { KeyMaterial: Buffer.alloc(32, 1) } } as const
  await assert.rejects(
    over(1, { brought: broughtObject('SymmetricKey', { SymmetricKey: { KeyBlock } }) }),
    other,
  )
  await over(1, { state: 'PreActive' })
  await assert.rejects(
    over(1, { state: 'Active' }),
    faults('WrongKeyLifecycleState', /PreActive: Import does not/),
  )
  await perform((work) => work.activate('one'))
  await over(1)
  assert.equal((await core.keys.show(instance.id, 'one'))?.state, 'Active')
  await perform((work) =>
    work.revoke('one', { code: 'KeyCompromise', message: undefined, compromiseOccurrenceDate: undefined }),
  )
  await perform((work) => work.destroy('one'))
  await assert.rejects(over(1), faults('PermissionDenied', /was destroyed/))
})

test('an import over what is here neither keeps a state that a clock ahead tells, nor opens what a date has closed', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const { clock } = core
  const state = async () => (await core.keys.show(instance.id, 'one'))?.state
  const dated = (DeactivationDate: bigint | undefined, more: Partial<ImportRequest> = {}) =>
    perform(
      importing(
        wanted('one', 1, {
          attributes: attributeSet({ ...aes, ...(DeactivationDate !== undefined && { DeactivationDate }) }),
          ...more,
        }),
      ),
    )
  const at = BigInt(Math.floor(clock.now() / 1000)) + 3600n
  await dated(at, { state: 'Active' })
  clock.jump(24 * 3600_000)
  await dated(at, { replace: true })
  clock.jump(-24 * 3600_000)
  assert.equal(await state(), 'Active', 'once the clock is right')
  clock.pass(3600_000)
  assert.equal(await state(), 'Deactivated')
  for (const other of [undefined, at + 3600n]) {
    await dated(other, { replace: true })
    assert.equal(await state(), 'Deactivated')
  }
  const entries = await core.audit.list({ order: 'newest', limit: 1, action: 'key.import' })
  assert.match(entries.entries[0]?.body ?? '', /"state":"Deactivated"/)
})

test('an import over what is here leaves what happened to it, unless its client says otherwise', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const shown = async () => {
    const { attributes } = (await core.keys.show(instance.id, 'one')) ?? assert.fail()
    return Object.fromEntries(happened.map((key) => [key, attributes.get(key)?.[0]?.value]))
  }
  await perform(
    importing(wanted('one', 1, { attributes: attributeSet({ ...aes, OriginalCreationDate: 5n }) })),
  )
  await perform((work) => work.activate('one'))
  const code = 'KeyCompromise'
  await perform((work) => work.revoke('one', { code, message: 'stolen', compromiseOccurrenceDate: 7n }))
  const before = await shown()
  assert.deepEqual([before['AlwaysSensitive'], before['NeverExtractable']], [false, false])
  assert.ok(happened.every((key) => before[key] !== undefined))
  core.clock.pass(5_000)
  const over = (more: object = {}) =>
    perform(
      importing(
        wanted('one', 1, {
          replace: true,
          attributes: attributeSet({ ...aes, Sensitive: true, Extractable: false, ...more }),
        }),
      ),
    )
  await over()
  assert.deepEqual(await shown(), before)
  await over({ CompromiseOccurrenceDate: 6n, AlwaysSensitive: true })
  assert.deepEqual(await shown(), { ...before, CompromiseOccurrenceDate: 6n, AlwaysSensitive: true })
})

const happened = [
  'InitialDate',
  'OriginalCreationDate',
  'ActivationDate',
  'CompromiseDate',
  'CompromiseOccurrenceDate',
  'RevocationReason',
  'AlwaysSensitive',
  'NeverExtractable',
]

const text = (length: number) => ({ type: 'TextString', value: 'x'.repeat(length) })

const silent = () => Promise.reject(new Fault('GeneralFailure', 'the old server does not answer'))
