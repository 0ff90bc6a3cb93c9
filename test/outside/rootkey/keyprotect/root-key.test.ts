// keyprotect: and hpcs: root keys: the contract of every root key against the Key Protect fake, and against a real
// instance where one is named; URIs, rotation, key rings, aliases, lists and checks.
//
// For a real instance: MORTISE_TEST_KEYPROTECT="URI URI" with two active root keys, and MORTISE_TEST_KEYPROTECT_API_KEY_FILE
// with the API key of a service ID that is Reader on both. Nothing there is changed; it costs some 300 calls.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, afterEach, test } from 'node:test'
import { RootKeyError } from '../../../../src/core/ports/root-key.ts'
import { keyProtectPageKeys } from '../../../../src/outside/rootkey/keyprotect/pages.ts'
import type { Rewrapped } from '../../../../src/outside/rootkey/keyprotect/root-key.ts'
import { KeyProtectSessions } from '../../../../src/outside/rootkey/keyprotect/sessions.ts'
import { formatKeyProtectUri, parseKeyProtectUri } from '../../../../src/outside/rootkey/keyprotect/uri.ts'
import { checkRootKey, listRootKeys, openRootKey } from '../../../../src/outside/rootkey/open.ts'
import { unpackWrappedForm } from '../../../../src/outside/rootkey/wrapped-form.ts'
import { KeyProtectFake } from '../../../support/key-protect/fake.ts'
import { sideOf, sideOfReal, type Side } from '../../../support/key-protect/mortise.ts'
import { reaches, rootKeyContract } from '../../../support/root-keys/rootkey-contract.ts'
import { systemClock } from '../../../../src/host/system-clock.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
const apiKey = readFileSync(fake.about.apiKeyFile, 'utf8').trim()
const side = sideOf(fake, apiKey)
after(() => side.sessions.close())
afterEach(() => fake.calm())
const place = Buffer.from('place')

const ids = [await fake.rootKey({ aliases: ['first'] }), await fake.rootKey()] as const
rootKeyContract('keyprotect', {
  open: () => openRootKey(fake.uri('first'), side.options),
  openOther: () => openRootKey(fake.uri(ids[1]), side.options),
  async takeAway() {
    await fake.control('POST', 'listeners', { keyProtect: 'down' })
    return () => fake.calm()
  },
  async swap() {
    // Another key gets the alias; the one that was opened is deleted.
    await fake.admin('DELETE', `/keys/${ids[0]}/aliases/first`)
    await fake.admin('POST', `/keys/${ids[1]}/aliases/first`)
    await fake.admin('DELETE', `/keys/${ids[0]}`)
    return async () => {
      await fake.advance(31)
      await fake.admin('POST', `/keys/${ids[0]}/restore`)
      await fake.admin('DELETE', `/keys/${ids[1]}/aliases/first`)
      await fake.admin('POST', `/keys/${ids[0]}/aliases/first`)
    }
  },
  runs: 50,
})

const [realFirst, realOther] = (process.env['MORTISE_TEST_KEYPROTECT'] ?? '').split(/\s+/).filter(Boolean)
if (realFirst === undefined || realOther === undefined) {
  process.stderr.write(
    'No contract test against a real Key Protect: MORTISE_TEST_KEYPROTECT does not name two root keys.\n',
  )
} else {
  const { options, sessions } = sideOfReal()
  after(() => sessions.close())
  rootKeyContract('a real Key Protect', {
    open: () => openRootKey(realFirst, options),
    openOther: () => openRootKey(realOther, options),
    runs: 10,
  })
  test('a real root key is checked', async () => {
    assert.match((await checkRootKey(realFirst, options)).uri, /^(keyprotect|hpcs):/)
  })
}

test('URIs: id or alias, public and private hosts, HPCS, ports, key rings; and back', () => {
  const guid = '12e8c9c2-a162-472d-b7d6-8b9a86b815a6'
  const id = '02fd6835-6001-4482-a892-13bd2085f75d'
  const cases = [
    `keyprotect://us-south.kms.cloud.ibm.com/${guid}/${id}`,
    `keyprotect://private.us-south.kms.cloud.ibm.com/${guid}/my_alias-1`,
    `keyprotect://localhost:8443/${guid}/${id}?key-ring=vmware`,
    `keyprotect://${guid}.api.us-south.kms.appdomain.cloud/${guid}/${id}`,
    `hpcs://${guid}.api.us-south.hs-crypto.appdomain.cloud/${guid}/${id}`,
    `hpcs://api.us-south.hs-crypto.cloud.ibm.com:8765/${guid}/${id}`,
    `keyprotect://[::1]:8443/${guid}/${id}`,
  ]
  for (const uri of cases) assert.equal(formatKeyProtectUri(parseKeyProtectUri(uri)), uri)
  const upper = parseKeyProtectUri(`KeyProtect://US-South.kms.cloud.ibm.com:443/${guid}/${id.toUpperCase()}`)
  assert.deepEqual(upper, {
    scheme: 'keyprotect',
    host: 'us-south.kms.cloud.ibm.com',
    instance: guid,
    key: id,
    keyRing: undefined,
  })
  assert.equal(parseKeyProtectUri(`keyprotect://h/${guid}`).key, undefined)
})

