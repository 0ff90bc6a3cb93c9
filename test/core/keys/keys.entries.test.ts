// The audit entries of acts that compute with keys, bring objects or make certificates: what each was about, and what refused it.

import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { broughtObject } from '../../../src/core/keys/forms/brought-object.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import { first } from '../../../src/wire/kmip/attributes.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { refusalEntryEveryMs } from '../../../src/base/bounds.ts'
import { maskOf, type MaskName } from '../../../src/wire/kmip/enums.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import type { Change } from '../../../src/core/ports/store.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { until } from '../../support/time/until.ts'
import {
  attributeSet,
  createKey,
  dayMs,
  faults,
  openCoreWithClient,
  type TestCore,
} from '../../support/server/core.ts'

/** The last entries, oldest first, without the calls of the root key's service. */
async function last(core: TestCore, action?: string, count = 1) {
  const { entries } = await core.store.audit({ order: 'newest', limit: count, ...(action && { action }) })
  return entries.toReversed().map(({ body }) => {
    const { action: act, object, result, detail } = JSON.parse(body) as AuditEntry
    const { correlationIds: _, ...rest } = detail ?? {}
    return [act, object, result, rest]
  })
}

const mask = (...names: readonly MaskName<'CryptographicUsageMask'>[]) =>
  maskOf('CryptographicUsageMask', names)

test('a use of a key tells how many bytes it took, of which there may be none', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const hmac = {
    CryptographicAlgorithm: 'HMAC_SHA256',
    CryptographicUsageMask: mask('MACGenerate', 'MACVerify'),
  }
  const id = await perform(createKey({ ...hmac, ActivationDate: 0n }))
  const use = async (which: 'MACGenerate' | 'MACVerify', data: Buffer | undefined, expected?: Uint8Array) =>
    perform(async (work) => {
      const done = await work.crypto.use({ uniqueIdentifier: id, use: which, data, expected })
      return { valid: done.valid, data: Buffer.from(done.data ?? []) }
    })
  const made = await use('MACGenerate', Buffer.from('data'))
  assert.deepEqual(await last(core), [['key.mac', id, 'success', { bytes: 4 }]])
  const checked = await use('MACVerify', Buffer.from('data'), made.data)
  assert.equal(checked.valid, true)
  assert.deepEqual(await last(core), [['key.mac-verify', id, 'success', { bytes: 4 }]])
  await use('MACGenerate', undefined)
  assert.deepEqual(await last(core), [['key.mac', id, 'success', { bytes: 0 }]])
  await perform((work) => work.crypto.hash({ data: undefined, parameters: { HashingAlgorithm: 'SHA_256' } }))
  assert.deepEqual(await last(core), [['crypto.hash', null, 'success', { bytes: 0 }]])
  await perform((work) => work.crypto.seed(9))
  assert.deepEqual(await last(core), [['crypto.seed', null, 'success', { bytes: 9 }]])
})

test('both sides of an encapsulation keep the same secret, as guarded as the private key, and the entries name it', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const half = { CryptographicAlgorithm: 'ML_KEM_768', ActivationDate: 0n }
  const wanted = {
    privateKey: attributeSet({ ...half, Sensitive: true, Extractable: false }),
    publicKey: attributeSet(half),
  }
  const pair = await perform((work) => work.createKeyPair(wanted))
  const attributes = attributeSet({})
  const sent = await perform(async (work) => {
    const { secret, encapsulated } = await work.crypto.encapsulate({
      uniqueIdentifier: pair.publicKey,
      attributes,
    })
    return { secret, encapsulated: Buffer.from(encapsulated) }
  })
  assert.deepEqual(await last(core), [
    ['key.encapsulate', pair.publicKey, 'success', { secret: sent.secret }],
  ])
  const { encapsulated } = sent
  const own = { uniqueIdentifier: pair.privateKey, attributes, encapsulated }
  const got = await perform((work) => work.crypto.decapsulate(own))
  assert.deepEqual(await last(core), [['key.decapsulate', pair.privateKey, 'success', { secret: got }]])
  const digests = [
    await perform((work) => work.digest(sent.secret)),
    await perform((work) => work.digest(got)),
  ]
  assert.deepEqual(digests[0], digests[1])
  const told = async (id: string) => {
    const shown = await core.keys.show(instance.id, id)
    assert.ok(shown)
    assert.equal(shown.objectType, 'SecretData')
    const { attributes: of } = shown
    assert.equal(first(of, 'CryptographicLength'), 256)
    assert.equal(first(of, 'OriginalCreationDate'), BigInt(core.clock.now() / 1000))
    return [first(of, 'Sensitive'), first(of, 'Extractable'), first(of, 'CryptographicUsageMask')]
  }
  assert.deepEqual(await told(sent.secret), [false, true, mask('DeriveKey')])
  assert.deepEqual(await told(got), [true, false, mask('DeriveKey')])
  const asked = attributeSet({ Sensitive: false, Extractable: true, CryptographicUsageMask: mask('Encrypt') })
  const open = await perform((work) => work.crypto.decapsulate({ ...own, attributes: asked }))
  assert.deepEqual(await told(open), [false, true, mask('Encrypt')])
})

