// The fake of Key Protect against what IBM documents, so that what is tested with it means something: shapes, limits,
// states, roles, errors. Through its front door, as any client speaks to it.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, afterEach, test } from 'node:test'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import type { Role } from '../support/key-protect/state.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
afterEach(() => fake.calm())

interface Key {
  readonly id: string
  readonly state: number
  readonly payload?: string
  readonly keyVersion?: { readonly id: string }
  readonly [name: string]: unknown
}

interface Action {
  readonly plaintext?: string
  readonly ciphertext?: string
  readonly keyVersion: { readonly id: string }
  readonly rewrappedKeyVersion?: { readonly id: string }
}

const first = (body: unknown): Key => {
  const [resource] = (body as { readonly resources: readonly Key[] }).resources
  return resource ?? assert.fail('no resource')
}
const get = async (id: string) => first((await fake.admin('GET', `/keys/${id}`)).body)
const act = async (id: string, action: string, body?: object) =>
  (await fake.admin('POST', `/keys/${id}/actions/${action}`, body)).body as Action

/** Fails as documented: with the status, and the code of the first reason. */
async function refused(
  status: number,
  code: string,
  method: string,
  where: string,
  body?: object,
): Promise<void> {
  const answer = await fake.admin(method, where, body, {}, status)
  const { metadata, resources } = answer.body as {
    readonly metadata: object
    readonly resources: readonly {
      readonly errorMsg: string
      readonly reasons?: readonly { code: string; status: number }[]
    }[]
  }
  assert.deepEqual(metadata, { collectionType: 'application/vnd.ibm.kms.error+json', collectionTotal: 1 })
  const [{ errorMsg, reasons } = assert.fail('no resource')] = resources
  assert.ok(errorMsg.length > 0)
  assert.deepEqual([reasons?.[0]?.code, reasons?.[0]?.status], [code, status])
}

