// Conditions of a real server: what `mortise status` says of a new one, that it follows changes, and the reason why an
// instance is served without its root key.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { serveArguments, startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { connectClient } from '../support/clients/tls-client.ts'
import { integer, struct, write } from '../support/clients/wire.ts'

let server: EmbeddedServer
before(async () => {
  server = await startEmbedded()
})
after(() => server[Symbol.asyncDispose]())

interface Status {
  readonly instances: readonly { readonly rootKey: string; readonly rootKeyReason: string | null }[]
  readonly conditions: readonly {
    readonly id: string
    readonly severity: string
    readonly message: string
    readonly action: string
  }[]
}

const statusNow = async () => (await server.json('status')) as Status
const ids = async () => (await statusNow()).conditions.map(({ id }) => id)

test('a new server is not green before its root key is copied', async () => {
  assert.deepEqual(await ids(), ['root-key-not-copied'])
  const { code, stdout } = await server.cli('status')
  assert.equal(code, 0)
  assert.match(stdout, /CRITICAL: no copy of the root key .*root\.key is known\n {2}Copy the file/)
  assert.doesNotMatch(stdout, /Nothing needs you/)
  assert.doesNotMatch(stdout, /UPSTREAM OF/, 'no table without rows')
  const nagios = await server.cli('status', '--nagios')
  assert.equal(nagios.code, 2)
  assert.match(nagios.stdout, /^MORTISE CRITICAL - no copy .* \| critical=1 warning=0 notice=0\n$/)
})

test('a trusted client that asks for KMIP 3.0 is named', async () => {
  const { tls } = await server.issue('future')
  const client = await connectClient({ port: server.kmip.port, ...tls })
  const version = struct(
    'ProtocolVersion',
    integer('ProtocolVersionMajor', 3),
    integer('ProtocolVersionMinor', 0),
  )
  const header = struct('RequestHeader', version, integer('BatchCount', 0))
  assert.ok(await client.ask(write(struct('RequestMessage', header))))
  client.close()
  const found = (await statusNow()).conditions.find(({ id }) => id === 'unsupported-version')
  assert.match(found?.message ?? '', /the client future of the instance default asked for KMIP 3\.0 once/)
})

test('status --watch shows a change; a missing root key file is a fault, with its reason', async () => {
  const [program, ...words] = serveArguments(server.data)
  const main = words.slice(0, words.indexOf('serve'))
  const args = [...main, 'status', '--watch', '--every', '1', '--json', '--data', server.data]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const file = path.join(server.data, 'root.key')
  try {
    let moved = false
    for await (const line of createInterface({ input: child.stdout })) {
      const { conditions } = JSON.parse(line) as Status
      const fault = conditions.find(({ id }) => id === 'root-key-file')
      if (!moved) {
        assert.equal(fault, undefined)
        renameSync(file, `${file}.away`)
        moved = true
      } else if (fault) {
        assert.match(fault.message, /is a file that cannot be used: there is no root key at .*root\.key/)
        break
      }
    }
  } finally {
    child.kill()
  }
  renameSync(`${file}.away`, file)
  assert.ok(!(await ids()).includes('root-key-file'))
})

test('status --watch --json says on standard error that the server does not answer', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-watch-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['admin-ca.pem', 'admin-token'])
    copyFileSync(path.join(server.data, name), path.join(folder, name))
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  writeFileSync(
    path.join(folder, 'admin-address'),
    `https://127.0.0.1:${(closed.address() as AddressInfo).port}`,
  )
  closed.close()
  const [program, ...words] = serveArguments(server.data)
  const main = words.slice(0, words.indexOf('serve'))
  const args = [...main, 'status', '--watch', '--json', '--data', folder]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, said] = [text(child.stdout), once(createInterface({ input: child.stderr }), 'line')]
  try {
    // Whatever comes first: words on standard output are wrong.
    const first = await Promise.race([said, once(child.stdout, 'data')])
    assert.equal((JSON.parse(String(first[0])) as { error: { code: string } }).error.code, 'unreachable')
  } finally {
    child.kill()
  }
  assert.equal(await stdout, '')
})
