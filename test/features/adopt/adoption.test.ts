// Adoption from servers that are old, partial, slow or wrong: what comes over, what is listed with its reason, and that
// nothing but questions is sent.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { AdoptionFailed } from '../../../src/features/adopt/failure.ts'
import { reading } from '../../../src/features/adopt/old-server.ts'
import type { ListedObjects } from '../../../src/features/adopt/report.ts'
import { first } from '../../../src/wire/kmip/attributes.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { attributeIndexMax } from '../../../src/base/bounds.ts'
import { adoptIdentifiersBytesMax } from '../../../src/features/adopt/old-server.ts'
import { adoptRetryFirstMs, adoptSilenceMsMax } from '../../../src/features/adopt/retries.ts'
import { resultMessageCharactersMax } from '../../../src/outside/kmip-client/errors.ts'
import { counts, many, open } from './adoption.ts'
import { faults } from '../../support/server/core.ts'
import {
  active,
  bytesOf,
  holding,
  keyOf,
  known,
  type Attributes,
} from '../../support/old-kmip-server/keys.ts'
import { Reset, textOf, type OldHandlers, type OldKmipServer } from '../../support/old-kmip-server/fake.ts'

const named = (NameValue: string) => ({
  AttributeName: 'Name',
  AttributeValue: { NameValue, NameType: 'UninterpretedTextString' },
})

const note = (index: number) => ({
  AttributeName: `x-Note-${index}`,
  AttributeValue: { type: 'TextString', value: 'n'.repeat(100_000) },
})

const why = ({ items }: ListedObjects) => items.map((item) => `${item.id}: ${item.why}`)

function onlyRead({ asked }: OldKmipServer): void {
  const sent = new Set<string>(asked)
  for (const operation of sent)
    assert.ok((reading as readonly string[]).includes(operation), `${operation} was sent`)
}

for (const minor of [0, 1, 2, 3, 4])
  for (const batches of [true, false])
    test(`KMIP 1.${minor}, ${batches ? 'with' : 'without'} batches: everything comes over, and only questions are sent`, async (t) => {
      const ids = many(30)
      const handlers = holding(ids, minor >= 3 ? 7 : Infinity)
      if (minor === 0) delete (handlers as { DiscoverVersions?: unknown }).DiscoverVersions
      const version = {
        ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: minor }],
      }
      const spoken = minor === 0 ? handlers : { ...handlers, DiscoverVersions: () => version }
      const { old, run, show, digest } = await open(t, spoken, { minor: 4, batches })
      const report = await run({ verify: true })
      assert.deepEqual([report.version, ...counts(report)], [`1.${minor}`, 30, 0, 0])
      assert.equal(report.verified?.equal, 30)
      assert.equal((await show('key-29'))?.state, 'Active')
      assert.deepEqual(await digest('key-7'), createHash('sha256').update(bytesOf('key-7')).digest())
      assert.deepEqual(counts(await run()), [0, 0, 30])
      onlyRead(old)
    })

test('what the server does not hand out and what Mortise cannot store is counted and named with its reason', async (t) => {
  const ids = ['plain', 'wrapped', 'sensitive', 'certificate', 'odd-format', 'transparent', 'gone']
  const handlers: OldHandlers = {
    ...holding(ids),
    Get: ({ UniqueIdentifier }) => {
      const id = known(ids, UniqueIdentifier)
      if (id === 'sensitive') throw new Fault('Sensitive', 'it may not leave')
      if (id === 'gone') throw new Fault('ObjectDestroyed', 'it was destroyed')
      if (id === 'wrapped')
        return keyOf(id, { KeyValue: Buffer.alloc(40), KeyWrappingData: { WrappingMethod: 'Encrypt' } })
      if (id === 'odd-format') return keyOf(id, { KeyFormatType: 'PKCS_8' })
      if (id === 'transparent')
        return keyOf(id, {
          KeyFormatType: 'TransparentSymmetricKey',
          KeyValue: { KeyMaterial: { Key: bytesOf(id) } },
        })
      if (id === 'certificate')
        return {
          ObjectType: 'Certificate',
          UniqueIdentifier: id,
          Certificate: { CertificateType: 'X_509', CertificateValue: Buffer.alloc(8) },
        }
      return keyOf(id)
    },
  }
  const { run, digest } = await open(t, handlers)
  const report = await run()
  assert.deepEqual(counts(report), [3, 0, 0], 'a certificate that is none too')
  assert.deepEqual(await digest('transparent'), createHash('sha256').update(bytesOf('transparent')).digest())
  assert.deepEqual(why(report.notExported).toSorted(), [
    'gone: the old server has no object with this identifier (it was destroyed)',
    'sensitive: Get was refused: Sensitive (it may not leave)',
  ])
  assert.match(why(report.notStored).join('\n'), /wrapped: the old server gives it only wrapped/)
  assert.match(
    why(report.notStored).join('\n'),
    /odd-format: this server does not keep such objects as PKCS_8/,
  )
  assert.deepEqual(report.notStoredTypes, { SymmetricKey: 2 })
})

