// The list of vCenters, and what is refused before one is reached. test/real/vcsim/ has those that are reached.

import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { planOf } from '../../../src/features/vcenter/plan.ts'
import { issueServer, makeAuthority } from '../../../src/core/pki/issue.ts'
import { Vcenters, type Vcenter } from '../../../src/features/vcenter/vcenters.ts'
import { startDoor } from '../../support/server/admin-door.ts'
import { TwoPersons } from '../../support/server/two-persons.ts'
import { startEmbedded } from '../../support/server/server.ts'
import { addedEntry, knownVcenter } from '../../support/vcenter/known-vcenter.ts'

const red = { id: 'red-id', name: 'red' }

test('names and identifiers are one of a kind in an instance; another instance may have the same', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const list = new Vcenters(door.context.secrets)
  const instances = new Set([red.id, 'blue-id'])
  const add = (one: Vcenter) => list.add(one, instances, addedEntry(one.id))
  await add(knownVcenter('berlin'))
  await assert.rejects(
    add(knownVcenter('berlin', { id: '2', instanceUuid: '2' })),
    /named berlin exists already/,
  )
  await assert.rejects(
    add(knownVcenter('paris', { instanceUuid: 'uuid-of-berlin' })),
    /is added already, as berlin/,
  )
  await add(knownVcenter('berlin', { id: '3', instanceId: 'blue-id' }))
  await add(knownVcenter('rome'))
  assert.deepEqual(
    (await list.of(red.id)).map(({ name }) => name),
    ['berlin', 'rome'],
  )
  await assert.rejects(
    list.set(knownVcenter('rome'), { name: 'berlin' }, addedEntry('x')),
    /named berlin exists/,
  )
  assert.equal((await list.set(knownVcenter('rome'), { version: '9.0' }, addedEntry('x'))).version, '9.0')
  await assert.rejects(list.named(red, 'oslo'), /there is no vCenter oslo/)
  assert.equal((await list.named(red, 'id-of-rome')).name, 'rome')
  await list.remove(knownVcenter('rome'), addedEntry('x'))
  await assert.rejects(list.remove(knownVcenter('rome'), addedEntry('x')), /was removed meanwhile/)
  // What an instance leaves behind goes with the next one that is added.
  await list.add(knownVcenter('oslo'), new Set([red.id]), addedEntry('x'))
  assert.deepEqual(await list.of('blue-id'), [])
})

test('a server knows 64 vCenters at most', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const list = new Vcenters(door.context.secrets)
  const add = (name: string) => list.add(knownVcenter(name), new Set([red.id]), addedEntry(name))
  for (let number = 0; number < 64; number++) await add(`vc-${number}`)
  await assert.rejects(add('one more'), /knows 64 vCenters already/)
})

test('a certificate is shown before it is trusted; what is no vCenter is not added', async () => {
  await using server = await startEmbedded()
  const host = new URL(server.admin).host
  const bare = await server.cli('vcenter', 'add', host)
  assert.equal(bare.code, 2)
  const [, sha256 = ''] = /It shows ([0-9a-f]{64})/.exec(bare.stderr) ?? []
  assert.match(bare.stderr, /without a terminal you cannot compare the certificate/)
  const other = await server.cli('vcenter', 'add', host, '--fingerprint', 'ab'.repeat(32))
  assert.equal(other.code, 1)
  assert.match(other.stderr, /shows another certificate/)
  const wrong = await server.cli('vcenter', 'add', host, '--fingerprint', sha256)
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /is refused: it is not well-formed XML|is not vCenter's API/)
  const nothing = await server.cli('vcenter', 'add', '127.0.0.1:1', '--fingerprint', sha256)
  assert.match(nothing.stderr, /127\.0\.0\.1:1 cannot be reached: nothing listens there/)
  assert.match((await server.cli('vcenter', 'list')).stdout, /No vCenter was added/)
})

test('wrong words are answered with what to write', async (t) => {
  const all = await TwoPersons.open(t, { guards: [] })
  const alice = await all.human('alice')
  const path = '/instances/red/vcenters'
  const trust = { fingerprint: 'ab'.repeat(32) }
  for (const host of ['ftp://vc.example.com', 'vc.example.com:0', 'a b', 'https://', '[::1']) {
    const answer = await all.ask(alice, 'POST', path, { host, trust })
    assert.equal(answer.status, 400, `${host}: ${answer.text}`)
  }
  const leaf = await all.ask(alice, 'POST', path, { host: 'vc', trust: { authority: 'nothing' } })
  assert.equal(leaf.status, 400, leaf.text)
  const gone = await all.ask(alice, 'POST', `${path}/oslo/connect`, { user: 'u', password: 'p' })
  assert.equal(gone.status, 404, gone.text)
  assert.match(gone.text, /mortise vcenter list --instance red/)
})