test('what is no such URI is refused, with what to write; a secret in it is not repeated', () => {
  const wrong = [
    'keyprotect:',
    'keyprotect://host',
    'keyprotect:///guid/key',
    'keyprotect://host/guid/key/more',
    'keyprotect://host/guid/key?apikey=x',
    'keyprotect://host/guid/key#x',
    'keyprotect://host/guid/a%20b',
    'keyprotect://host/../key',
    'keyprotect://host:99999/guid/key',
    'keyprotect://me:hunter2@host/guid/key',
  ]
  for (const uri of wrong)
    assert.throws(
      () => parseKeyProtectUri(uri),
      (error: unknown) => {
        reaches('root-key', /Write keyprotect:\/\/us-south/)(error)
        assert.ok(error instanceof RootKeyError && !error.message.includes('hunter2'))
        return true
      },
    )
})

test('an instance that is no GUID is refused before anything is sent, and where to find the GUID is said', async () => {
  for (const instance of [
    'my-key-protect',
    '12e8c9c2-a162-472d-b7d6-8b9a86b815a',
    '12e8c9c2a162472db7d68b9a86b815a6',
  ])
    assert.throws(
      () => parseKeyProtectUri(`keyprotect://us-south.kms.cloud.ibm.com/${instance}/my-key`),
      reaches(
        'root-key',
        new RegExp(
          `^${instance} in keyprotect://.* is not the GUID .*ibmcloud resource service-instance NAME`,
        ),
      ),
    )
})

for (const status of [401, 403] as const)
  test(`an instance that is not there, answered ${status}: the message doubts the GUID before it asks for a role`, async () => {
    await fake.control('POST', 'roles', { missing: status })
    const wrong = '12e8c9c2-a162-472d-b7d6-8b9a86b815a6'
    const side = sideOf(fake, apiKey)
    await assert.rejects(
      checkRootKey(fake.uri(ids[0] ?? '', { instance: wrong }), side.options),
      reaches(
        'root-key',
        new RegExp(
          `Perhaps there is no instance ${wrong} at ${fake.about.keyProtect}: .* GUID .*service role Reader`,
        ),
      ),
    )
    side.sessions.close()
    await fake.calm()
  })

test('without a CA of one’s own tokens are for IBM’s hosts alone', async () => {
  // Nothing is sent: an id is taken as it is.
  const sessions = new KeyProtectSessions({
    iamUrl: fake.about.iamUrl,
    apiKey: () => Promise.reject(new Error('is not asked for')),
    clock: systemClock,
  })
  const open = (host: string) =>
    openRootKey(`keyprotect://${host}/${fake.about.instance}/${ids[0]}`, {
      ...side.options,
      keyProtect: sessions,
    })
  for (const host of [
    'us-south.kms.cloud.ibm.com',
    'private.eu-de.kms.cloud.ibm.com:443',
    'abc.api.us-south.kms.appdomain.cloud',
    'abc.api.private.us-south.hs-crypto.appdomain.cloud',
    'api.us-south.hs-crypto.cloud.ibm.com:8765',
  ])
    assert.equal((await open(host)).id, ids[0])
  for (const host of [
    'localhost:8443',
    'evil.example',
    'kms.cloud.ibm.com.evil.example',
    'evil-kms.cloud.ibm.com',
    'x.us-south.containers.appdomain.cloud',
  ])
    await assert.rejects(open(host), reaches('root-key', /is no host of Key Protect/))
  sessions.close()
})

test('an alias is resolved once, by one call; an id costs none', async () => {
  await fake.forgetCalls()
  const byAlias = await openRootKey(fake.uri('first'), side.options)
  assert.equal(byAlias.id, ids[0])
  assert.equal(byAlias.uri, fake.uri(ids[0]))
  const wrapped = await byAlias.wrap(randomBytes(32), place)
  const byId = await openRootKey(byAlias.uri, side.options)
  await byId.unwrap(wrapped, place)
  assert.deepEqual(
    (await fake.calls()).map(({ call, on }) => [call, on]),
    [
      ['metadata', 'first'],
      ['wrap', ids[0]],
      ['unwrap', ids[0]],
    ],
  )
})

