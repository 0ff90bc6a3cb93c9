// Restrictions and wrapping keys on PostgreSQL: the other node knows them with the next message, a node of an older version keeps
// them from being set, and a copy of the store has them.

import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { maskOf } from '../../../src/wire/kmip/enums.ts'
import type { KeyWrappingSpecification } from '../../../src/wire/kmip/objects.ts'
import { command } from '../../support/server/command.ts'
import { look } from '../../support/server/core.ts'
import { attribute, openSession, template, type KmipSession } from '../../support/clients/kmip-session.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { startEmbedded, type EmbeddedServer } from '../../support/server/server.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-restrictions-'))
const data = (name: string): string => path.join(folder, name)
const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t, { fsync: 'off' }).then(resolve, reject))
})
after(async () => {
  await postgres?.stop('immediate')
  rmSync(folder, { recursive: true, force: true })
})

if (postgres) test('two nodes, an older one, and a copy', (t) => all(t, postgres))

const uses = maskOf('CryptographicUsageMask', ['Decrypt', 'WrapKey', 'UnwrapKey'])
const nistWrap = { BlockCipherMode: 'NISTKeyWrap', CryptographicAlgorithm: 'AES' } as const

async function sensitiveKey(session: KmipSession): Promise<string> {
  const attributes = [
    attribute('Cryptographic Algorithm', 'AES'),
    attribute('Cryptographic Length', 256),
    attribute('Cryptographic Usage Mask', uses),
    attribute('Cryptographic Parameters', nistWrap),
    attribute('Activation Date', 1000n),
    attribute('Sensitive', true),
  ]
  const request = { ObjectType: 'SymmetricKey' as const, ...template(attributes) }
  return (await session.ask('1.4', 'Create', request)).UniqueIdentifier
}

function wrappedGet(UniqueIdentifier: string, by: string) {
  const KeyWrappingSpecification: KeyWrappingSpecification = {
    WrappingMethod: 'Encrypt',
    EncryptionKeyInformation: { UniqueIdentifier: by, CryptographicParameters: undefined },
    AttributeName: [],
    EncodingOption: 'NoEncoding',
  }
  return { UniqueIdentifier, KeyWrappingSpecification }
}

async function all(t: TestContext, server: PostgresServer): Promise<void> {
  const url = await server.newDatabase()
  const start = async (name: string): Promise<EmbeddedServer> => {
    const started = await startEmbedded({
      data: data(name),
      env: { MORTISE_STORE: url, MORTISE_NODE: name },
    })
    t.after(async () => started[Symbol.asyncDispose]())
    return started
  }
  const one = await start('one')
  mkdirSync(data('two'))
  for (const name of ['root.key', 'admin-token'])
    copyFileSync(path.join(data('one'), name), path.join(data('two'), name))
  const two = await start('two')
  const { tls } = await one.issue('client')
  using session = await openSession(two.kmip.port, { tls })
  const [wrapping, own] = [await sensitiveKey(session), await sensitiveKey(session)]
  const asked = wrappedGet(own, wrapping)

  assert.equal(await session.refused('1.4', 'Get', asked), 'Sensitive', 'a new instance is one-way')
  await one.json('key', 'set', wrapping, '--instance', 'default', '--wraps-sensitive', 'yes')
  await session.ask('1.4', 'Get', asked)
  const use = { UniqueIdentifier: wrapping, CryptographicParameters: { BlockCipherMode: 'ECB' } as const }
  const decrypt = { ...use, Data: Buffer.alloc(16) }
  assert.equal(await session.refused('1.4', 'Decrypt', decrypt), 'PermissionDenied')
  await one.json('key', 'set', wrapping, '--instance', 'default', '--wraps-sensitive', 'no')
  assert.equal(await session.refused('1.4', 'Get', asked), 'Sensitive')
  await Promise.all([
    one.json('key', 'set', wrapping, '--instance', 'default', '--wraps-sensitive', 'yes'),
    two.json('key', 'set', own, '--instance', 'default', '--wraps-sensitive', 'yes'),
  ])
  const { wrappingKeys } = (await two.json('instance', 'show', 'default')) as {
    wrappingKeys: { id: string; wraps: boolean }[]
  }
  const ids = [wrapping, own].toSorted()
  assert.deepEqual(wrappingKeys.map(({ id }) => id).toSorted(), ids, 'of two nodes at once neither loses')

  const sql = (text: string) => server.sql(text, path.basename(url))
  await sql(`DELETE FROM least_version WHERE feature = 'one-way-restrictions'`)
  await sql(`INSERT INTO nodes (name, run, commits) VALUES ('old', 'run of old', 0)`)
  await sql(`INSERT INTO node_signs (name, version, kmip, started_ms, seen_ms)
    VALUES ('old', '0.0.9', 'old:5696', 0, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)`)
  const refused = await one.cli('instance', 'create', 'tenant', '--root-key', 'file:root.key')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /old/)
  await one.json('instance', 'create', 'tenant', '--root-key', 'file:root.key', '--restrictions', 'as-sent')
  await sql(`DELETE FROM node_signs WHERE name = 'old'`)
  await one.json('instance', 'create', 'other', '--root-key', 'file:root.key')

  session.client.close()
  assert.deepEqual([await one.stop(), await two.stop()], [0, 0])
  await copied(url, ids)
}

async function copied(url: string, ids: readonly string[]): Promise<void> {
  const copy = await command(['store', 'copy', '--from', url, '--to', data('copy'), '--json'])
  assert.equal(copy.code, 0, copy.stderr)
  const file = path.join(data('copy'), 'mortise.db')
  const instances = look(file, `SELECT body FROM trust WHERE kind = 'instance'`).map(
    ({ body }) =>
      JSON.parse(String(body)) as { name: string; restrictions: string; wrappingKeys?: { id: string }[] },
  )
  assert.deepEqual(Object.fromEntries(instances.map(({ name, restrictions }) => [name, restrictions])), {
    default: 'one-way',
    tenant: 'as-sent',
    other: 'one-way',
  })
  const kept = instances.find(({ name }) => name === 'default')?.wrappingKeys ?? []
  assert.deepEqual(kept.map(({ id }) => id).toSorted(), ids)
  const features = look(file, 'SELECT feature FROM least_version').map(({ feature }) => feature)
  assert.ok(features.includes('one-way-restrictions'))
}