for (const batches of [true, false])
  test(`attributes that a server gives only by their names come over ${batches ? 'with' : 'without'} batches`, async (t) => {
    const byName: Attributes = [
      { AttributeName: 'Original Creation Date', AttributeValue: 1_500_000_000n },
      { AttributeName: 'Random Number Generator', AttributeValue: { RNGAlgorithm: 'FIPS186_2' } },
    ]
    const handlers: OldHandlers = {
      ...holding(['a', 'b']),
      GetAttributes: ({ UniqueIdentifier, AttributeName = [] }) => {
        const id = textOf(UniqueIdentifier)
        if (AttributeName.length === 0) return { UniqueIdentifier: id, Attribute: active }
        if (id === 'b') throw new Fault('InvalidField', 'no such names')
        const asked = byName.filter((given) => AttributeName.includes(given.AttributeName))
        return { UniqueIdentifier: id, Attribute: asked }
      },
    }
    const { run, show } = await open(t, handlers, { batches })
    assert.deepEqual(counts(await run()), [2, 0, 0])
    const { attributes } = (await show('a')) ?? assert.fail('it is not here')
    assert.equal(first(attributes, 'OriginalCreationDate'), 1_500_000_000n)
    assert.deepEqual(first(attributes, 'RandomNumberGenerator'), { RNGAlgorithm: 'FIPS186_2' })
    assert.equal((await show('b'))?.state, 'Active')
  })

test('unknown attributes become custom ones; a server that gives no list at once is asked one by one', async (t) => {
  const Attribute: Attributes = [
    ...active,
    { AttributeName: 'Vendor Note', AttributeValue: { type: 'TextString', value: 'of theirs' } },
    { AttributeName: 'x-Mine', AttributeValue: { type: 'Integer', value: 7 } },
    { AttributeName: 'Activation Date', AttributeValue: 1_600_000_000n },
  ]
  const names = [...Attribute.map(({ AttributeName }) => AttributeName), 'Locked']
  const handlers: OldHandlers = {
    ...holding(['a']),
    GetAttributeList: () => ({ UniqueIdentifier: 'a', AttributeName: names, AttributeReference: [] }),
    GetAttributes: ({ AttributeName = [] }) => {
      const [one, ...others] = AttributeName
      if (one === undefined || others.length > 0) throw new Fault('FeatureNotSupported', 'name one')
      if (one === 'Locked') throw new Fault('PermissionDenied', 'not this one')
      return {
        UniqueIdentifier: 'a',
        Attribute: Attribute.filter((given) => given.AttributeName === one),
      }
    },
  }
  const { run, show } = await open(t, handlers)
  const report = await run()
  assert.deepEqual(why(report.withoutAttributes), ['a: Locked'])
  const { attributes } = (await show('a')) ?? assert.fail('it is not here')
  assert.deepEqual(attributes.get('x-Vendor Note')?.[0]?.value, { type: 'TextString', value: 'of theirs' })
  assert.deepEqual(attributes.get('x-Mine')?.[0]?.value, { type: 'Integer', value: 7 })
  assert.equal(first(attributes, 'ActivationDate'), 1_600_000_000n)
  assert.equal(first(attributes, 'CryptographicLength'), 256, 'from the Key Block')
})

