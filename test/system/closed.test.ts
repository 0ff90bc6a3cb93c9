// A closed instance outlives kill -9, a backup of it, and a restore of an older backup with the audit log of the time since.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { writeFileSync } from 'node:fs'
import { openTalk } from '../support/clients/kmip-talk.ts'
import { command } from '../support/server/command.ts'
import { accept, restoreInto } from '../support/server/restored.ts'
import { startInProcess } from '../support/server/running.ts'
import { startServer } from '../support/server/server.ts'
import { clientCertificate } from '../support/certificates/certificates.ts'

const why = ['--reason', 'a host was stolen'] as const

test('killed and started again, it is closed; then it opens', async () => {
  await using server = await startServer()
  const { tls } = await server.issue('vc')
  const talk = await openTalk({ port: server.kmip.port, tls })
  const key = await talk.create()
  assert.ok((await talk.get(key)).ok)
  const closed = await server.cli('instance', 'close', 'default', ...why)
  assert.equal(closed.code, 0, closed.stderr)
  assert.match(closed.stdout, /none of its keys is used from the next message on/)
  // On the same connection.
  assert.match((await talk.get(key)).message ?? '', /an administrator closed this instance/)
  talk.close()
  await server.kill()
  await using again = await startServer({ data: server.data })
  const next = await openTalk({ port: again.kmip.port, tls })
  assert.match((await next.get(key)).message ?? '', /an administrator closed this instance/)
  assert.match(
    (await again.cli('instance', 'show', 'default')).stdout,
    /CLOSED: +since .*: a host was stolen/,
  )
  assert.match((await again.cli('status')).stdout, /the instance default is closed/)
  const missing = await again.cli('instance', 'close', 'default')
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /--reason/)
  assert.equal((await again.cli('instance', 'open', 'default')).code, 0)
  assert.ok((await next.get(key)).ok)
  next.close()
})

test('a restore of an older backup closes again what the audit log says, and leaves the rest open', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-closed-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const inFolder = (name: string) => path.join(folder, name)
  const identity = await generateX25519Identity()
  writeFileSync(inFolder('identity'), identity, { mode: 0o600 })
  const vcenter = await clientCertificate('self-signed')
  let key = ''
  {
    await using server = await startInProcess(inFolder('old'))
    await server.trust('vc', vcenter)
    const talk = await openTalk({ port: server.port, tls: vcenter.tls })
    key = await talk.create()
    talk.close()
    const run = async (...words: string[]) => {
      const { code, stderr } = await command(words, { data: inFolder('old') })
      assert.equal(code, 0, stderr)
    }
    await run('instance', 'create', 'branch')
    const recipient = await identityToRecipient(identity)
    await run('backup', 'create', inFolder('a.backup'), '--recipient', recipient, '--yes')
    await run('instance', 'close', 'default', ...why)
    await run('instance', 'close', 'branch', ...why)
    await run('instance', 'open', 'branch')
    await run('audit', 'export', inFolder('audit.jsonl'))
  }
  const from = ['--identity', inFolder('identity')]
  await restoreInto(inFolder('new'), inFolder('a.backup'), ...from, '--audit', inFolder('audit.jsonl'))
  await accept(inFolder('new'))
  await using restored = await startInProcess(inFolder('new'))
  const talk = await openTalk({ port: restored.port, tls: vcenter.tls })
  assert.match((await talk.get(key)).message ?? '', /an administrator closed this instance/)
  talk.close()
  const shown = await command(['instance', 'list', '--json'], { data: inFolder('new') })
  const all = JSON.parse(shown.stdout) as readonly { name: string; closed: { reason: string } | null }[]
  assert.deepEqual(Object.fromEntries(all.map(({ name, closed }) => [name, closed?.reason ?? null])), {
    branch: null,
    default: 'a host was stolen',
  })
})
