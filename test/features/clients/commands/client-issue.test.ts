// Issued pairs on disk: nothing is replaced without --force, and with it only once the server has signed.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { leaveDoor, startDoor, type TestDoor } from '../../../support/server/admin-door.ts'
import { command } from '../../../support/server/command.ts'
import type { CommandResult } from '../../../support/server/server.ts'

let door: TestDoor
const data = mkdtempSync(path.join(tmpdir(), 'mortise-issue-'))
const out = path.join(data, 'pair')
const read = (name: string): string => readFileSync(path.join(out, name), 'utf8')
before(async () => {
  door = await startDoor()
  await leaveDoor(door, data)
})
after(async () => {
  await door.close()
  rmSync(data, { recursive: true, force: true })
})

const issueInto = (folder: string, ...more: string[]): Promise<CommandResult> =>
  command(['client', 'issue', '--instance', 'red', '--name', 'vc1', '--out', folder, ...more], { data })
const issue = (...more: string[]): Promise<CommandResult> => issueInto(out, ...more)

const names = ['ca.pem', 'client.key', 'client.pem']

test('a pair is replaced with --force only, and whole', async () => {
  assert.equal((await issue()).code, 0)
  assert.deepEqual(readdirSync(out).toSorted(), names)
  const first = names.map(read)
  const again = await issue()
  assert.deepEqual([again.code, again.stdout], [1, ''])
  assert.match(again.stderr, /exists already; it is not overwritten\n {2}Replace it with --force\.\n/)
  const refused = await issue('--force', '--allow', 'vspere')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /vspere is no operation of KMIP.*; did you mean `vsphere`\?/)
  assert.deepEqual(names.map(read), first, 'what the server refuses replaces nothing')
  assert.deepEqual(readdirSync(out).toSorted(), names)
  const replaced = await issue('--force')
  assert.equal(replaced.code, 0, replaced.stderr)
  assert.notEqual(read('client.key'), first[1])
  assert.ok(new X509Certificate(read('client.pem')).checkPrivateKey(createPrivateKey(read('client.key'))))
  assert.equal(statSync(path.join(out, 'client.key')).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(out).toSorted(), names)
})

test('what is used wrongly leaves nothing behind, so that it can be corrected', async () => {
  const folder = path.join(data, 'wrong')
  const wrong = await issueInto(folder, '--days', 'ten')
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /--days takes a whole number, not ten/)
  assert.ok(!existsSync(folder))
})

test('what the server refuses leaves no folder behind, and is said in the words of the command', async () => {
  const folder = path.join(data, 'deep', 'refused')
  const refused = await issueInto(folder, '--days', '999999999')
  assert.deepEqual([refused.code, refused.stderr], [1, 'mortise: --days: it is more than 36500\n'])
  assert.ok(!existsSync(path.dirname(folder)))
  const named = await command(['client', 'issue', '--instance', 'red', '--name', ' ', '--out', folder], {
    data,
  })
  assert.match(
    named.stderr,
    /^mortise: --name is the common name of the certificate, too\. A common name has 1 to 64/,
  )
  assert.ok(!existsSync(path.dirname(folder)))
})