test('an encapsulation is a use of the key, which Usage Limits count, and takes a key of that kind', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  const UsageLimits = { UsageLimitsTotal: 2n, UsageLimitsUnit: 'Object' }
  const half = { CryptographicAlgorithm: 'ML_KEM_768', ActivationDate: 0n }
  const wanted = { privateKey: attributeSet(half), publicKey: attributeSet({ ...half, UsageLimits }) }
  const pair = await perform((work) => work.createKeyPair(wanted))
  const attributes = attributeSet({})
  const encapsulate = (uniqueIdentifier: string) =>
    perform((work) => work.crypto.encapsulate({ uniqueIdentifier, attributes }))
  await encapsulate(pair.publicKey)
  const shown = await core.keys.show(instance.id, pair.publicKey)
  assert.equal(shown && first(shown.attributes, 'UsageLimits')?.UsageLimitsCount, 1n)
  const aes = await perform(createKey({ CryptographicUsageMask: mask('Encrypt'), ActivationDate: 0n }))
  await assert.rejects(encapsulate(aes), faults('InvalidField', /of type SymmetricKey/))
  const other = await perform(createKey({ CryptographicUsageMask: mask('Sign'), ActivationDate: 0n }))
  await assert.rejects(encapsulate(other), faults('IncompatibleCryptographicUsageMask'))
})

const importing =
  (uniqueIdentifier: string, replace: boolean, more: object = {}) =>
  (work: KeyTransaction) => {
    const KeyBlock = { KeyFormatType: 'Raw', KeyValue: { KeyMaterial: Buffer.alloc(32, 1) } } as const
    return work.import({
      uniqueIdentifier,
      objectType: 'SymmetricKey',
      attributes: attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, ...more }),
      state: undefined,
      brought: broughtObject('SymmetricKey', { SymmetricKey: { KeyBlock } }),
      replace,
      unwrap: false,
    })
  }

test('an import tells what it brought, and whether it took the place of something', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const told = { objectType: 'SymmetricKey', state: 'PreActive' }
  await perform(importing('k', true))
  assert.deepEqual(await last(core), [['key.import', 'k', 'success', told]])
  await perform(importing('k', true))
  assert.deepEqual(await last(core), [['key.import', 'k', 'success', { ...told, replaces: true }]])
  await assert.rejects(perform(importing('k', false)), faults('ObjectAlreadyExists'))
})

const at = (seconds: bigint) => ({ key: 'DeactivationDate', value: seconds, version: '2.1' }) as const
const dated = (deactivationDate: string) => ({ attribute: 'DeactivationDate', deactivationDate })

test('a change of the Deactivation Date tells the date, however it is made', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  await perform((work) => work.addAttribute(id, at(4_000_000_000n)))
  const added = ['key.attribute.add', id, 'success', dated('2096-10-02T07:06:40.000Z')]
  assert.deepEqual(await last(core), [added])
  await perform((work) => work.modifyAttribute(id, at(4_000_000_001n)))
  const modified = ['key.attribute.modify', id, 'success', dated('2096-10-02T07:06:41.000Z')]
  assert.deepEqual(await last(core), [modified])
  await perform((work) => work.setAttribute(id, at(4_000_000_002n)))
  const set = ['key.attribute.set', id, 'success', dated('2096-10-02T07:06:42.000Z')]
  assert.deepEqual(await last(core), [set])
  // Beyond the calendar of JavaScript.
  await perform((work) => work.setAttribute(id, at(2n ** 62n)))
  const never = ['key.attribute.set', id, 'success', { attribute: 'DeactivationDate' }]
  assert.deepEqual(await last(core), [never])
  await perform((work) => work.addAttribute(id, { key: 'Comment', value: 'c', version: '2.1' }))
  assert.deepEqual(await last(core), [['key.attribute.add', id, 'success', { attribute: 'Comment' }]])
})

