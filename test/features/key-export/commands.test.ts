// `mortise key export` at the admin API: who may, what is asked, what is left out, that the audit is on the disk before a key
// leaves, and that an export which breaks off leaves nothing.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import type { Change } from '../../../src/core/ports/store.ts'
import { allowByDefault } from '../../../src/core/trust/allow.ts'
import { startDoor, type TestDoor } from '../../support/server/admin-door.ts'
import { command, type Surroundings } from '../../support/server/command.ts'
import { createKey } from '../../support/server/core.ts'
import { openWire, type Wire } from '../../support/clients/proxy.ts'
import { StoreAround } from '../../support/store/store-around.ts'

let door: TestDoor
let wire: Wire
let store: StoreAround
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-key-export-'))
const file = (name: string): string => path.join(folder, name)
const identity = await generateX25519Identity()
const recipient = await identityToRecipient(identity)

before(async () => {
  door = await startDoor({ around: (real) => (store = new StoreAround(real)) })
  wire = await openWire({ host: '127.0.0.1', port: door.port })
  await portable(true)
  writeFileSync(file('ca.pem'), door.authorityPem)
  writeFileSync(file('manager'), await door.token('manager', door.red))
  writeFileSync(file('operator'), await door.token('operator', door.red))
})
after(async () => {
  await wire[Symbol.asyncDispose]()
  await door.close()
  rmSync(folder, { recursive: true, force: true })
})

async function portable(isPortable: boolean): Promise<void> {
  const { status } = await door.ask('PATCH', `/api/v1/instances/${door.red.id}`, {
    token: await door.token('manager'),
    body: { portable: isPortable },
  })
  assert.equal(status, 200)
}

async function perform<T>(work: (work: KeyTransaction) => Promise<T>): Promise<T> {
  const actor = { kind: 'server', id: null, name: null, certificateSha256: null, address: null } as const
  return door.context.keys.perform(async () => {
    const { version: trustVersion } = await door.context.access.snapshot()
    return { instanceId: door.red.id, allow: allowByDefault, actor, requestId: 'test', trustVersion } as const
  }, work)
}

const words = (out: string, token = 'manager') => [
  'key',
  'export',
  file(out),
  '--recipient',
  recipient,
  '--instance',
  'red',
  '--admin',
  `https://127.0.0.1:${wire.port}`,
  '--admin-ca',
  file('ca.pem'),
  '--token-file',
  file(token),
]
const exported = (out: string, more: readonly string[] = ['--yes'], around: Surroundings = {}) =>
  command([...words(out), ...more], around)

interface Line {
  readonly id?: string
  readonly state?: string
  readonly material?: string
  readonly end?: true
}

async function linesOf(out: string): Promise<readonly Line[]> {
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  const text = await decrypter.decrypt(readFileSync(file(out)), 'text')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
}

test('it asks, says what it means, and takes the name of the instance', async () => {
  const no = await exported('asked.age', [], { terminal: true, input: 'blue\n' })
  assert.equal(no.code, 1)
  assert.match(
    no.stderr,
    /takes every key of the instance red .* out of Mortise\. A holder of the file and of\nan identity/s,
  )
  assert.match(no.stderr, /nothing was exported/)
  assert.equal((await exported('asked.age', [])).code, 2, 'nobody can be asked')
  assert.ok(!existsSync(file('asked.age')))
  const wrong = await exported('asked.age', ['--recipient', file('none.pem')], {
    terminal: true,
    input: 'red\n',
  })
  assert.match(wrong.stderr, /there is no file/)
  assert.doesNotMatch(wrong.stderr, /takes every key/, 'nobody is asked before the recipients are known')
  const both = await exported('asked.age', ['--recipient', '-'], { terminal: true, input: 'red\n' })
  assert.equal(both.code, 2, both.stderr)
  const yes = await exported('asked.age', [], { terminal: true, input: 'red\n' })
  assert.equal(yes.code, 0, yes.stderr)
  assert.equal(statSync(file('asked.age')).mode & 0o777, 0o600)
  assert.match((await exported('asked.age')).stderr, /exists already; it is not overwritten/)
  assert.equal((await exported('asked.age', ['--yes', '--force'])).code, 0)
})

