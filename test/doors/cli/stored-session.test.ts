// The session of a person between commands: a file for each server, which the next text of the session replaces.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { examples } from '../../support/server/examples.ts'
import { forgetSession, readSession, storeSession } from '../../../src/doors/cli/stored-session.ts'
import { testAuthority } from '../../support/certificates/certificates.ts'
import { command } from '../../support/server/command.ts'
import { makeServerCertificate } from '../../support/server/kmip-listener.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-sessions-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('each server has its own, which only its owner may read', async (t) => {
  const world = { sessionFolder: path.join(newFolder(t), 'a/sessions') }
  assert.equal(await readSession(world, 'https://kms.example:5697'), undefined)
  await storeSession(world, 'https://kms.example:5697', 'mortise-session.one.x')
  await storeSession(world, 'https://kms.example:5698/', 'mortise-session.two.x')
  await storeSession(world, 'https://[::1]:5697', 'mortise-session.six.x')
  assert.equal(await readSession(world, 'https://kms.example:5697/'), 'mortise-session.one.x')
  assert.equal(await readSession(world, 'https://kms.example:5698'), 'mortise-session.two.x')
  assert.equal(await readSession(world, 'https://[::1]:5697'), 'mortise-session.six.x')
  assert.equal(statSync(path.join(world.sessionFolder, 'kms.example_5697')).mode & 0o777, 0o600)
  writeFileSync(path.join(world.sessionFolder, 'kms.example_5697'), 'something else\n')
  assert.equal(await readSession(world, 'https://kms.example:5697'), undefined)
  await forgetSession(world, 'https://kms.example:5698')
  assert.equal(await readSession(world, 'https://kms.example:5698'), undefined)
})

test('a command goes by the session, and keeps the next text of it', async (t) => {
  const folder = newFolder(t)
  const { certificate: cert, key } = await makeServerCertificate()
  const seen: (string | undefined)[] = []
  const server = createServer({ cert, key }, (request, response) => {
    seen.push(request.headers.authorization)
    const headers = { 'content-type': 'application/json', 'mortise-session': 'mortise-session.next.x' }
    response.writeHead(200, headers).end(JSON.stringify(examples.whoAmI.answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const admin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ca = path.join(folder, 'ca.pem')
  writeFileSync(ca, (await testAuthority()).certificate.pem)
  await storeSession(
    { sessionFolder: path.join(folder, 'mortise/sessions') },
    admin,
    'mortise-session.first.x',
  )
  for (const _ of [1, 2]) {
    const words = ['whoami', '--admin', admin, '--admin-ca', ca]
    assert.equal((await command(words, { env: { XDG_CONFIG_HOME: folder } })).code, 0)
  }
  assert.deepEqual(seen, ['Bearer mortise-session.first.x', 'Bearer mortise-session.next.x'])
})