test('an index of an attribute that leaves no room for others, or is none, is not taken over', async (t) => {
  const notes = [2 ** 31 - 1, attributeIndexMax + 1, -1, 7].map((AttributeIndex) => ({
    AttributeName: 'x-Note',
    AttributeIndex,
    AttributeValue: { type: 'Integer', value: AttributeIndex },
  }))
  const handlers: OldHandlers = {
    ...holding(['a']),
    GetAttributes: () => ({ UniqueIdentifier: 'a', Attribute: [...active, ...notes] }),
  }
  const { run, show, perform } = await open(t, handlers)
  assert.deepEqual(counts(await run()), [1, 0, 0])
  const added = { key: 'x-Note', value: { type: 'Integer', value: 0 }, version: '1.4' } as const
  assert.equal((await perform((work) => work.addAttribute('a', added))).index, 8)
  const { attributes } = (await show('a')) ?? assert.fail('it is not here')
  assert.deepEqual(
    attributes.get('x-Note')?.map(({ index, value }) => [index, (value as { value: number }).value]),
    [
      [0, 2 ** 31 - 1],
      [1, attributeIndexMax + 1],
      [2, -1],
      [7, 7],
      [8, 0],
    ],
  )
})

test('a state that the server does not tell any more changes nothing of what is here', async (t) => {
  let told: Attributes | undefined = [{ AttributeName: 'State', AttributeValue: 'PreActive' }]
  let refuses = false
  const { run, show } = await open(t, {
    ...holding(['a']),
    GetAttributes: () => {
      if (refuses) throw new Fault('FeatureNotSupported', 'not now')
      return { UniqueIdentifier: 'a', Attribute: told }
    },
  })
  await run()
  told = []
  assert.deepEqual(counts(await run()), [0, 0, 1])
  refuses = true
  assert.deepEqual(counts(await run()), [0, 0, 1])
  assert.equal((await show('a'))?.state, 'PreActive')
})

test('an identifier is any text of 1 to 1,024 bytes', async (t) => {
  const ids = ['1', 'ä/../% "\u{1F511}', 'k'.repeat(1024), 'k'.repeat(1025)]
  const { run, show } = await open(t, holding(ids))
  const report = await run()
  assert.deepEqual(counts(report), [3, 0, 0])
  for (const id of ids.slice(0, 3)) assert.equal((await show(id))?.uniqueIdentifier, id)
  assert.deepEqual(report.notStored.count, 1)
})

test('an object that is too large, or has too much said of it, is listed and ends nothing', async (t) => {
  const ids = ['large', 'talkative', 'plain']
  const { run } = await open(t, {
    ...holding(ids),
    Get: ({ UniqueIdentifier }) =>
      UniqueIdentifier === 'large'
        ? keyOf('large', { KeyValue: { KeyMaterial: Buffer.alloc(600 * 1024, 1) } })
        : keyOf(textOf(UniqueIdentifier)),
    GetAttributes: ({ UniqueIdentifier }) => ({
      UniqueIdentifier: textOf(UniqueIdentifier),
      Attribute: UniqueIdentifier === 'talkative' ? [1, 2, 3].map(note) : active,
    }),
  })
  const report = await run()
  assert.deepEqual(counts(report), [1, 0, 0])
  assert.match(
    why(report.notStored).toSorted().join('\n'),
    /large: .*bytes at most\ntalkative: .*262144 bytes/,
  )
})

test('two objects with one name are both kept, and listed', async (t) => {
  const { run, show } = await open(t, {
    ...holding(many(8)),
    GetAttributes: ({ UniqueIdentifier }) => ({
      UniqueIdentifier: textOf(UniqueIdentifier),
      Attribute: [...active, named('the same')],
    }),
  })
  const foreseen = await run({ dryRun: true })
  const report = await run()
  for (const { sharedNames, ...told } of [foreseen, report])
    assert.deepEqual([told.adopted, sharedNames.count, sharedNames.items[0]?.why], [8, 7, 'the same'])
  const views = await Promise.all(many(8).map((id) => show(id)))
  const withName = views.filter((view) => view?.attributes.has('Name'))
  const kept = views.filter((view) => view?.attributes.has('x-Mortise-Adopted-Name'))
  assert.deepEqual([withName.length, kept.length], [1, 7])
  assert.deepEqual(counts(await run()), [0, 0, 8])
})

