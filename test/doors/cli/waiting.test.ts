// A command with --wait while the server answers, and its store does not. test/system/approval-wait.test.ts has the rest.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { Output } from '../../../src/doors/http/route.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { leaveDoor } from '../../support/server/admin-door.ts'
import { inProcess } from '../../support/server/command.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { TwoPersons, type Shown } from '../../support/server/two-persons.ts'
import type { tokenRoutes } from '../../../src/features/tokens/routes.ts'

test('who waits for a second person goes on waiting while the store is away, and gets the token in the end', async (t) => {
  let around: StoreAround | undefined
  const all = await TwoPersons.open(t, { around: (store) => (around = new StoreAround(store)) })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  assert.ok(around)
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-waiting-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await leaveDoor(all.door, folder)
  const tokenFile = path.join(folder, 'alice')
  writeFileSync(tokenFile, alice.bearer)

  const [waits, silent] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let said = ''
  const heard = (text: string) => {
    said += text
    if (/Waiting for it/.test(said)) waits.resolve()
    if (/^Waiting: /m.test(said)) silent.resolve()
  }
  const words = ['token', 'create', '--role', 'manager', '--owner', 'carol', '--wait', '--json']
  const asked = inProcess([...words, '--data', folder, '--token-file', tokenFile], {}, (world) => ({
    ...world,
    stderr: { write: heard },
  }))
  await Promise.race([waits.promise, asked])
  around.trustRead = () => {
    throw new StoreUnavailable('unavailable', 'it is away')
  }
  // From now on there are newer rows, which must be read.
  await all.human('dave')
  await Promise.race([silent.promise, asked])
  around.trustRead = () => undefined
  const [approval] = (await all.ask(bob, 'GET', '/approvals')).json as readonly Shown[]
  assert.ok(approval)
  assert.equal((await all.approve(bob, approval)).status, 200)
  const { code, stdout } = await asked
  assert.equal(code, 0, said)
  const { token } = JSON.parse(stdout) as Output<typeof tokenRoutes.createToken>
  assert.equal((await all.ask(token, 'GET', '/whoami')).status, 200)
})

test('a backup with FILE that waits says that no copy comes there, and how to have one', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice] = [await all.human('alice'), await all.human('bob')]
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-waiting-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await leaveDoor(all.door, folder)
  const tokenFile = path.join(folder, 'alice')
  writeFileSync(tokenFile, alice.bearer)
  const file = path.join(folder, 'copy.backup')
  const ask = (...words: string[]) =>
    inProcess(['backup', 'create', ...words, '--data', folder, '--token-file', tokenFile], {})
  const asked = await ask(file)
  assert.equal(asked.code, 3, asked.stderr)
  assert.match(asked.stdout, /Nothing was done yet/)
  assert.match(
    asked.stdout,
    /No copy comes to .*copy\.backup: once approved, the backup is in the server's folder alone.*backup list.*--wait\.\n$/s,
  )
  assert.doesNotMatch((await ask()).stdout, /No copy/)
  assert.ok(!existsSync(file))
})

test('an export of keys that waits is fetched after the approval, with --wait or with --approval', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  await all.key()
  await all.door.context.trust.instances.update(serverActor, all.door.red.id, { portable: true })
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-waiting-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await leaveDoor(all.door, folder)
  const tokenFile = path.join(folder, 'alice')
  writeFileSync(tokenFile, alice.bearer)
  const [first, second] = [path.join(folder, 'first.age'), path.join(folder, 'second.age')]
  const recipient = await identityToRecipient(await generateX25519Identity())
  const exported = (
    file: string,
    words: readonly string[],
    heard: (text: string) => void = () => undefined,
  ) =>
    inProcess(
      ['key', 'export', file, ...words, '--data', folder, '--token-file', tokenFile],
      {},
      (world) => ({
        ...world,
        stderr: { write: heard },
      }),
    )
  const asking = ['--instance', 'red', '--recipient', recipient, '--yes']
  const open = async () => {
    const [approval] = (await all.ask(bob, 'GET', '/approvals')).json as readonly Shown[]
    assert.ok(approval)
    return approval
  }

  const asked = await exported(first, asking)
  assert.equal(asked.code, 3)
  const { id } = await open()
  assert.match(asked.stdout, new RegExp(`Once approved, fetch the file .*first\\.age --approval ${id}`, 's'))
  assert.doesNotMatch(asked.stdout, /it is done as asked here/)
  const early = await exported(first, ['--approval', id])
  assert.equal(early.code, 1)
  assert.ok(!existsSync(first))
  assert.equal((await all.approve(bob, { id })).status, 200)
  assert.equal((await exported(first, ['--approval', id])).code, 0)
  assert.match(readFileSync(first, 'latin1'), /^age-encryption/)
  assert.equal((await exported(second, ['--approval', id])).code, 1, 'it was fetched')

  const waits = Promise.withResolvers<void>()
  const waited = exported(second, [...asking, '--wait'], (text) => {
    if (/Waiting for it/.test(text)) waits.resolve()
  })
  await Promise.race([waits.promise, waited])
  assert.equal((await all.approve(bob, await open())).status, 200)
  assert.equal((await waited).code, 0)
  assert.match(readFileSync(second, 'latin1'), /^age-encryption/)
  assert.equal((await exported(second, ['--yes'])).code, 2, 'for whom?')
})