test('an import that changes the Deactivation Date of an object that is here tells the date', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const DeactivationDate = 4_000_000_000n
  await perform(importing('k', false, { DeactivationDate }))
  await perform(importing('k', true, { DeactivationDate }))
  const [[, , , detail]] = (await last(core)) as [[unknown, unknown, unknown, AuditEntry['detail']]]
  assert.equal(detail?.['deactivationDate'], '2096-10-02T07:06:40.000Z')
})

test('a search tells how many it found', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  for (let count = 0; count < 2; count++) await perform(createKey())
  const storage = { online: true, destroyed: false }
  const query = { criteria: [], maximumItems: undefined, offsetItems: 0, storage, onlyFresh: false }
  await perform((work) => work.locate(query, '2.1'))
  assert.deepEqual(await last(core, 'key.locate'), [['key.locate', null, 'success', { found: 2 }]])
})

test('a refusal for the root key’s sake tells how far the root key could be reached', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  core.keyring.forget((await core.access.instances())[0]?.id ?? '')
  core.rootKey.fault = 'unreachable'
  await assert.rejects(
    perform((work) => work.fetch(id)),
    (error: Error) => {
      faults('GeneralFailure', /cannot be reached/)(error)
      assert.ok(error.cause instanceof Error && !(error.cause instanceof RootKeyError))
      return true
    },
  )
  assert.deepEqual(await last(core), [['key.get', id, 'refused', { rootKey: 'unreachable' }]])
})

test('refusals that end batches with Undo are counted as all others are, and what they undo keeps its entries', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const id = await perform(createKey())
  const fails = async (work: KeyTransaction) => {
    await work.fetch(id)
    await assert.rejects(async () => work.fetch('none'), Fault)
    work.undo(new Fault('ItemNotFound', 'the batch failed'))
  }
  for (let count = 0; count < 30; count++) await perform(fails)
  const refused = ['key.get', 'none', 'refused', {}]
  const undone = ['key.get', id, 'undone', {}]
  const entered = await last(core, 'key.get', 100)
  assert.deepEqual(entered, [
    ...Array.from({ length: 20 }, () => [undone, refused]).flat(),
    ...Array.from({ length: 10 }, () => undone),
  ])
  core.clock.pass(refusalEntryEveryMs)
  await until(async () => (await last(core, 'key.get', 100)).length > entered.length)
  const [[, object, result, detail] = []] = await last(core, 'key.get')
  const { since: _, ...count } = detail as NonNullable<AuditEntry['detail']>
  assert.deepEqual(
    [object, result, count],
    ['none', 'refused', { why: 'left out', refusals: 10, first: 'none', last: 'none' }],
  )
})

test('work that did nothing leaves no record, and commits nothing', async (t) => {
  const held: { around?: StoreAround } = {}
  const { perform } = await openCoreWithClient(t, { wrap: (store) => (held.around = new StoreAround(store)) })
  const { around } = held
  assert.ok(around)
  const empty: Change[] = []
  around.before = (change) => {
    if (change.writes.length + change.entries.length === 0) empty.push(change)
  }
  assert.equal(await perform(() => 7), 7)
  await assert.rejects(
    perform(() => Promise.reject(new TypeError('a bug'))),
    TypeError,
  )
  assert.deepEqual(empty, [])
})

