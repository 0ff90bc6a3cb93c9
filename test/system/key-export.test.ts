// `mortise key export` of whole servers, with custody database and keyprotect: what the file holds are the bytes that a
// client gets, and no key is on the disk unsealed.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { createKey, getKey } from '../../src/outside/kmip-client/calls.ts'
import { connectKmip, type KmipClient } from '../../src/outside/kmip-client/client.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'

interface Key {
  readonly id: string
  readonly state: string
  readonly names: readonly string[]
  readonly keyFormatType: string
  readonly material: string
  readonly attributes: readonly { readonly name: string; readonly value: unknown }[]
}

let fake: KeyProtectFake
let folder: string
let mine: EmbeddedServer
const identity = await generateX25519Identity()

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mortise-export-'))
  fake = await KeyProtectFake.start()
  const { apiKey } = await fake.serviceId({ roles: ['Manager'] })
  writeFileSync(path.join(folder, 'api.key'), apiKey)
  const env = { MORTISE_IBM_IAM_URL: fake.about.iamUrl, MORTISE_IBM_CA_FILE: fake.about.caFile }
  mine = await startEmbedded({ env })
  const place = ['--root-key', fake.uri(await fake.rootKey()), '--custody', 'keyprotect']
  const api = ['--ibm-api-key-file', path.join(folder, 'api.key')]
  await mine.json('instance', 'create', 'vmware', ...place, ...api)
})
after(async () => {
  await mine[Symbol.asyncDispose]()
  await fake.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function client(instance: string): Promise<KmipClient> {
  const out = path.join(folder, `client-${instance}`)
  await mine.json('client', 'issue', '--instance', instance, '--name', 'reader', '--out', out)
  const file = (name: string) => readFileSync(path.join(out, name), 'utf8')
  const trust = { by: 'authority', pem: file('ca.pem') } as const
  return connectKmip({ addresses: [mine.kmip], cert: file('client.pem'), key: file('client.key'), trust })
}

for (const [instance, count] of [
  ['default', 70],
  ['vmware', 10],
] as const)
  test(`${count} keys of the instance ${instance} are in the file as a client gets them`, async () => {
    await using kmip = await client(instance)
    const made: string[] = []
    for (let key = 0; key < count; key++) made.push(await createKey(kmip, { name: `key ${key}` }))
    await mine.json('instance', 'set', instance, '--portable', 'yes')
    await mine.json('key', 'activate', made[0] ?? '', '--instance', instance)
    const file = path.join(folder, `${instance}.age`)
    const to = ['--recipient', await identityToRecipient(identity), '--instance', instance]
    const told = await mine.json('key', 'export', file, ...to, '--yes')
    assert.deepEqual(
      { ...(told as object), id: '' },
      {
        file,
        id: '',
        state: 'done',
        keys: count,
        destroyed: 0,
        notExported: { count: 0, items: [] },
        error: null,
      },
    )
    const sealed = readFileSync(file)
    const decrypter = new Decrypter()
    decrypter.addIdentity(identity)
    const [head, ...lines] = (await decrypter.decrypt(sealed, 'text')).trim().split('\n')
    assert.match(head ?? '', /^\{"mortiseKeyExport":1,"instance":\{"id":"[0-9a-f-]{36}","name":"/)
    const keys = lines.slice(0, -1).map((line) => JSON.parse(line) as Key)
    assert.deepEqual(keys.map(({ id }) => id).toReversed(), made)
    for (const { id, names, material, keyFormatType, attributes } of keys) {
      const { material: there } = await getKey(kmip, id)
      assert.equal(material, there.toString('base64'))
      assert.deepEqual([names, keyFormatType], [[`key ${made.indexOf(id)}`], 'Raw'])
      assert.ok(attributes.some(({ name, value }) => name === 'CryptographicLength' && value === 256))
      assert.ok(!sealed.includes(there) && !sealed.includes(material))
    }
    assert.deepEqual([keys.at(-1)?.state, keys.at(0)?.state], ['Active', 'PreActive'])
    const entries = (await mine.json('audit', 'list', '--instance', instance, '--action', 'key.export')) as {
      object: string
      detail: { to: string }
    }[]
    assert.deepEqual(entries.map(({ object }) => object).toSorted(), made.toSorted())
    assert.ok(entries.every(({ detail }) => detail.to === to[1]))
  })