test('resets, an overload and a restart are waited for; what never answers is listed', async (t) => {
  let asked = 0
  const { run, progress, waitedMs } = await open(t, {
    ...holding(many(12)),
    Get: ({ UniqueIdentifier }) => {
      asked++
      if (UniqueIdentifier === 'key-3') throw new Reset()
      if (asked % 3 === 0) throw new Reset()
      if (asked % 5 === 0) throw new Fault('GeneralFailure', 'busy')
      return keyOf(textOf(UniqueIdentifier))
    },
  })
  const report = await run()
  assert.equal(report.adopted, 11)
  assert.deepEqual(
    report.notExported.items.map(({ id }) => id),
    ['key-3'],
  )
  assert.ok(waitedMs() >= adoptRetryFirstMs)
  assert.ok(progress.some(({ trouble }) => trouble !== null))
})

test('a server that never comes back ends the adoption, with what to do', async (t) => {
  const { run, waitedMs } = await open(t, {
    ...holding(many(3)),
    Get: () => {
      throw new Reset()
    },
  })
  await assert.rejects(run(), (error) => {
    assert.ok(error instanceof AdoptionFailed)
    assert.match(error.message, /the old server does not answer/)
    assert.match(String(error.hint), /goes on from there/)
    return true
  })
  assert.ok(waitedMs() >= adoptSilenceMsMax)
})

test('interrupted, it goes on from there', async (t) => {
  const stopping = new AbortController()
  let given = 0
  const { run, show } = await open(t, {
    ...holding(many(200)),
    Get: ({ UniqueIdentifier }) => {
      if (++given === 20) stopping.abort()
      return keyOf(textOf(UniqueIdentifier))
    },
  })
  await assert.rejects(run({}, stopping.signal), /the server stops/)
  const before = (await Promise.all(many(200).map((id) => show(id)))).filter((view) => view !== undefined)
  assert.ok(before.length > 0 && before.length < 200, `${before.length} are here`)
  assert.deepEqual(counts(await run()), [200 - before.length, 0, before.length])
})

test('whatever the old server makes and deletes while it lists its keys, newest first, those that stay come over', async (t) => {
  const ids = [...many(9)]
  const later = ['later-1', 'later-2', 'later-3']
  // One key goes after the second page; of the second list three new ones come after the first.
  const meanwhile = new Map([
    [2, () => void ids.shift()],
    [5, () => void ids.unshift(...later)],
  ])
  let asked = 0
  const Locate: OldHandlers['Locate'] = ({ OffsetItems = 0 }) => {
    const UniqueIdentifier = ids.slice(OffsetItems, OffsetItems + 3)
    meanwhile.get(++asked)?.()
    return { UniqueIdentifier }
  }
  const { run } = await open(t, { ...holding([...ids, ...later]), Locate })
  assert.deepEqual(counts(await run()), [12, 0, 0])
})

test('a search that is refused without attributes is made by kind; without any, the file of identifiers helps', async (t) => {
  const ids = many(4)
  let none = false
  const { run } = await open(t, {
    ...holding(ids),
    Locate: ({ Attribute = [] }) => {
      if (none || Attribute.length === 0) throw new Fault('InvalidField', 'name an attribute')
      if (Attribute[0]?.AttributeValue === 'PublicKey') throw new Fault('InvalidField', 'no such kind here')
      return { UniqueIdentifier: Attribute[0]?.AttributeValue === 'SymmetricKey' ? ids : [] }
    },
  })
  assert.equal((await run()).adopted, 4)
  none = true
  await assert.rejects(
    run(),
    (error) => error instanceof AdoptionFailed && /--ids FILE/.test(String(error.hint)),
  )
  assert.deepEqual(counts(await run({ ids: ['key-1', 'key-1', 'key-2'] })), [0, 0, 2])
})