test('hpcs: is the same with its own name', async () => {
  const key = await openRootKey(fake.uri(ids[0], { scheme: 'hpcs' }), side.options)
  const secret = randomBytes(32)
  assert.deepEqual(await key.unwrap(await key.wrap(secret, place), place), secret)
  await assert.rejects(
    openRootKey(fake.uri('no-such-alias', { scheme: 'hpcs' }), side.options),
    reaches('root-key', /^Hyper Protect Crypto Services at .* has no key no-such-alias/),
  )
})

test('associated data of any length that fits, and none', async () => {
  const key = await openRootKey(fake.uri(ids[0]), side.options)
  for (const length of [0, 1, 188, 189, 190, 125 * 189]) {
    const data = randomBytes(length)
    const wrapped = await key.wrap(Buffer.from('secret'), data)
    assert.equal(Buffer.from(await key.unwrap(wrapped, data)).toString(), 'secret')
    await assert.rejects(key.unwrap(wrapped, Buffer.concat([data, Buffer.of(0)])), reaches('wrapped-form'))
  }
  await assert.rejects(key.wrap(Buffer.from('x'), Buffer.alloc(125 * 189 + 1)), reaches('wrapped-form'))
})

test('after a rotation the old still opens, and the new form is handed on, under the new version', async () => {
  const id = await fake.rootKey()
  const rewrapped: Rewrapped[] = []
  const own = sideOf(fake, apiKey, { onRewrapped: (event) => rewrapped.push(event) })
  const key = await openRootKey(fake.uri(id), own.options)
  const secret = randomBytes(32)
  const old = await key.wrap(secret, place)
  await key.unwrap(old, place)
  assert.equal(rewrapped.length, 0)
  await fake.admin('POST', `/keys/${id}/actions/rotate`)
  assert.deepEqual(Buffer.from(await key.unwrap(old, place)), secret)
  const event = rewrapped.at(0)
  assert.ok(event)
  assert.equal(event.uri, key.uri)
  assert.deepEqual(Buffer.from(event.wrapped), Buffer.from(old))
  const { body } = await fake.admin('GET', `/keys/${id}/versions`)
  const [newest, oldest] = (body as { resources: { id: string }[] }).resources
  assert.equal(unpackWrappedForm('key protect', old).keyVersion, oldest?.id)
  assert.equal(unpackWrappedForm('key protect', event.rewrapped).keyVersion, newest?.id)
  assert.deepEqual(Buffer.from(await key.unwrap(event.rewrapped, place)), secret)
  assert.equal(rewrapped.length, 1, 'what is new is not handed on again')
  assert.equal(unpackWrappedForm('key protect', await key.wrap(secret, place)).keyVersion, newest?.id)
  own.sessions.close()
})

test('a key ring in the URI narrows the look-up', async () => {
  await fake.admin('POST', '/key_rings/vmware')
  const id = await fake.rootKey({ aliases: ['in-ring'] }, { 'X-Kms-Key-Ring': 'vmware' })
  const key = await openRootKey(fake.uri('in-ring', { keyRing: 'vmware' }), side.options)
  assert.equal(key.uri, fake.uri(id, { keyRing: 'vmware' }))
  await key.unwrap(await key.wrap(Buffer.from('x'), place), place)
  const elsewhere = await openRootKey(fake.uri(id, { keyRing: 'default' }), side.options)
  await assert.rejects(elsewhere.wrap(Buffer.from('x'), place), reaches('root-key', /has no key/))
})

test('root keys are listed without standard keys and destroyed ones, each with its URI', async () => {
  const { guid: instance } = await fake.control<{ guid: string }>('POST', 'instances')
  const manager = await fake.serviceId({ instance, roles: ['Manager'] })
  const reader = await fake.serviceId({ instance, roles: ['Reader'] })
  const own = sideOf(fake, reader.apiKey)
  const uri = `keyprotect://${fake.about.keyProtect}/${instance}`
  assert.deepEqual(await listRootKeys(uri, own.options), [], 'an empty list has no resources')
  const token = await fake.token(manager.apiKey)
  const headers = { Authorization: `Bearer ${token}`, 'Bluemix-Instance': instance }
  const made = await Promise.all(
    Array.from({ length: 42 }, async (_, index) => {
      const resource = {
        type: 'application/vnd.ibm.kms.key+json',
        name: `key ${String(index).padStart(3, '0')}`,
        extractable: index % 41 === 0,
      }
      const body = JSON.stringify({ resources: [resource] })
      const answer = await fake.raw('POST', `https://${fake.about.keyProtect}/api/v2/keys`, {
        headers,
        body,
      })
      return (answer.body as { resources: { id: string }[] }).resources[0]?.id ?? ''
    }),
  )
  await fake.raw('DELETE', `https://${fake.about.keyProtect}/api/v2/keys/${made[1]}`, { headers })
  await fake.raw('POST', `https://${fake.about.keyProtect}/api/v2/keys/${made[2]}/actions/disable`, {
    headers,
  })
  const listed = await listRootKeys(uri, own.options)
  assert.equal(listed.length, 39)
  assert.deepEqual(
    [listed[0]?.name, listed[0]?.state, listed[0]?.uri],
    ['key 002', 'suspended', `${uri}/${made[2]}`],
  )
  assert.deepEqual(
    [listed[38]?.name, listed[38]?.state, listed[38]?.keyRing],
    ['key 040', 'active', 'default'],
  )
  own.sessions.close()
})