test('a CA certifies itself for its dates, and others for theirs, and the entries name the key, the issuer and what was signed', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const { clock } = core
  const now = BigInt(clock.now() / 1000)
  const pairOf = (name: string, ...uses: readonly MaskName<'CryptographicUsageMask'>[]) => {
    const half = {
      CryptographicAlgorithm: 'EC',
      CryptographicLength: 256,
      CryptographicUsageMask: mask('Sign', ...uses),
      ActivationDate: 0n,
    }
    const Name = { NameValue: name, NameType: 'UninterpretedTextString' }
    const UsageLimits = { UsageLimitsTotal: 9n, UsageLimitsUnit: 'Object' }
    const wanted = {
      privateKey: attributeSet({ ...half, UsageLimits }),
      publicKey: attributeSet({ ...half, Name }),
    }
    return perform((work) => work.createKeyPair(wanted))
  }
  const certify = (uniqueIdentifier: string, more: Readonly<Record<string, unknown>> = {}) => {
    const request = { uniqueIdentifier, request: undefined, subject: [], attributes: attributeSet(more) }
    return perform((work) => work.certificates.certify(request))
  }
  const certificateOf = (id: string) =>
    perform(async (work) => new X509Certificate(Buffer.from((await work.fetch(id)).material.bytes)))
  const datesOf = async (id: string) => {
    const { validFrom, validTo } = await certificateOf(id)
    return [Date.parse(validFrom), Date.parse(validTo)].map((ms) => BigInt(ms / 1000) - now)
  }
  const day = BigInt(dayMs / 1000)
  const ca = await pairOf('ca', 'CertificateSign')
  const root = await certify(ca.publicKey)
  const [signed = []] = await last(core, 'key.sign')
  const certified = await last(core, 'certificate.certify')
  assert.deepEqual(signed.slice(0, 3), ['key.sign', ca.privateKey, 'success'])
  const { of, bytes } = signed[3] as Readonly<Record<string, unknown>>
  assert.ok(of === root && Number(bytes) > 100)
  assert.deepEqual(certified, [['certificate.certify', root, 'success', { publicKey: ca.publicKey }]])
  const left = await perform((work) => work.attributes('key.attributes', ca.privateKey))
  assert.equal(first(left, 'UsageLimits')?.UsageLimitsCount, 8n, 'a signature is a use')
  assert.deepEqual(await datesOf(root), [-day, 3650n * day])
  const leaf = await pairOf('leaf')
  const Link = { LinkType: 'CertificateLink', LinkedObjectIdentifier: root }
  const own = await certify(leaf.publicKey, { Link })
  const detail = { publicKey: leaf.publicKey, issuer: root }
  assert.deepEqual(await last(core, 'certificate.certify'), [['certificate.certify', own, 'success', detail]])
  assert.equal((await certificateOf(own)).subject, 'CN=leaf')
  assert.deepEqual(await datesOf(own), [-day, 365n * day])
  const soon = await certify(leaf.publicKey, { Link, ActivationDate: now + 60n })
  assert.deepEqual(await datesOf(soon), [60n, 60n + 365n * day])
  const whole = { Link, ActivationDate: now, DeactivationDate: now + 90n }
  assert.deepEqual(await datesOf(await certify(leaf.publicKey, whole)), [-day, 90n])
  await assert.rejects(
    certify(leaf.publicKey, { Link, DeactivationDate: now }),
    faults('InvalidField', /Deactivation Date of the certificate is over/),
  )
  const lastSecond = 253_402_300_799n
  for (const ActivationDate of [-1n, lastSecond + 1n])
    await assert.rejects(
      certify(leaf.publicKey, { Link, ActivationDate }),
      faults('InvalidField', /1970 and 9999/),
    )
  assert.deepEqual(await datesOf(await certify(leaf.publicKey, { Link, ActivationDate: 0n })), [
    -day,
    365n * day,
  ])
  await assert.rejects(certify(leaf.publicKey), faults('InvalidField', /names no issuer/))
  const two = ['a', 'b'].map((LinkedObjectIdentifier) => ({ ...Link, LinkedObjectIdentifier }))
  await assert.rejects(certify(leaf.publicKey, { Link: two }), faults('InvalidField', /one issuer/))
  const later = await certify(ca.publicKey, { ActivationDate: now + 60n })
  const byLater = { Link: { ...Link, LinkedObjectIdentifier: later } }
  clock.pass(59_000)
  await assert.rejects(certify(leaf.publicKey, byLater), faults('PermissionDenied', /not in date/))
  clock.pass(1_000)
  assert.ok(await certify(leaf.publicKey, byLater))
})