test('a list that is longer than a message may be is told as that; the file of identifiers helps', async (t) => {
  const long = Array.from({ length: 2_000 }, (_, index) => `${index}-`.padEnd(1_000, 'k'))
  const { run } = await open(
    t,
    { ...holding(many(2)), Locate: () => ({ UniqueIdentifier: long }) },
    { minor: 2 },
  )
  await assert.rejects(
    run(),
    (error) =>
      error instanceof AdoptionFailed &&
      /list of its objects cannot be read: /.test(error.message) &&
      /--ids FILE/.test(String(error.hint)),
  )
  assert.deepEqual(counts(await run({ ids: many(2) })), [2, 0, 0])
})

test('verify tells of bytes that differ, and other bytes never take the place of those that are here', async (t) => {
  let other = false
  const { run, digest, perform } = await open(t, {
    ...holding(['a', 'b']),
    Get: ({ UniqueIdentifier }) =>
      other && UniqueIdentifier === 'a'
        ? keyOf('a', { KeyValue: { KeyMaterial: Buffer.alloc(32, 9) } })
        : keyOf(textOf(UniqueIdentifier)),
  })
  await run()
  other = true
  const report = await run({ verify: true })
  assert.deepEqual(why(report.conflicts), ['a: an object with this identifier and other bytes is here'])
  assert.deepEqual([report.verified?.equal, report.verified?.different.count], [1, 0])
  assert.deepEqual(await digest('a'), createHash('sha256').update(bytesOf('a')).digest())
  await assert.rejects(
    perform((work) => work.digest('nobody')),
    faults('ObjectNotFound'),
  )
})

const digestOf = (id: string) => ({
  AttributeName: 'Digest',
  AttributeValue: {
    HashingAlgorithm: 'SHA_256',
    DigestValue: createHash('sha256').update(bytesOf(id)).digest(),
    KeyFormatType: 'Raw',
  },
})

for (const batches of [true, false])
  test(`an answer about another key, and bytes that contradict their Digest, are not adopted ${batches ? 'with' : 'without'} batches`, async (t) => {
    const ids = ['good', 'astray', 'astray-state', 'altered']
    const handlers: OldHandlers = {
      ...holding(ids),
      Get: ({ UniqueIdentifier }) => {
        const id = textOf(UniqueIdentifier)
        if (id === 'astray') return keyOf('good')
        if (id === 'altered') return { ...keyOf('good'), UniqueIdentifier: id }
        return keyOf(id)
      },
      GetAttributes: ({ UniqueIdentifier }) => {
        const id = textOf(UniqueIdentifier)
        const about = id === 'astray-state' ? 'good' : id
        return { UniqueIdentifier: about, Attribute: [...active, digestOf(id)] }
      },
    }
    const { run, show } = await open(t, handlers, { batches })
    const report = await run()
    assert.equal(await show('astray'), undefined)
    assert.equal(await show('altered'), undefined)
    assert.match(why(report.notExported).join('\n'), /astray: .*the answer is about another object/)
    assert.match(why(report.notExported).join('\n'), /altered: .*other bytes than the Digest/)
    assert.match(why(report.withoutAttributes).join('\n'), /astray-state: all of them/)
    assert.deepEqual(counts(report), [2, 0, 0])
  })

test('an old server that lists texts without end, or refuses with long ones, takes no more memory than a list may', async (t) => {
  const long = 'x'.repeat(900_000)
  const endless: OldHandlers = {
    ...holding([]),
    Locate: ({ OffsetItems = 0 }) => ({ UniqueIdentifier: [`${OffsetItems} ${long}`] }),
  }
  const listing = await open(t, endless)
  await assert.rejects(
    listing.run(),
    (error) => error instanceof AdoptionFailed && error.message.includes(`${adoptIdentifiersBytesMax} bytes`),
  )
  const refusing = await open(t, {
    ...holding(['key']),
    Get: () => {
      throw new Fault('PermissionDenied', long)
    },
  })
  const [left] = (await refusing.run()).notExported.items
  assert.ok(left)
  assert.match(left.why, /^Get was refused: PermissionDenied \(xxx/)
  assert.ok(left.why.length <= 2 * resultMessageCharactersMax, String(left.why.length))
})
