// The passphrase of the root key, as an administrator sets it: too short it is refused before anything is made, and a file
// that others may read is warned about at each start.

import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { startEmbedded } from '../support/server/server.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-passphrase-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const file = path.join(folder, 'passphrase')
const data = path.join(folder, 'data')

function keep(passphrase: string, mode: number): void {
  writeFileSync(file, passphrase)
  chmodSync(file, mode)
}

/** What a start says that must succeed. */
async function start(env: Readonly<Record<string, string>> = {}): Promise<string> {
  const server = await startEmbedded({ data, env: { MORTISE_ROOT_PASSPHRASE_FILE: file, ...env } })
  await server.stop()
  return server.stderr()
}

const others =
  /Other users of this machine may read or change the passphrase in \S+ \(mode 0644\)\. Run: chmod 600/

test('a short one starts no new server, unless that is confirmed', async () => {
  keep('short\n', 0o600)
  await assert.rejects(start(), /fewer than 12 characters.*MORTISE_ACCEPT_SHORT_PASSPHRASE=true/)
  assert.deepEqual(
    readdirSync(data).filter((name) => name.endsWith('.key')),
    [],
  )
  const confirmed = await start({ MORTISE_ACCEPT_SHORT_PASSPHRASE: 'true' })
  assert.doesNotMatch(confirmed, /fewer than 12/)
  assert.match(await start(), /fewer than 12 characters/, 'what is there goes on, and is warned about')
})

test('a file that others may read is warned about, and no other', async () => {
  rmSync(data, { recursive: true })
  keep('correct horse battery staple\n', 0o644)
  assert.match(await start(), others)
  chmodSync(file, 0o600)
  assert.doesNotMatch(await start(), /Other users/)
})
