// A backup of an instance with custody `keyprotect` is restored after its database was lost: what was closed since stays
// closed, and what was made since comes back from Key Protect with its bytes and with the attributes that are there.

import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { command } from '../support/server/command.ts'
import { readDescription } from '../../src/core/custody/keyprotect/description.ts'
import { openSite, type CustodySite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { attribute, digestOf, openTalk, states, type KmipTalk } from '../support/clients/kmip-talk.ts'
import { runCli, startEmbedded } from '../support/server/server.ts'
import { until } from '../support/time/until.ts'
import { enumeration, operations, struct, text, write } from '../support/clients/wire.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())

const [before, later] = [40, 80]
const lanes = 8
const nameTags = { value: 0x420055, type: 0x420054 }

interface Known {
  readonly id: string
  readonly digest: string
  /** Attributes that a standard key holds, as bytes of the answer. */
  readonly attributes: string
}

test('lost after a backup: newer keys come back from Key Protect, and what was closed since stays closed', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect', killable: true })
  const folder = path.dirname(site.server.data)
  const file = path.join(folder, 'a.backup')
  const older = await makeKeys(site, before)
  await site.server.json('backup', 'create', file)
  const newer = await makeKeys(site, later)
  const talk = await site.talk()
  const [revoked, destroyed] = [new Set<string>(), new Set<string>()]
  for (const { id } of [...older.slice(0, 10), ...newer.slice(0, 10)]) {
    assert.ok((await talk.revoke(id)).ok)
    revoked.add(id)
  }
  for (const { id } of [...older.slice(10, 15), ...newer.slice(10, 15)]) {
    assert.ok((await talk.revoke(id)).ok)
    assert.ok((await talk.destroy(id)).ok)
    destroyed.add(id)
  }
  talk.close()

  const data = await restoredElsewhere(site, file)
  await using server = await startEmbedded({ data, env: environment(site) })
  const client = await openTalk({ ...server.kmip, tls: tlsOf(site) })
  // From its first moment on, before it has looked through Key Protect.
  for (const id of destroyed) assert.equal((await client.get(id)).ok, false, `${id} was destroyed`)
  await untilTakenOver(client, {
    newer: newer.filter(({ id }) => !destroyed.has(id)),
    revoked: older.filter(({ id }) => revoked.has(id)),
  })
  for (const { id, digest, attributes } of [...older, ...newer]) {
    const answer = await client.get(id)
    if (destroyed.has(id)) {
      assert.equal(answer.ok, false, `${id} was destroyed`)
      continue
    }
    assert.equal(digestOf(answer), digest, `${id}: ${answer.message}`)
    assert.equal(await attributesOf(client, id), attributes, id)
    assert.equal(await client.state(id), revoked.has(id) ? states.Deactivated : states.Active, id)
  }
  await client.create()
  client.close()
  const { code, stdout } = await server.cli('audit', 'verify')
  assert.equal(code, 0, stdout)
})

test('what was destroyed or revoked after the backup, and Key Protect does not know yet, is deleted and recorded there after the restore', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const { server } = site
  const inFolder = (name: string) => path.join(path.dirname(server.data), name)
  const talk = await site.talk()
  const [destroyed, revoked, other] = [await talk.create(), await talk.create(), await talk.create()]
  await talk.activate(revoked)
  await server.json('backup', 'create', inFolder('a.backup'))
  await fake.fault({ on: 'delete', kind: 'status', status: 503, times: null })
  await fake.fault({ on: 'create', kind: 'status', status: 503, times: null })
  await talk.destroy(destroyed)
  await talk.revoke(revoked)
  talk.close()
  await server.json('audit', 'export', inFolder('audit.jsonl'))
  await server.stop()
  await fake.calm()
  const live = async () => {
    const keys = await fake.control<readonly { name: string; state: number; description?: string }[]>(
      'GET',
      'keys',
    )
    return [destroyed, revoked, other].map((id) => {
      const found = keys.filter(({ name, state }) => name === `mortise-${id}` && state !== 5)
      return found
        .map(({ description = '' }) => readDescription(description))
        .map((said) => said?.kind === 'key' && said.closing)
    })
  }
  assert.deepEqual(await live(), [[null], [null], [null]])
  const [data, root] = [inFolder('restored'), path.join(server.data, 'root.key')]
  const words = [
    'restore',
    inFolder('a.backup'),
    '--audit',
    inFolder('audit.jsonl'),
    '--root-key',
    `file:${root}`,
  ]
  for (const more of [words, ['restore-accept']]) {
    const { code, stderr } = await runCli([...more, '--data', data], environment(site))
    assert.equal(code, 0, stderr)
  }
  await using restored = await startEmbedded({ data, env: environment(site) })
  const wanted = JSON.stringify([[], ['Deactivated'], [null]])
  await until(async () => JSON.stringify(await live()) === wanted, 'Key Protect knows it')
  const { code } = await restored.cli('audit', 'verify')
  assert.equal(code, 0)
})

