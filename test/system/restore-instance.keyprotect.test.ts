// An instance with custody `keyprotect` comes back from a backup on another running server: its keys lie in Key Protect, and so
// do those that were made after the backup. The server that had it before stores nothing there any more.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openSite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { digestOf, openTalk, states } from '../support/clients/kmip-talk.ts'
import { startEmbedded } from '../support/server/server.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())

test('its keys, newer ones, and what was closed since, from a backup and Key Protect', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const folder = path.dirname(site.server.data)
  const backup = path.join(folder, 'a.backup')
  const old = await site.talk()
  const bytes = new Map<string, string>()
  const make = async () => {
    const id = await old.create()
    assert.ok((await old.activate(id)).ok)
    bytes.set(id, digestOf(await old.get(id)) ?? assert.fail('no key'))
    return id
  }
  const [kept, revoked, destroyed] = [await make(), await make(), await make()]
  await site.server.json('backup', 'create', backup)
  for (const id of [revoked, destroyed]) assert.ok((await old.revoke(id)).ok)
  assert.ok((await old.destroy(destroyed)).ok)
  const newer = await make()
  await fake.advance(660)

  const env = {
    MORTISE_IBM_API_KEY_FILE: path.join(folder, 'api-key'),
    MORTISE_IBM_IAM_URL: fake.about.iamUrl,
    MORTISE_IBM_CA_FILE: fake.about.caFile,
  }
  await using server = await startEmbedded({ env })
  const words = ['restore', backup, '--instance', 'vmware', '--with-clients', '--yes']
  const report = await server.json(...words, '--root-key', `file:${site.server.data}/root.key`)
  assert.deepEqual((report as { clients: string[] }).clients, ['vcenter'])
  const tls = { cert: readFileSync(site.certFile, 'utf8'), key: readFileSync(site.keyFile, 'utf8') }
  const talk = await openTalk({ ...server.kmip, tls })
  assert.equal(digestOf(await talk.get(kept)), bytes.get(kept))
  // In the background the server takes in what Key Protect has.
  for (let turn = 0; turn < 600; turn++) {
    const isClosed = (await talk.state(revoked)) === states.Deactivated
    if (isClosed && (await talk.get(newer)).ok) break
    await sleep(50)
  }
  assert.equal(digestOf(await talk.get(newer)), bytes.get(newer))
  assert.equal(await talk.state(revoked), states.Deactivated)
  assert.equal((await talk.get(destroyed)).ok, false)
  assert.ok(await talk.create())
  talk.close()
  old.close()
})
