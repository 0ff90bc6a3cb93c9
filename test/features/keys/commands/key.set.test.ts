// `mortise key set` at the admin API: what it sends, what it prints, and who may.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { first } from '../../../../src/wire/kmip/attributes.ts'
import { startDoor, type TestDoor } from '../../../support/server/admin-door.ts'
import { serverActor } from '../../../../src/core/audit/actor.ts'
import { command } from '../../../support/server/command.ts'
import { createKey } from '../../../support/server/core.ts'

let door: TestDoor
let at: readonly string[]
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-key-set-'))
const file = (name: string): string => path.join(folder, name)

before(async () => {
  door = await startDoor()
  writeFileSync(file('ca.pem'), door.authorityPem)
  at = ['--admin', door.url, '--admin-ca', file('ca.pem')]
  writeFileSync(file('manager'), await door.token('manager', door.red))
  writeFileSync(file('operator'), await door.token('operator', door.red))
})
after(async () => {
  await door.close()
  rmSync(folder, { recursive: true, force: true })
})

async function key(): Promise<string> {
  return door.context.keys.perform(
    async () => ({
      instanceId: door.red.id,
      actor: serverActor,
      allow: ['all'],
      trustVersion: (await door.context.access.snapshot()).version,
      requestId: 'test',
    }),
    createKey({ Sensitive: true, Extractable: false, CryptographicUsageMask: 0x30 }),
  )
}

const mortise = (words: readonly string[], token = 'manager') =>
  command(['key', ...words, '--instance', 'red', ...at, '--token-file', file(token)])

test('a wrapping key is named, shown, and named as one that wraps no more', async () => {
  const id = await key()
  const named = await mortise(['set', id, '--wraps-sensitive', 'yes'])
  assert.equal(named.code, 0, named.stderr)
  assert.match(
    named.stdout,
    /is a wrapping key: Sensitive keys leave wrapped by it, and it serves for nothing else/,
  )
  assert.match((await mortise(['show', id])).stdout, /Wrapping key: +Sensitive keys leave wrapped by it/)
  const ended = await mortise(['set', id, '--wraps-sensitive', 'no'])
  assert.match(ended.stdout, /no Sensitive key leaves by it any more/)
  const shown = JSON.parse((await mortise(['show', id, '--json'])).stdout) as { wrapsSensitive: unknown }
  assert.equal(shown.wrapsSensitive, false)
})

test('a key leaves again that somebody restricted', async () => {
  const id = await key()
  const { code, stdout } = await mortise(['set', id, '--extractable', 'yes', '--sensitive', 'no'])
  assert.equal(code, 0)
  assert.match(stdout, /may leave again\.\n.* may leave unwrapped again/)
  const view = await door.context.keys.show(door.red.id, id)
  assert.ok(view)
  assert.deepEqual(
    [first(view.attributes, 'Extractable'), first(view.attributes, 'Sensitive')],
    [true, false],
  )
})

test('it takes a manager, and words that say what to set', async () => {
  const id = await key()
  const refused = await mortise(['set', id, '--extractable', 'yes'], 'operator')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /manager/)
  for (const words of [[], ['--extractable', 'no'], ['--sensitive', 'yes'], ['--wraps-sensitive', 'maybe']])
    assert.equal((await mortise(['set', id, ...words])).code, 2, words.join(' '))
})