test('a backup for a recipient opens by the identity where one instance keeps its keys in Key Protect and another is on its way there', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const { server } = site
  const folder = path.dirname(server.data)
  const inFolder = (name: string) => path.join(folder, name)
  const identity = await generateX25519Identity()
  writeFileSync(inFolder('identity.txt'), identity)
  await server.json('instance', 'create', 'leaving', '--root-key', 'file:lost.key')
  await server.json('client', 'issue', '--instance', 'leaving', '--name', 'other', '--out', inFolder('other'))
  const tls = {
    cert: readFileSync(inFolder('other/client.pem'), 'utf8'),
    key: readFileSync(inFolder('other/client.key'), 'utf8'),
  }
  const made = await openTalk({ ...server.kmip, tls })
  const id = await made.create()
  const digest = digestOf(await made.get(id))
  made.close()
  const apart = await site.talk()
  await apart.create()
  apart.close()
  await fake.fault({ on: 'create', kind: 'status', status: 503, skip: 1, times: null })
  const there = ['--root-key', fake.uri(site.rootKey), '--custody', 'keyprotect', '--no-wait']
  await server.json('instance', 'set-root-key', 'leaving', ...there)
  const file = inFolder('a.backup')
  await server.json('backup', 'create', file, '--recipient', await identityToRecipient(identity), '--yes')
  const words = [file, '--identity', inFolder('identity.txt')]
  const verified = await command(['backup', 'verify', ...words, '--all'], { data: folder })
  assert.equal(verified.code, 0, verified.stdout)
  await server.stop()
  await fake.calm()
  const data = inFolder('restored')
  for (const more of [['restore', ...words, '--yes'], ['restore-accept']]) {
    const { code, stderr } = await runCli([...more, '--data', data], environment(site))
    assert.equal(code, 0, stderr)
  }
  await using restored = await startEmbedded({ data, env: environment(site) })
  const talk = await openTalk({ ...restored.kmip, tls })
  assert.equal(digestOf(await talk.get(id)), digest)
  talk.close()
})

/** Active ones, each with a Name. */
async function makeKeys(site: CustodySite, count: number): Promise<readonly Known[]> {
  const made: Known[] = []
  let left = count
  const lane = async (): Promise<void> => {
    const talk = await site.talk()
    while (left-- > 0) {
      const id = await createNamed(talk, `key ${count}-${left}`)
      assert.ok((await talk.activate(id)).ok)
      const digest = digestOf(await talk.get(id)) ?? assert.fail('no key')
      made.push({ id, digest, attributes: await attributesOf(talk, id) })
    }
    talk.close()
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  assert.equal(made.length, count)
  return made
}

function createNamed(talk: KmipTalk, name: string): Promise<string> {
  const value = struct('AttributeValue', text(nameTags.value, name), enumeration(nameTags.type, 1))
  return talk.create(attribute('Name', value))
}

async function attributesOf(talk: KmipTalk, id: string): Promise<string> {
  const names = [
    'Name',
    'Object Type',
    'Cryptographic Algorithm',
    'Cryptographic Length',
    'Cryptographic Usage Mask',
  ]
  const asked = names.map((name) => text('AttributeName', name))
  const { payload } = await talk.ask(operations.GetAttributes, text('UniqueIdentifier', id), ...asked)
  return write(payload ?? assert.fail(`no attributes of ${id}`)).toString('hex')
}

/** The database is lost, and nothing but the root key file is left of its folder; the new one, accepted. */
async function restoredElsewhere(site: CustodySite, file: string): Promise<string> {
  await site.kill()
  const data = path.join(path.dirname(file), 'restored')
  mkdirSync(data, { mode: 0o700 })
  copyFileSync(path.join(site.server.data, 'root.key'), path.join(data, 'root.key'))
  rmSync(site.server.data, { recursive: true })
  // No standard key can be of a request that still runs: only then does a server take over one that it does not know.
  await fake.advance(660)
  for (const words of [['restore', file, '--yes'], ['restore-accept']]) {
    const { code, stderr } = await runCli([...words, '--data', data], environment(site))
    assert.equal(code, 0, stderr)
  }
  return data
}

function environment({ server }: CustodySite) {
  return {
    MORTISE_IBM_API_KEY_FILE: path.join(path.dirname(server.data), 'api-key'),
    MORTISE_IBM_IAM_URL: fake.about.iamUrl,
    MORTISE_IBM_CA_FILE: fake.about.caFile,
  }
}

function tlsOf({ certFile, keyFile }: CustodySite) {
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
}

/** Until the start's look through Key Protect is over. */
async function untilTakenOver(
  talk: KmipTalk,
  { newer, revoked }: { readonly newer: readonly Known[]; readonly revoked: readonly Known[] },
): Promise<void> {
  let missing: readonly string[] = []
  for (let turn = 0; turn < 600; turn++) {
    const there = new Set(await talk.locateAll())
    missing = newer.flatMap(({ id }) => (there.has(id) ? [] : [`${id} is not there`]))
    for (const { id } of missing.length === 0 ? revoked : [])
      if ((await talk.state(id)) !== states.Deactivated) missing = [`${id} is not closed`]
    if (missing.length === 0) return
    await sleep(100)
  }
  assert.deepEqual(missing, [], 'not taken over from Key Protect')
}