test('more root keys than a page has', async () => {
  const own: Side = sideOf(fake, apiKey)
  const before = (await listRootKeys(fake.uri(''), own.options)).length
  const more = keyProtectPageKeys
  await fake.manyKeys(more, 'one of many', { extractable: false })
  await fake.forgetCalls()
  const listed = await listRootKeys(fake.uri(''), own.options)
  assert.equal(listed.length, before + more)
  assert.equal(new Set(listed.map(({ id }) => id)).size, listed.length)
  assert.equal((await fake.calls('list')).length, 2)
  own.sessions.close()
})

test('a check answers with the URI to keep, by id', async () => {
  const checked = await checkRootKey(fake.uri('first'), side.options)
  assert.deepEqual(checked, { uri: fake.uri(ids[0]), id: ids[0], warnings: [] })
})

const unfit: readonly {
  readonly what: string
  readonly make: () => Promise<string>
  readonly says: RegExp
}[] = [
  {
    what: 'no such key',
    make: () => Promise.resolve('0a0a0a0a-0000-4000-8000-000000000000'),
    says: /root-key list --root-key keyprotect:/,
  },
  {
    what: 'a standard key',
    make: () => fake.rootKey({ extractable: true }),
    says: /is a standard key.*kp key create/,
  },
  {
    what: 'a disabled key',
    make: async () => {
      const id = await fake.rootKey()
      await fake.admin('POST', `/keys/${id}/actions/disable`)
      return id
    },
    says: /is disabled.*kp key enable/,
  },
  {
    what: 'a deleted key',
    make: async () => {
      const id = await fake.rootKey()
      await fake.admin('DELETE', `/keys/${id}`)
      return id
    },
    says: /was deleted.*kp key restore/,
  },
  {
    what: 'an expired key',
    make: async () => {
      const now = Date.parse((await fake.control<{ now: string }>('GET', 'state')).now)
      const id = await fake.rootKey({ expirationDate: new Date(now + 60_000).toISOString() })
      await fake.advance(61)
      return id
    },
    says: /expired at/,
  },
]
for (const { what, make, says } of unfit)
  test(`a check refuses ${what}`, async () => {
    await assert.rejects(checkRootKey(fake.uri(await make()), side.options), reaches('root-key', says))
  })

test('a check warns of a key that will expire', async () => {
  const id = await fake.rootKey({ expirationDate: '2099-01-01T00:00:00Z' })
  const { warnings } = await checkRootKey(fake.uri(id), side.options)
  assert.match(warnings.join(), /expires at 2099/)
})

test('a check says into which key ring standard keys go, where the root key lies in another', async () => {
  await fake.admin('POST', '/key_rings/beside')
  const id = await fake.rootKey({}, { 'X-Kms-Key-Ring': 'beside' })
  const beside = fake.uri(id, { keyRing: 'beside' })
  const check = async (uri: string, standardKeys: boolean, keyRing?: string) => {
    const serviceId = await fake.serviceId({
      roles: ['Manager'],
      ...(keyRing !== undefined && { keyRing }),
    })
    const own = sideOf(fake, serviceId.apiKey)
    const checked = checkRootKey(uri, { ...own.options, standardKeys }).finally(() => own.sessions.close())
    return (await checked).warnings
  }
  const [warning, ...others] = await check(fake.uri(id), true)
  assert.match(warning ?? '', /lies in the key ring beside.*go into the ring default/)
  assert.ok(warning?.endsWith(beside), 'and how they come there')
  assert.deepEqual(others, [])
  assert.deepEqual(await check(fake.uri(id), false), [])
  assert.deepEqual(await check(beside, true, 'beside'), [])
  assert.deepEqual(await check(fake.uri('first'), true), [])
  await assert.rejects(
    check(fake.uri(id), true, 'beside'),
    reaches('root-key', /may not make standard keys.*go into the ring default/),
  )
})

test('without an API key it is said how to give one', async () => {
  await assert.rejects(
    openRootKey(fake.uri(ids[0]), { dataFolder: '/nowhere', create: false }),
    reaches('root-key', /MORTISE_IBM_API_KEY_FILE/),
  )
})