test('destroyed keys are left out, those that may not leave are named, and each key has its entry', async () => {
  const open = await perform(createKey())
  const compromised = await perform(createKey())
  const destroyed = await perform(createKey())
  const bound = await perform(createKey({ Extractable: false }))
  const none = { message: undefined, compromiseOccurrenceDate: undefined }
  await perform((work) => work.revoke(compromised, { code: 'KeyCompromise', ...none }))
  await perform((work) => work.destroy(destroyed))
  const seen: Change[] = []
  store.before = (change) => void seen.push(change)
  const { code, stdout } = await exported('all.age', ['--yes', '--json'])
  store.before = () => undefined
  assert.equal(code, 1)
  const told = JSON.parse(stdout) as {
    keys: number
    destroyed: number
    notExported: { items: { id: string }[] }
  }
  assert.deepEqual([told.keys, told.destroyed, told.notExported.items.map(({ id }) => id)], [2, 1, [bound]])
  const [head, ...lines] = await linesOf('all.age')
  assert.deepEqual(Object.keys(head ?? {}), ['mortiseKeyExport', 'instance', 'mortise', 'at'])
  const keys = lines.filter(({ id }) => id !== undefined)
  assert.deepEqual(
    keys.map(({ id, state }) => [id, state]),
    [
      [compromised, 'Compromised'],
      [open, 'PreActive'],
    ],
  )
  assert.deepEqual(lines.at(-1), {
    end: true,
    keys: 2,
    destroyed: 1,
    notExported: { count: 1, items: [{ id: bound, why: 'this object may not leave the server' }] },
  })
  const entered = seen.flatMap(({ entries, durability }) =>
    entries.map(({ action, result, object }) => [action, result, object, durability]),
  )
  for (const id of [open, compromised])
    assert.ok(
      entered.some((entry) => entry.join() === ['key.export', 'success', id, 'disk'].join()),
      'entered on the disk',
    )
  assert.ok(
    entered.some(
      ([action, result, object]) => action === 'key.export' && result === 'refused' && object === bound,
    ),
  )
})

test('a key whose entry cannot be written does not leave', async () => {
  store.before = ({ entries }) => {
    if (entries.some(({ action }) => action === 'key.export')) throw new Error('no disk')
  }
  const { code, stderr } = await exported('unentered.age')
  store.before = () => undefined
  assert.equal(code, 1)
  assert.match(stderr, /the export broke off, and nothing was kept: something went wrong in the server/)
  assert.equal(door.bugs.length, 0)
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('unentered')),
    [],
  )
})

test('an export that is cut off leaves nothing, and another one may begin', async () => {
  const reached = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  store.before = async ({ entries }) => {
    if (!entries.some(({ action }) => action === 'key.export')) return
    reached.resolve()
    await goOn.promise
  }
  const cut = exported('cut.age')
  await reached.promise
  const second = await exported('second.age')
  assert.match(second.stderr, /an export of the instance red is under way/)
  wire.drop()
  const { code, stderr } = await cut
  assert.equal(code, 1)
  assert.match(stderr, /the export broke off, and nothing was kept/)
  assert.deepEqual(
    readdirSync(folder).filter((name) => /cut|second/.test(name)),
    [],
  )
  store.before = () => undefined
  goOn.resolve()
  for (let tries = 0; tries < 200; tries++) {
    const again = await exported('again.age', ['--yes', '--force'])
    if (!/under way/.test(again.stderr)) return assert.ok(existsSync(file('again.age')))
  }
  assert.fail('the export that was cut off never ended')
})

test('an instance whose keys may not be exported says how to allow it, also midway', async () => {
  await portable(false)
  const { code, stderr } = await exported('no.age')
  assert.equal(code, 1)
  assert.match(stderr, /may not be exported\n.*mortise instance set red --portable yes/)
  await portable(true)
  const reached = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  let held = false
  store.before = async ({ entries }) => {
    if (held || !entries.some(({ action, result }) => action === 'key.export' && result === 'success')) return
    held = true
    reached.resolve()
    await goOn.promise
  }
  const midway = exported('no.age')
  await reached.promise
  await portable(false)
  goOn.resolve()
  assert.match(
    (await midway).stderr,
    /the export broke off, and nothing was kept: the keys of this instance may not/,
  )
  store.before = () => undefined
  await portable(true)
  assert.ok(!existsSync(file('no.age')))
})

test('only a manager of the instance may, and only to recipients', async () => {
  const operator = await command([...words('no.age', 'operator'), '--yes'])
  assert.equal(operator.code, 1)
  assert.match(operator.stderr, /manager/)
  const path = `/api/v1/instances/${door.blue.id}/key-exports`
  const body = { id: '5a0f8c62-93d1-4e7b-8f24-6b1c0d9e7a35', recipients: [recipient] }
  const elsewhere = await door.ask('POST', path, { token: await door.token('manager', door.red), body })
  assert.equal(elsewhere.status, 404)
  const wrong = words('no.age').map((word) => (word === recipient ? 'age1nobody' : word))
  assert.match((await command([...wrong, '--yes'])).stderr, /age1nobody is not an age recipient/)
  assert.match(
    (await command(['key', 'export', '-', '--recipient', recipient])).stderr,
    /not to standard output/,
  )
  assert.ok(!existsSync(file('no.age')))
})