test('only a manager of all instances has the server reach out; a viewer reads the list', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const path = '/api/v1/instances/red/vcenters'
  const body = { host: '127.0.0.1:1' }
  for (const [role, instance, status] of [
    ['operator', undefined, 403],
    ['manager', door.red, 403],
    ['manager', undefined, 422],
  ] as const) {
    const token = await door.token(role, instance)
    const answer = await door.ask('POST', `${path}/look`, { token, body })
    assert.equal(answer.status, status, answer.text)
  }
  const viewer = await door.token('viewer', door.red)
  assert.deepEqual((await door.ask('GET', path, { token: viewer })).json, [])
  const stranger = await door.token('viewer', door.blue)
  assert.equal((await door.ask('GET', path, { token: stranger })).status, 404)
})

test('a server that listens everywhere is registered by a name in its certificate', async () => {
  const body = { user: 'u', password: 'p', client: 'certificate', default: false, dryRun: true } as const
  const addresses = async (kmip: string, names: readonly string[]) => {
    const certificate = await certificateWith(names)
    const parts = {
      about: { kmip, certificate: () => certificate, databaseHosts: [] },
      leases: { during: unused, elsewhere: unused, hold: unused, nodes: async () => [] },
      vcenters: { named: async () => knownVcenter('berlin') } as unknown as Vcenters,
    }
    return (await planOf(parts, red, 'berlin', body)).addresses
  }
  assert.deepEqual(await addresses('192.0.2.7:5696', ['kms.example.com']), ['192.0.2.7:5696'])
  const names = ['localhost', '127.0.0.1', 'kms.example.com', '192.0.2.7']
  assert.deepEqual(await addresses('0.0.0.0:5697', names), ['kms.example.com:5697'])
  assert.deepEqual(await addresses('[::]:5696', ['localhost', '2001:db8::7']), ['[2001:db8::7]:5696'])
  assert.deepEqual(await addresses('0.0.0.0:5696', ['localhost']), [`${hostname()}:5696`])
})

async function certificateWith(names: readonly string[]) {
  const nowMs = Date.now()
  const ca = await makeAuthority({ commonName: 'test', nowMs })
  return (await issueServer({ ca, names, nowMs })).certificate
}

const unused = async (): Promise<never> => {
  throw new Error('not used here')
}

test('a second person approves a connect; the password is stored nowhere, and is sent again', async (t) => {
  const all = await TwoPersons.open(t, { guards: ['vcenter change'] })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const { context, red: instance } = all.door
  const list = new Vcenters(context.secrets)
  const one = knownVcenter('berlin', { instanceId: instance.id, host: '127.0.0.1', port: 1 })
  await list.add(one, new Set([instance.id]), addedEntry(one.id))
  const path = '/instances/red/vcenters/berlin/connect'
  const before = (await all.door.store.secrets()).map(({ name }) => name)
  const body = { user: 'setup@vsphere.local', password: 'Correct Horse 1' }

  const dry = await all.ask(alice, 'POST', path, { ...body, dryRun: true })
  assert.equal(dry.status, 201, 'a dry run changes nothing')
  const { approval } = await all.waits(alice, 'POST', path, body)
  assert.equal(approval.repeated, true)
  assert.deepEqual(Object.fromEntries(approval.facts.map(({ name, value }) => [name, value])), {
    Instance: 'red',
    vCenter: '127.0.0.1:1',
    'User there': 'setup@vsphere.local',
    'Key provider': 'mortise-red',
    'Addresses of this server': '127.0.0.1:5696',
    'How this server trusts vCenter': 'certificate',
    'Default provider': 'as it is',
  })
  assert.doesNotMatch(JSON.stringify(await all.show(bob, approval)), /Correct Horse/)
  assert.deepEqual(
    (await all.door.store.secrets()).map(({ name }) => name),
    before,
  )
  assert.equal((await all.approve(bob, approval)).status, 200)
  const begun = await all.ask(alice, 'POST', path, body)
  assert.equal(begun.status, 201, begun.text)
  assert.equal((await all.show(alice, approval)).state, 'done')
  assert.equal((await all.ask(alice, 'POST', path, body)).status, 202, 'the next one is asked for again')
})
