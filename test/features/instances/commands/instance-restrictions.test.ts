// What one-way would refuse, at the admin API and as `mortise instance restrictions`, and the question before it is set.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import type { Output } from '../../../../src/doors/http/route.ts'
import { serverActor } from '../../../../src/core/audit/actor.ts'
import type { KeyTransaction } from '../../../../src/core/keys/key-transaction.ts'
import type { Actor } from '../../../../src/core/ports/audit.ts'
import { startDoor, type TestDoor } from '../../../support/server/admin-door.ts'
import { clientCertificate } from '../../../support/certificates/certificates.ts'
import { command } from '../../../support/server/command.ts'
import { createKey, manager } from '../../../support/server/core.ts'
import type { keyRoutes } from '../../../../src/features/keys/routes.ts'

let door: TestDoor
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-restrictions-'))
const file = (name: string): string => path.join(folder, name)

before(async () => {
  door = await startDoor()
  for (const { id } of [door.red, door.blue])
    await door.context.trust.instances.update(manager, id, { restrictions: 'as-sent' })
  writeFileSync(file('ca.pem'), door.authorityPem)
  writeFileSync(file('manager'), await door.token('manager'))
})
after(async () => {
  await door.close()
  rmSync(folder, { recursive: true, force: true })
})

async function perform<T>(
  work: (work: KeyTransaction) => Promise<T>,
  actor: Actor = serverActor,
): Promise<T> {
  const { version: trustVersion } = await door.context.access.snapshot()
  const caller = { instanceId: door.red.id, actor, allow: ['all'], trustVersion, requestId: 'test' }
  return door.context.keys.perform(async () => caller, work)
}

const mortise = (words: readonly string[], input?: string) =>
  command(
    [...words, '--admin', door.url, '--admin-ca', file('ca.pem'), '--token-file', file('manager')],
    input === undefined ? {} : { input, terminal: true },
  )

async function trust(name: string, allow: readonly string[]): Promise<void> {
  const { certificate } = await clientCertificate('self-signed')
  await door.context.trust.clients.trustCertificate(manager, {
    instanceId: door.red.id,
    name,
    certificate,
    allow: [...allow],
  })
}

const backup: Actor = { ...serverActor, kind: 'client', id: 'c1', name: 'backup-server' }

const restrictions = async () => (await door.context.access.instance(door.red.id))?.restrictions

async function get(query: string): Promise<Output<typeof keyRoutes.showOneWay>> {
  const { json } = await door.ask('GET', `/api/v1/instances/red/one-way?${query}`, {
    token: await door.token('viewer', door.red),
  })
  return json as Output<typeof keyRoutes.showOneWay>
}

test('an instance that refuses nothing goes one way without a question', async () => {
  await perform(createKey())
  assert.match(
    (await mortise(['instance', 'restrictions', 'blue'])).stdout,
    /No Sensitive key leaves wrapped/,
  )
  const { code, stderr } = await mortise(['instance', 'set', 'blue', '--restrictions', 'one-way'])
  assert.equal(code, 0, stderr)
})

test('keys that leave wrapped and clients that loosen are listed, and one-way takes a yes then', async () => {
  const [sensitive] = [
    await perform(createKey({ Sensitive: true })),
    await perform(createKey({ Sensitive: true, Extractable: false })),
    await perform(createKey()),
  ]
  await perform(async (work) => void (await work.fetch(sensitive, { wrappers: ['w'] })), backup)
  await trust('backup-server', ['Get', 'ModifyAttribute'])
  const shown = JSON.parse((await mortise(['instance', 'restrictions', 'red', '--json'])).stdout) as Pick<
    Output<typeof keyRoutes.showOneWay>,
    'keys' | 'clients'
  >
  assert.deepEqual(
    shown.keys.map(({ id, fetchedBy }) => [id, fetchedBy]),
    [[sensitive, ['backup-server']]],
  )
  assert.deepEqual(
    shown.clients.map(({ name, operations }) => [name, operations]),
    [['backup-server', ['ModifyAttribute']]],
  )
  const { stdout } = await mortise(['instance', 'restrictions', 'red'])
  assert.match(stdout, new RegExp(`${sensitive}.*backup-server`))
  assert.match(stdout, /backup-server +ModifyAttribute/)

  const words = ['instance', 'set', 'red', '--restrictions', 'one-way']
  const unasked = await mortise(words)
  assert.equal(unasked.code, 2)
  assert.match(unasked.stderr, /mortise instance restrictions red.*--yes/)
  const wrong = await mortise(words, 'blue\n')
  assert.equal(wrong.code, 1)
  assert.equal(await restrictions(), 'as-sent')
  assert.equal((await mortise(words, 'red\n')).code, 0)
  assert.equal(await restrictions(), 'one-way')
  assert.equal((await mortise(words)).code, 0, 'it is one-way already')
})

test('the list comes page by page, the clients with the first', async () => {
  const ids: string[] = []
  for (let made = 0; made < 3; made++) ids.unshift(await perform(createKey({ Sensitive: true })))
  const first = await get('limit=2')
  assert.deepEqual(
    first.keys.map(({ id }) => id),
    ids.slice(0, 2),
  )
  assert.equal(first.clients.length, 1)
  const second = await get(`limit=1&after=${String(first.after)}`)
  assert.deepEqual(
    second.keys.map(({ id }) => id),
    ids.slice(2),
  )
  assert.deepEqual(second.clients, [])
})
