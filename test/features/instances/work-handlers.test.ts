// The right to change the root key of an instance or to rewrap it, and what is refused before anything is begun.

import { described } from '../../support/server/examples.ts'
import assert from 'node:assert/strict'
import { existsSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { openApiDocument } from '../../../src/doors/http/openapi.ts'
import { createRootKeyFile } from '../../../src/outside/rootkey/file-create.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'

let door: TestDoor
before(async () => {
  door = await startDoor()
})
after(() => door.close())

const path = '/api/v1/instances/red'

test('the root key is changed by a manager for all instances, and by nobody else', async () => {
  const body = { rootKey: 'file:red.key' }
  const ask = (token: string) => door.ask('POST', `${path}/root-key`, { token, body })
  const ofInstance = await ask(await door.token('manager', door.red))
  assert.equal(ofInstance.status, 403)
  assert.match(ofInstance.text, /needs a token for all instances/)
  assert.equal((await ask(await door.token('manager', door.blue))).status, 404)
  assert.equal((await ask(await door.token('operator'))).status, 403)
  assert.equal((await door.context.access.instance('red'))?.work, undefined)

  const said =
    openApiDocument(described).paths['/api/v1/instances/{instance}/root-key']?.['post']?.description
  assert.equal(said, 'Needs a token with the role manager, for all instances.')

  const done = await ask(await door.token('manager'))
  assert.equal(done.status, 200, done.text)
  const { rootKey, work } = done.json as { rootKey: string; work: Record<string, unknown> }
  assert.equal(rootKey, 'file:red.key')
  assert.equal(work['kind'], 'move')
  assert.deepEqual(work['from'], { rootKey: 'file:root.key', custody: 'database', leavesStandardKeys: false })
})

test('a root key that will not do is refused, and nothing is begun', async () => {
  const token = await door.token('manager')
  const before = await door.context.access.instance('blue')
  for (const [body, message] of [
    [{ rootKey: 'keyprotect://example.com/1/2' }, /custody must be said/],
    [{ rootKey: 'file:blue.key', custody: 'keyprotect' }, /in Key Protect and HPCS/],
    [{ rootKey: 'nonsense' }, /is not the URI of a root key/],
    [{ rootKey: 'file:no/such/folder.key' }, /no\/such\/folder\.key/],
    [{}, /body\.rootKey/],
  ] as const) {
    const { status, text } = await door.ask('POST', '/api/v1/instances/blue/root-key', { token, body })
    assert.ok(status >= 400 && status < 500, text)
    assert.match(text, message)
  }
  assert.deepEqual(await door.context.access.instance('blue'), before)
})

test('a file is not rewrapped, and says what to do instead', async () => {
  const token = await door.token('manager', door.blue)
  const { status, text } = await door.ask('POST', '/api/v1/instances/blue/rewrap', { token })
  assert.equal(status, 422)
  assert.match(text, /has no versions.*set-root-key NAME --root-key file:NEW\.key/)
})

test('an instance tells how soon revoking counts, and nothing of versions where there are none', async () => {
  const token = await door.token('viewer', door.blue)
  const { json } = await door.ask('GET', '/api/v1/instances/blue', { token })
  const shown = json as Record<string, unknown>
  assert.deepEqual(shown['revocation'], { withinSeconds: 300, unreachableSeconds: 3900, ofSingleKeys: false })
  assert.deepEqual(shown['keyVersions'], [])
  assert.deepEqual(shown['notRecoverable'], { count: 0, ids: [] })
  assert.equal(shown['work'], null)
})

test('a root key file that seals keys is not made again while it is away, by whatever name it is used', async () => {
  const token = await door.token('manager')
  const ask = (path: string, body: object) => door.ask('POST', `/api/v1/instances${path}`, { token, body })
  const place = join(dirname(door.file), 'taken.key')
  await createRootKeyFile(place, undefined)
  assert.equal((await ask('', { name: 'green', rootKey: `file://${place}` })).status, 201)
  renameSync(place, `${place}.away`)
  for (const [path, body] of [
    ['', { name: 'yellow', rootKey: 'file:taken.key' }],
    ['/red/root-key', { rootKey: 'file:taken.key' }],
  ] as const) {
    const { status, text } = await ask(path, body)
    assert.equal(existsSync(place), false, text)
    assert.equal(status, 422, text)
    assert.match(text, /there is no root key at .*\.key\. Bring the file, or its copy, back to this place/)
  }
  renameSync(`${place}.away`, place)
  assert.equal((await ask('', { name: 'yellow', rootKey: 'file:taken.key' })).status, 201)
})
