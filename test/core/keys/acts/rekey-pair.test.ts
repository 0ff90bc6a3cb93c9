// Re-key Key Pair as an act (KMIP 1.4 §4.5): both halves are replaced together, and only a whole pair is.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { RekeyPairRequest } from '../../../../src/core/keys/acts/rekey-pair.ts'
import { linkTo, type Link } from '../../../../src/core/keys/object/links.ts'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { attributeSet, createKey, faults, openCoreWithClient, name } from '../../../support/server/core.ts'

const none = attributeSet({})
const ec = { CryptographicAlgorithm: 'EC', CryptographicLength: 256 }

async function open(t: TestContext) {
  const site = await openCoreWithClient(t)
  const { perform } = site
  const pair = (privateKey: object = {}, publicKey: object = {}) =>
    perform((work) =>
      work.createKeyPair({
        privateKey: attributeSet({ ...ec, ...privateKey }),
        publicKey: attributeSet({ ...ec, ...publicKey }),
      }),
    )
  const rekey = (uniqueIdentifier: string, more: Partial<RekeyPairRequest> = {}) =>
    perform((work) =>
      work.rekeyKeyPair({
        uniqueIdentifier,
        offsetSeconds: undefined,
        changes: { privateKey: none, publicKey: none },
        ...more,
      }),
    )
  const attributes = (id: string) => perform((work) => work.attributes('key.attributes', id))
  const links = async (id: string) =>
    ((await attributes(id)).get('Link') ?? []).map(({ value }) => {
      const { LinkType, LinkedObjectIdentifier } = value as Link
      return `${LinkType} ${LinkedObjectIdentifier}`
    })
  /** The object leads there alone. */
  const relink = (id: string, ...to: readonly Link[]) =>
    perform(async (work) => {
      if ((await work.attributes('key.attributes', id)).has('Link'))
        await work.deleteAllInstances(id, { key: 'Link', version: '2.1' })
      for (const value of to) await work.addAttribute(id, { key: 'Link', value, version: '2.1' })
    })
  return { ...site, pair, rekey, attributes, links, relink }
}

test('each half gets the Name, the attributes and the links of the half that it replaces, and other bytes', async (t) => {
  const { perform, pair, rekey, attributes, links } = await open(t)
  const old = await pair(
    { Name: name('private'), ObjectGroup: 'a' },
    { Name: name('public'), ObjectGroup: 'b' },
  )
  const changes = { privateKey: attributeSet({ Comment: 'c' }), publicKey: attributeSet({ Comment: 'd' }) }
  const made = await rekey(old.privateKey, { changes })
  for (const [half, other, group, comment, link] of [
    ['privateKey', 'publicKey', 'a', 'c', 'PublicKeyLink'],
    ['publicKey', 'privateKey', 'b', 'd', 'PrivateKeyLink'],
  ] as const) {
    const [was, is] = [await attributes(old[half]), await attributes(made[half])]
    assert.equal(was.get('Name'), undefined)
    assert.equal(first(is, 'Name')?.NameValue, half === 'privateKey' ? 'private' : 'public')
    assert.deepEqual([first(is, 'ObjectGroup'), first(is, 'Comment')], [group, comment])
    assert.deepEqual(await links(made[half]), [`${link} ${made[other]}`, `ReplacedObjectLink ${old[half]}`])
    assert.deepEqual(await links(old[half]), [`${link} ${old[other]}`, `ReplacementObjectLink ${made[half]}`])
    const digests = [old, made].map((ids) => perform((work) => work.digest(ids[half])))
    const [before, after] = await Promise.all(digests)
    assert.notDeepEqual(before, after)
  }
  await assert.rejects(rekey(old.privateKey), faults('PermissionDenied', new RegExp(made.privateKey)))
})

test('an Offset moves the dates of both halves', async (t) => {
  const { core, pair, rekey, attributes } = await open(t)
  const now = BigInt(core.clock.now() / 1000)
  const old = await pair({ ActivationDate: 5n, DeactivationDate: 4_000_000_000n })
  const made = await rekey(old.privateKey, { offsetSeconds: 10 })
  const [own, other] = [await attributes(made.privateKey), await attributes(made.publicKey)]
  assert.deepEqual(
    [first(own, 'ActivationDate'), first(own, 'DeactivationDate'), first(other, 'ActivationDate')],
    [now + 10n, 4_000_000_000n + now + 10n - 5n, now + 10n],
  )
})

test('only a private key whose link leads to its public key is re-keyed, and both must be here', async (t) => {
  const { perform, pair, rekey, relink, links } = await open(t)
  const { privateKey, publicKey } = await pair()
  await assert.rejects(rekey(publicKey), faults('InvalidObjectType', /takes the Unique Identifier/))
  const aes = await perform(createKey())
  await assert.rejects(rekey(aes), faults('InvalidObjectType', /takes the Unique Identifier/))
  await relink(privateKey)
  await assert.rejects(rekey(privateKey), faults('ObjectNotFound', /no Link/))
  await relink(privateKey, linkTo('PublicKeyLink', aes))
  await assert.rejects(rekey(privateKey), faults('InvalidObjectType', /another type/))
  await relink(privateKey, linkTo('PublicKeyLink', 'nobody'))
  await assert.rejects(rekey(privateKey), faults('ObjectNotFound'))
  await relink(privateKey, linkTo('PublicKeyLink', publicKey))
  await perform((work) => work.destroy(publicKey))
  await assert.rejects(rekey(privateKey), faults('ObjectDestroyed'))
  assert.deepEqual(await links(privateKey), [`PublicKeyLink ${publicKey}`], 'a refusal changes nothing')
  const head = { keyFormatType: 'PKCS_8', isElsewhere: true } as const
  const elsewhere = await perform((work) =>
    work.register(
      { objectType: 'PrivateKey', attributes: attributeSet({ ...ec, KeyValuePresent: false }) },
      { bytes: Buffer.of(), head },
    ),
  )
  await assert.rejects(rekey(elsewhere), faults('KeyValueNotPresent'))
})
