// What words name: ids, names, and the beginnings of ids; and what a wrong word is answered with.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { idOf } from '../../../../src/doors/cli/text/names.ts'
import { CommandError } from '../../../../src/doors/cli/world.ts'
import { leaveDoor, startDoor, type TestDoor } from '../../../support/server/admin-door.ts'
import { clientCertificate } from '../../../support/certificates/certificates.ts'
import { command } from '../../../support/server/command.ts'
import type { CommandResult } from '../../../support/server/server.ts'

let door: TestDoor
const data = mkdtempSync(path.join(tmpdir(), 'mortise-names-'))
before(async () => {
  door = await startDoor()
  await leaveDoor(door, data)
  writeFileSync(path.join(data, 'cert.pem'), (await clientCertificate('self-signed')).certificate.pem)
})
after(async () => {
  await door.close()
  rmSync(data, { recursive: true, force: true })
})

const cli = (...words: string[]): Promise<CommandResult> => command(words, { data })

async function json<T>(...words: string[]): Promise<T> {
  const { code, stdout, stderr } = await cli(...words, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as T
}

async function refused(words: readonly string[], code: number, stderr: RegExp): Promise<void> {
  const said = await cli(...words)
  assert.equal(said.code, code, said.stdout + said.stderr)
  assert.match(said.stderr, stderr)
  assert.equal(said.stdout, '')
}

interface Named {
  readonly id: string
  readonly name: string
}

test('an instance is named by its id, its name, or the beginning of its id', async () => {
  const { id } = door.red
  for (const word of [id, 'red', id.slice(0, 8)])
    assert.equal((await json<Named>('instance', 'show', word)).id, id, word)
  assert.deepEqual(await json('key', 'list', '--instance', id.slice(0, 8)), [])
  await refused(
    ['instance', 'show', 'rad'],
    1,
    /there is no instance rad; did you mean `red`\?\n.*instance list/,
  )
  await refused(['audit', 'list', '--instance', 'bluee'], 1, /did you mean `blue`/)
  await refused(['instance', 'show', 'production'], 1, /there is no instance production\n/)
  await refused(['instance', 'show', id.slice(0, 3)], 1, /there is no instance/)
  await refused(['key', 'list'], 2, /there are 2 instances.*\((red, blue|blue, red)\)/)
})

test('a client is named in the same ways', async () => {
  const cert = ['--cert', path.join(data, 'cert.pem')]
  const { id } = await json<Named>('client', 'trust', '--instance', 'red', '--name', 'vcenter-1', ...cert)
  const at = ['--instance', 'red']
  for (const word of [id, 'vcenter-1', id.slice(0, 8)])
    assert.equal((await json<Named>('client', 'show', word, ...at)).id, id, word)
  await refused(['client', 'show', 'vcentre-1', ...at], 1, /no client vcentre-1; did you mean `vcenter-1`\?/)
  await refused(['client', 'show', 'esx', ...at], 1, /no client esx/)
  assert.equal((await cli('client', 'remove', id.slice(0, 8), ...at)).code, 0)
})

test('a key is named by its id or the beginning of it', async () => {
  const at = ['--instance', 'red']
  const keys: Named[] = []
  for (let made = 0; made < 2; made++)
    keys.push(await json<Named>('key', 'create', ...at, '--name', `vm-${made}`))
  for (const { id } of keys) assert.equal((await json<Named>('key', 'show', id.slice(0, 13), ...at)).id, id)
  await refused(['key', 'destroy', keys[0]?.id.slice(0, 13) ?? '', '--yes', ...at], 1, /there is no object/)
  await refused(['key', 'show', 'ffffffff', ...at], 1, /there is no key ffffffff/)
  await refused(['key', 'show', keys[0]?.id.slice(0, 3) ?? '', ...at], 1, /there is no key/)
})

test('an ambiguous beginning lists the candidates, ten at most', () => {
  const ids = Array.from({ length: 12 }, (_, number) => ({ id: `c0ffee-${number}`, name: `vm-${number}` }))
  assert.throws(
    () => idOf('client', 'c0ffee', ids.slice(3, 5)),
    (error) =>
      error instanceof CommandError &&
      error.message === 'several clients have an id that begins with c0ffee' &&
      error.hint === 'Choose one by its id: c0ffee-3 (vm-3), c0ffee-4 (vm-4)',
  )
  assert.throws(
    () => idOf('client', 'c0ffee', ids),
    (error) => error instanceof CommandError && error.hint?.endsWith('c0ffee-9 (vm-9), and more') === true,
  )
  assert.equal(idOf('client', 'c0ffee-1', ids), 'c0ffee-1', 'a whole id counts before longer ones')
  assert.equal(idOf('client', 'c0ffee', [...ids, { id: 'x', name: 'c0ffee' }]), 'x', 'and so does a name')
})

test('tokens with one name are listed by id, and one is revoked by the beginning of its id', async () => {
  await door.token('viewer')
  await door.token('viewer')
  const tokens = (await json<Named[]>('token', 'list')).filter(({ name }) => name === 'viewer of a test')
  const [first] = tokens
  assert(first && tokens.length === 2)
  await refused(
    ['token', 'revoke', 'viewer of a test'],
    1,
    new RegExp(`2 tokens are named viewer of a test\n.*${first.id}`),
  )
  assert.equal((await json<Named>('token', 'revoke', first.id.slice(0, 8))).id, first.id)
  await refused(['token', 'revoke', 'manager of a tst'], 1, /did you mean `manager of a test`/)
})