test('a root key is shown as documented, and its material never', async () => {
  const id = await fake.rootKey({
    name: 'shown',
    aliases: ['alias-1', 'alias-2'],
    description: 'A test root key',
  })
  const key = await get('alias-1')
  assert.match(
    String(key['crn']),
    new RegExp(`^crn:v1:bluemix:public:kms:us-south:a/[0-9a-f]{32}:${fake.about.instance}:key:${id}$`),
  )
  assert.match(String(key['creationDate']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const { creationDate, createdBy, lastUpdateDate, crn, keyVersion, ...fixed } = key
  assert.ok(
    [creationDate, createdBy, lastUpdateDate, crn, keyVersion?.id].every(
      (value) => typeof value === 'string',
    ),
  )
  assert.deepEqual(fixed, {
    type: 'application/vnd.ibm.kms.key+json',
    id,
    name: 'shown',
    aliases: ['alias-1', 'alias-2'],
    description: 'A test root key',
    state: 1,
    extractable: false,
    imported: false,
    keyRingID: 'default',
    algorithmType: 'Deprecated',
    algorithmMetadata: { bitLength: '256', mode: 'Deprecated' },
    algorithmBitSize: 256,
    algorithmMode: 'Deprecated',
    dualAuthDelete: { enabled: false },
    deleted: false,
  })
})

test('a standard key has its payload in GET alone, and no version', async () => {
  const payload = randomBytes(7_500).toString('base64')
  const id = await fake.rootKey({ extractable: true, payload })
  const key = await get(id)
  assert.deepEqual([key.payload, key.keyVersion, key['imported']], [payload, undefined, true])
  assert.equal(first((await fake.admin('GET', `/keys/${id}/metadata`)).body).payload, undefined)
  await refused(400, 'KEY_ROOT_REQ_ERR', 'POST', `/keys/${id}/actions/wrap`, {})
  await fake.admin('DELETE', `/keys/${id}`)
  assert.equal((await get(id)).payload, undefined)
})

test('what may be asked for when a key is made', async () => {
  const key = { type: 'application/vnd.ibm.kms.key+json', name: 'a key' }
  const bad: readonly (readonly [string, readonly object[]])[] = [
    ['BAD_BODY_ERR', [key, key]],
    ['BAD_BODY_ERR', []],
    ['INVALID_FIELD_ERR', [{ ...key, name: 'a' }]],
    ['INVALID_FIELD_ERR', [{ ...key, name: 'a'.repeat(91) }]],
    ['INVALID_FIELD_ERR', [{ ...key, type: 'x' }]],
    ['INVALID_FIELD_ERR', [{ ...key, payload: 'no base64' }]],
    ['INVALID_FIELD_ERR', [{ ...key, payload: randomBytes(7_501).toString('base64') }]],
    ['INVALID_FIELD_ERR', [{ ...key, extractable: false, payload: randomBytes(33).toString('base64') }]],
    ['INVALID_FIELD_ERR', [{ ...key, aliases: ['rotate'] }]],
    ['INVALID_FIELD_ERR', [{ ...key, expirationDate: '2001-01-01T00:00:00Z' }]],
  ]
  for (const [code, resources] of bad) await refused(400, code, 'POST', '/keys', { resources })
  const minimal = await fake.admin(
    'POST',
    '/keys',
    { Resources: [{ ...key, Tags: ['x'] }] },
    { Prefer: 'return=minimal' },
  )
  assert.deepEqual(Object.keys(first(minimal.body)), ['id'])
  assert.deepEqual((await get(first(minimal.body).id))['tags'], ['x'], 'names of fields in any case')
})

test('lists: pages by id, totals, states, search, and an empty one without resources', async () => {
  const { guid } = await fake.control<{ guid: string }>('POST', 'instances')
  const { apiKey } = await fake.serviceId({ instance: guid, roles: ['Manager'] })
  const headers = { Authorization: `Bearer ${await fake.token(apiKey)}`, 'Bluemix-Instance': guid }
  const ask = async (where: string, method = 'GET', body?: object) =>
    fake.raw(method, `https://${fake.about.keyProtect}/api/v2${where}`, {
      headers,
      ...(body && { body: JSON.stringify(body) }),
    })
  assert.deepEqual((await ask('/keys')).body, {
    metadata: { collectionType: 'application/vnd.ibm.kms.key+json', collectionTotal: 0 },
  })
  const type = 'application/vnd.ibm.kms.key+json'
  for (const name of ['mortise-1', 'mortise-2', 'other'])
    await ask('/keys', 'POST', { resources: [{ type, name, extractable: name !== 'other' }] })
  const page = await ask('/keys?limit=2&offset=1')
  const ids = (page.body as { resources: Key[] }).resources.map(({ id }) => id)
  assert.equal(ids.length, 2)
  assert.deepEqual(ids, ids.toSorted())
  assert.equal(page.headers['key-total'], '3')
  assert.equal((await ask('/keys', 'HEAD')).headers['key-total'], '3')
  assert.equal((await ask('/keys?extractable=false')).headers['key-total'], '1')
  assert.equal((await ask('/keys?search=MORTISE')).headers['key-total'], '2')
  assert.equal((await ask('/keys?search=not:exact:name:other')).headers['key-total'], '2')
  await ask(`/keys/${ids[0]}`, 'DELETE')
  assert.equal((await ask('/keys')).headers['key-total'], '2')
  assert.equal((await ask('/keys?state=5')).headers['key-total'], '1')
  assert.equal((await ask('/keys?limit=5001')).status, 400)
})

test('wrap, unwrap and rewrap, with the limits of what they take', async () => {
  const id = await fake.rootKey()
  const generated = await act(id, 'wrap')
  assert.equal(Buffer.from(generated.plaintext ?? '', 'base64').length, 32)
  const plaintext = randomBytes(3_072).toString('base64')
  const aad = Array.from({ length: 126 }, (_, index) => `${index}`.padEnd(255, 'x'))
  const { ciphertext, keyVersion, plaintext: repeated } = await act(id, 'wrap', { plaintext, aad })
  assert.equal(repeated, undefined)
  const envelope = JSON.parse(Buffer.from(ciphertext ?? '', 'base64').toString()) as Record<string, string>
  assert.deepEqual([envelope['version'], envelope['handle']], ['4.0.0', keyVersion.id])
  assert.deepEqual(await act(id, 'unwrap', { ciphertext, aad }), { plaintext, keyVersion })
  const old = await fake.admin('POST', `/keys/${id}?action=unwrap`, { ciphertext, aad })
  assert.deepEqual(old.body, { plaintext, keyVersion }, 'the form of 2019')
  const where = `/keys/${id}/actions/`
  await refused(422, 'UNPROCESSABLE_CIPHERTEXT_ERR', 'POST', `${where}unwrap`, {
    ciphertext,
    aad: aad.toReversed(),
  })
  await refused(422, 'UNPROCESSABLE_CIPHERTEXT_ERR', 'POST', `${where}unwrap`, { ciphertext })
  await refused(400, 'INVALID_FIELD_ERR', 'POST', `${where}unwrap`, { ciphertext: 'no base64' })
  await refused(400, 'NO_BODY_ERR', 'POST', `${where}unwrap`)
  await refused(400, 'INVALID_FIELD_ERR', 'POST', `${where}wrap`, { plaintext: 'no base64' })
  await refused(400, 'INVALID_FIELD_ERR', 'POST', `${where}wrap`, {
    plaintext: randomBytes(3_073).toString('base64'),
  })
  await refused(400, 'INVALID_FIELD_ERR', 'POST', `${where}wrap`, { aad: [...aad, 'x'] })
  await refused(400, 'INVALID_FIELD_ERR', 'POST', `${where}wrap`, { aad: ['x'.repeat(256)] })
})

test('rotation: once an hour, old versions open and hand back the new form', async () => {
  const id = await fake.rootKey()
  const { ciphertext, plaintext, keyVersion } = await act(id, 'wrap')
  await act(id, 'rotate', {})
  await refused(409, 'KEY_ROTATION_NOT_PERMITTED', 'POST', `/keys/${id}/actions/rotate`, {})
  const opened = await act(id, 'unwrap', { ciphertext })
  assert.deepEqual([opened.plaintext, opened.keyVersion], [plaintext, keyVersion])
  assert.notEqual(opened.rewrappedKeyVersion?.id, keyVersion.id)
  const rewrapped = await act(id, 'rewrap', { ciphertext })
  assert.deepEqual(rewrapped.rewrappedKeyVersion, opened.rewrappedKeyVersion)
  assert.equal(rewrapped.plaintext, undefined)
  assert.deepEqual(await act(id, 'unwrap', { ciphertext: rewrapped.ciphertext }), {
    plaintext,
    keyVersion: opened.rewrappedKeyVersion,
  })
  await fake.advance(3_600)
  await act(id, 'rotate')
  const { body } = await fake.admin('GET', `/keys/${id}/versions?totalCount=true`)
  assert.equal((body as { metadata: { totalCount: number } }).metadata.totalCount, 3)
  assert.equal((body as { resources: Key[] }).resources[2]?.id, keyVersion.id, 'newest first')
})

test('imported root keys: rotated with new material; the same material opens the same', async () => {
  const payload = randomBytes(32).toString('base64')
  const [one, two] = [await fake.rootKey({ payload }), await fake.rootKey({ payload })]
  const { ciphertext, plaintext } = await act(one, 'wrap')
  assert.equal((await act(two, 'unwrap', { ciphertext })).plaintext, plaintext)
  await refused(400, 'KEY_PAYLOAD_REQ_ERR', 'POST', `/keys/${one}/actions/rotate`, {})
  await act(one, 'rotate', { payload: randomBytes(32).toString('base64') })
  const generated = await fake.rootKey()
  await refused(400, 'INVALID_QUERY_PARAM_ERR', 'POST', `/keys/${generated}/actions/rotate`, { payload })
})

test('states: disabled, enabled, expired, deleted, restored, purged, each when it may', async () => {
  const id = await fake.rootKey()
  const { ciphertext } = await act(id, 'wrap')
  const where = `/keys/${id}`
  await refused(409, 'KEY_ACTION_INVALID_STATE_ERR', 'POST', `${where}/actions/enable`)
  await act(id, 'disable')
  for (const action of ['wrap', 'unwrap', 'rotate', 'disable'])
    await refused(409, 'KEY_ACTION_INVALID_STATE_ERR', 'POST', `${where}/actions/${action}`, { ciphertext })
  await refused(409, 'KEY_ACTION_INVALID_STATE_ERR', 'GET', `${where}/versions`)
  await refused(409, 'REQ_TOO_EARLY_ERR', 'POST', `${where}/actions/enable`)
  await fake.advance(30)
  await act(id, 'enable')
  await refused(409, 'KEY_ACTION_INVALID_STATE_ERR', 'DELETE', `${where}/purge`)
  await fake.admin('DELETE', where)
  await refused(410, 'KEY_DELETED_ERR', 'DELETE', where)
  await refused(410, 'KEY_DELETED_ERR', 'POST', `${where}/actions/unwrap`, { ciphertext })
  const { state, deleted, restoreAllowed } = await get(id)
  assert.deepEqual([state, deleted, restoreAllowed], [5, true, true])
  await refused(409, 'REQ_TOO_EARLY_ERR', 'POST', `${where}/restore`)
  await fake.advance(30)
  await fake.admin('POST', `${where}/restore`)
  await act(id, 'unwrap', { ciphertext })
  await fake.admin('DELETE', where)
  await refused(409, 'REQ_TOO_EARLY_ERR', 'DELETE', `${where}/purge`)
  await fake.advance(31 * 24 * 3_600)
  await refused(400, 'KEY_RESTORE_EXPIRED', 'POST', `${where}/restore`)
  await fake.admin('DELETE', `${where}/purge`)
  await refused(404, 'KEY_NOT_FOUND_ERR', 'GET', where)
})

test('an expired root key opens and does not seal', async () => {
  const { now } = await fake.control<{ now: string }>('GET', 'state')
  const id = await fake.rootKey({ expirationDate: new Date(Date.parse(now) + 60_000).toISOString() })
  const { ciphertext } = await act(id, 'wrap')
  await fake.advance(61)
  assert.equal((await get(id)).state, 3)
  await act(id, 'unwrap', { ciphertext })
  await refused(409, 'KEY_ACTION_INVALID_STATE_ERR', 'POST', `/keys/${id}/actions/wrap`, {})
})

test('key rings and aliases', async () => {
  await fake.admin('POST', '/key_rings/ring-2')
  const id = await fake.rootKey({}, { 'X-Kms-Key-Ring': 'ring-2' })
  assert.equal(
    (await fake.admin('GET', `/keys/${id}/metadata`, undefined, { 'X-Kms-Key-Ring': 'default' }, 404)).status,
    404,
  )
  await refused(409, 'KEY_RING_NOT_EMPTY_ERR', 'DELETE', '/key_rings/ring-2')
  await fake.admin('PATCH', `/keys/${id}`, { KeyRingID: 'default' })
  await fake.admin('DELETE', '/key_rings/ring-2')
  await fake.admin('POST', `/keys/${id}/aliases/an-alias`)
  await refused(409, 'KEY_ALIAS_NOT_UNIQUE_ERR', 'POST', `/keys/${id}/aliases/an-alias`)
  assert.equal((await get('an-alias')).id, id)
  await fake.admin('DELETE', `/keys/${id}/aliases/an-alias`)
  await refused(404, 'KEY_NOT_FOUND_ERR', 'GET', '/keys/an-alias')
  await refused(404, 'KEY_RING_NOT_FOUND_ERR', 'PATCH', `/keys/${id}`, { keyRingID: 'nowhere' })
})

test('each call is for the roles that IBM documents', async () => {
  const id = await fake.rootKey()
  const { ciphertext } = await act(id, 'wrap')
  const all: readonly Role[] = ['Reader', 'ReaderPlus', 'Writer', 'Manager']
  const rules: readonly (readonly [string, string, readonly Role[], object?])[] = [
    ['GET', '/keys', all],
    ['GET', `/keys/${id}/metadata`, all],
    ['GET', `/keys/${id}/versions`, all],
    ['POST', `/keys/${id}/actions/wrap`, all],
    ['POST', `/keys/${id}/actions/unwrap`, all, { ciphertext }],
    ['POST', `/keys/${id}/actions/rewrap`, all, { ciphertext }],
    ['GET', `/keys/${id}`, ['ReaderPlus', 'Writer', 'Manager']],
    ['GET', '/key_rings', ['ReaderPlus', 'Writer', 'Manager']],
    ['POST', '/keys', ['Writer', 'Manager'], { resources: [] }],
    ['POST', `/keys/${id}/actions/rotate`, ['Writer', 'Manager']],
    ['POST', `/keys/${id}/actions/enable`, ['Manager']],
    ['POST', `/keys/${id}/restore`, ['Manager']],
    ['DELETE', `/keys/${id}/purge`, ['KeyPurge']],
  ]
  for (const role of [...all, 'KeyPurge'] as const) {
    const { apiKey } = await fake.serviceId({ roles: [role] })
    const headers = {
      Authorization: `Bearer ${await fake.token(apiKey)}`,
      'Bluemix-Instance': fake.about.instance,
    }
    for (const [method, where, roles, body] of rules) {
      const url = `https://${fake.about.keyProtect}/api/v2${where}`
      const { status } = await fake.raw(method, url, {
        headers,
        ...(body && { body: JSON.stringify(body) }),
      })
      assert.equal(status === 403, !roles.includes(role), `${role}: ${method} ${where}: ${status}`)
    }
  }
})

test('tokens: JWT-shaped, for an hour, refused without reasons afterwards; what is no token is 400', async () => {
  const form = 'grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey='
  const { apiKey } = await fake.serviceId({ roles: ['Reader'] })
  const ask = (key: string) =>
    fake.raw('POST', `${fake.about.iamUrl}/identity/token`, { headers: {}, body: form + key })
  const { body } = await ask(apiKey)
  const { access_token: token, ...rest } = body as {
    access_token: string
    expires_in: number
    token_type: string
  }
  assert.deepEqual([rest.expires_in, rest.token_type], [3600, 'Bearer'])
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    number
  >
  assert.equal((claims['exp'] ?? 0) - (claims['iat'] ?? 0), 3600)
  const wrong = await ask('nonsense')
  assert.equal(wrong.status, 400)
  assert.equal((wrong.body as { errorCode: string }).errorCode, 'BXNIM0415E')
  const list = async (headers: Record<string, string>) =>
    fake.raw('GET', `https://${fake.about.keyProtect}/api/v2/keys`, { headers })
  const named = { 'Bluemix-Instance': fake.about.instance }
  assert.equal((await list({ ...named, Authorization: `Bearer ${token}` })).status, 200)
  assert.equal((await list({ Authorization: `Bearer ${token}` })).status, 400, 'no instance')
  assert.equal((await list({ ...named, Authorization: 'Bearer nonsense' })).status, 400)
  await fake.advance(3_600)
  const late = await list({ ...named, Authorization: `Bearer ${token}` })
  assert.equal(late.status, 401)
  assert.equal(JSON.stringify(late.body).includes('reasons'), false)
})

test('correlation ids come back, and are made where none was sent', async () => {
  const sent = await fake.admin('GET', '/keys', undefined, { 'Correlation-Id': 'my-own' })
  assert.equal(sent.headers['correlation-id'], 'my-own')
  assert.match(String((await fake.admin('GET', '/keys')).headers['correlation-id']), /^[0-9a-f-]{36}$/)
})

test('with a folder of its own it goes on where it ended, clock included', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'mortise-key-protect-kept-'))
  const before = await KeyProtectFake.start(folder)
  const id = await before.rootKey()
  const { body } = await before.admin('POST', `/keys/${id}/actions/wrap`)
  await before.advance(100_000)
  const { now } = await before.control<{ now: string }>('GET', 'state')
  await before.stop()
  const again = await KeyProtectFake.start(folder)
  t.after(async () => {
    await again.stop()
    await rm(folder, { recursive: true })
  })
  assert.equal(again.ca, before.ca)
  const { ciphertext, plaintext } = body as Action
  const opened = await again.admin('POST', `/keys/${id}/actions/unwrap`, { ciphertext })
  assert.equal((opened.body as Action).plaintext, plaintext)
  const later = await again.control<{ now: string }>('GET', 'state')
  assert.ok(Date.parse(later.now) >= Date.parse(now))
})
