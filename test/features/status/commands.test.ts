// `mortise status --watch` while the server answers, and its store does not. test/system/conditions.test.ts has the rest.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { WriteStream } from 'node:tty'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { sha256Of } from '../../../src/core/trust/token-changes.ts'
import { leaveDoor, startDoor } from '../../support/server/admin-door.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { inProcess } from '../../support/server/command.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { statusRoutes } from '../../../src/features/status/routes.ts'
import { tokenRoutes } from '../../../src/features/tokens/routes.ts'

test('it goes on while the store is away, says so, and ends when the token is no more', async (t) => {
  let around: StoreAround | undefined
  const door = await startDoor({ around: (store) => (around = new StoreAround(store)) })
  t.after(() => door.close())
  assert.ok(around)
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-status-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await leaveDoor(door, folder)

  const [shown, away, back] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ]
  const said: string[] = []
  const watched = inProcess(
    ['status', '--watch', '--every', '1', '--json', '--data', folder],
    {},
    (world) => ({
      ...world,
      stdout: { write: () => (said.length === 0 ? shown : back).resolve() },
      stderr: { write: (text) => (said.push(text), away.resolve()) },
    }),
  )
  await Promise.race([shown.promise, watched])
  around.trustRead = () => {
    throw new StoreUnavailable('unavailable', 'it is away')
  }
  // From now on there are newer rows, which must be read.
  await door.token('viewer')
  await Promise.race([away.promise, watched])
  around.trustRead = () => undefined
  await Promise.race([back.promise, watched])
  const sha256 = sha256Of(readFileSync(path.join(folder, 'admin-token'), 'utf8').trim())
  const { tables } = await door.context.access.snapshot()
  const token = [...tables.token.values()].find((one) => one.sha256 === sha256)
  const manager = await door.client('manager')
  await manager.call(tokenRoutes.revokeToken, { token: token?.id ?? '' })
  assert.equal((await watched).code, 1)
  assert.deepEqual(
    said.map((line) => (JSON.parse(line) as { error: { code: string } }).error.code),
    ['unavailable', 'unauthenticated'],
  )
})

test('many conditions of one kind take one place, and with --json each is there', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-status-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await leaveDoor(door, folder)
  for (let token = 0; token < 12; token++) await door.token('viewer', undefined, Date.now() + 24 * 3_600_000)
  const { stdout } = await inProcess(['status', '--data', folder], {})
  assert.equal(stdout.match(/the token .* expires/g)?.length, 1)
  assert.ok(
    stdout.includes(`\n  And 11 more of this kind: npm run -s mortise -- status --json --data ${folder}\n  `),
    stdout,
  )
  const { stdout: json } = await inProcess(['status', '--json', '--data', folder], {})
  const { conditions } = JSON.parse(json) as { readonly conditions: readonly { readonly id: string }[] }
  assert.equal(conditions.filter(({ id }) => id === 'token-expires').length, 12)
})

const startOf = (text: string) => /^.*(?=: the token)/m.exec(text)?.[0]

/** Sets the variables by which Node.js decides whether it shows colours, and removes those that are not among them. */
function setColours(variables: NodeJS.ProcessEnv): void {
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS', 'TERM', 'CI'])
    delete process.env[name]
  Object.assign(process.env, variables)
}

test('severities are coloured where Node.js shows colours on standard output, and not in JSON', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-status-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await leaveDoor(door, folder)
  await door.token('viewer', undefined, Date.now() + 24 * 3_600_000)
  const environment = { ...process.env }
  t.after(() => setColours(environment))
  const shown = async (isTTY: boolean, variables: Readonly<Record<string, string>>, ...words: string[]) => {
    setColours(variables)
    let written = ''
    const write = (chunk: Buffer, _: string, done: () => void) => ((written += chunk.toString()), done())
    const stdout = Object.assign(new Writable({ write }), {
      isTTY,
      getColorDepth: () => WriteStream.prototype.getColorDepth(),
    })
    await inProcess(['status', '--data', folder, ...words], {}, (world) => ({ ...world, stdout }))
    return written
  }
  const inColours = { TERM: 'xterm-256color' }
  const coloured = '\u001b[33mWARNING\u001b[39m'
  assert.equal(startOf(await shown(true, inColours)), coloured)
  assert.equal(startOf(await shown(false, { ...inColours, FORCE_COLOR: '1' })), coloured)
  assert.equal(startOf(await shown(false, inColours)), 'WARNING')
  assert.equal(startOf(await shown(true, { ...inColours, NO_COLOR: '1' })), 'WARNING')
  const json = await shown(true, { ...inColours, FORCE_COLOR: '1' }, '--json')
  assert(!json.includes('\u001b'), json)
})

test('the clients that may ask for everything are named in one line', async (t) => {
  const door = await startDoor()
  t.after(() => door.close())
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-status-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await leaveDoor(door, folder)
  const lines = async () => {
    const { stdout } = await inProcess(['status', '--data', folder], {})
    return stdout.split('\n').filter((line) => line.startsWith('Clients with all:'))
  }
  const admin = await door.client('manager')
  const trust = async (instance: string, name: string, allow?: string[]) => {
    const { certificate } = await makeCertificate({ key: 'ec', ownKey: true })
    const body = { by: 'certificate' as const, name, certificate: certificate.pem, ...(allow && { allow }) }
    await admin.call(clientRoutes.trustClient, { instance, body })
  }
  await trust('red', 'vcenter')
  await trust('red', 'backup', ['read', 'Destroy'])
  assert.deepEqual(await lines(), [])
  await trust('red', 'rook', ['all'])
  for (let number = 1; number < 7; number++) await trust('blue', `app-${String(number)}`, ['all'])
  const [line = '', ...others] = await lines()
  assert.deepEqual(others, [])
  assert.match(line, /: {2}app-1 \(blue\), app-2 \(blue\), .*app-5 \(blue\) and 2 more: may destroy keys/)
  const ofRed = await door.client('viewer', door.red)
  const { mayAll } = await ofRed.call(statusRoutes.status)
  assert.deepEqual(mayAll, { count: 1, clients: [{ name: 'rook', instance: 'red' }] })
})
