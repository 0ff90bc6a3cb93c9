// An upstream of an instance with custody keyprotect: what is adopted on demand becomes one standard key in Key Protect, and
// while the service does not answer nothing is adopted, and the client is told to ask again. The real server and the Key
// Protect fake.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, afterEach, test } from 'node:test'
import { openSite, type CustodySite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { digestOf, states } from '../support/clients/kmip-talk.ts'
import { openOldKmipServer } from '../support/old-kmip-server/fake.ts'
import { bytesOf, holding } from '../support/old-kmip-server/keys.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
afterEach(() => fake.calm())

/** Names of the standard keys that are not deleted. */
async function standardKeys(): Promise<readonly string[]> {
  const keys = await fake.control<readonly { name: string; state: number }[]>('GET', 'keys')
  return keys.filter(({ name, state }) => name.startsWith('mortise-') && state !== 5).map(({ name }) => name)
}

async function shown({ server }: CustodySite) {
  const { upstream } = (await server.json('instance', 'show', 'vmware')) as {
    upstream: { adopted: number; state: string; notAdopted: readonly { id: string; why: string }[] }
  }
  return upstream
}

const digest = (id: string) => createHash('sha256').update(bytesOf(id)).digest('hex')

test('on demand each key becomes one standard key; without the service nothing is adopted', async () => {
  const ids = ['a', 'b', 'c', 'd']
  await using old = await openOldKmipServer(holding(ids))
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const { server, certFile, keyFile } = site
  const as = ['--upstream-cert', certFile, '--upstream-key', keyFile, '--upstream-fingerprint', old.sha256]
  await server.json('instance', 'set', 'vmware', '--upstream', `kmip://127.0.0.1:${old.port}`, ...as)
  const talk = await site.talk()
  assert.equal(digestOf(await talk.get('a')), digest('a'))
  assert.equal(await talk.state('b'), states.Active)
  // Several at once ask once and store once.
  const talks = await Promise.all([site.talk(), site.talk(), site.talk(), site.talk()])
  for (const answer of await Promise.all(talks.map((one) => one.get('c'))))
    assert.equal(digestOf(answer), digest('c'))
  for (const one of talks) one.close()
  assert.equal((await standardKeys()).length, 3)
  assert.equal((await shown(site)).adopted, 3)

  await fake.fault({ on: 'create', kind: 'status', status: 503, times: null })
  const refused = await talk.get('d')
  assert.equal(refused.ok, false)
  assert.match(refused.message ?? '', /the old server has it, and it could not be stored here/)
  const { adopted, notAdopted, state } = await shown(site)
  assert.deepEqual([adopted, state, notAdopted.map(({ id }) => id)], [3, 'on', ['d']])
  assert.equal(((await server.json('key', 'list', '--instance', 'vmware')) as unknown[]).length, 3)
  assert.equal(digestOf(await talk.get('a')), digest('a'), 'what is here is served')
  await fake.calm()
  assert.equal(digestOf(await talk.get('d')), digest('d'))
  assert.deepEqual([(await shown(site)).adopted, (await shown(site)).notAdopted], [4, []])
  assert.equal((await standardKeys()).length, 4)

  // Revoke and Destroy adopted first; the standard key goes with what is destroyed here.
  assert.ok((await talk.revoke('b')).ok)
  assert.ok((await talk.destroy('b')).ok)
  assert.equal((await talk.get('b')).ok, false)
  talk.close()
  await site.restart()
  const again = await site.talk()
  for (const id of ['a', 'c', 'd']) assert.equal(digestOf(await again.get(id)), digest(id))
  assert.equal((await again.get('b')).ok, false)
  again.close()
  assert.equal((await standardKeys()).length, 3)
  assert.equal(
    (await site.audit('--action', 'key.adopt')).filter(({ result }) => result === 'success').length,
    4,
  )
})
