// Data folders of older versions: what `npm run old-data` puts into one, through the front door of the server that makes it, and
// what a test must find there with this version. The archives are in test/system/old-data.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  attribute,
  nameAttribute,
  openSession,
  attributesOf,
  materialOf,
  text,
} from '../clients/kmip-session.ts'
import type { EmbeddedServer } from '../server/server.ts'

export const archives = path.join(import.meta.dirname, '../../system/old-data')

interface StoredKey {
  readonly instance: string
  readonly client: string
  readonly id: string
  readonly name: string
  readonly state: string
  /** Hexadecimal; null: it was destroyed. */
  readonly material: string | null
}

/** What the folder holds, beside it in the archive as JSON. */
export interface OldData {
  /** The commit whose version made it; null: the one that put the archive there. */
  readonly commit: string | null
  readonly clients: Readonly<Record<string, { readonly cert: string; readonly key: string }>>
  readonly keys: readonly StoredKey[]
  /** Destroyed while it can be brought back; null: this version knew no such window. */
  readonly recoverable: StoredKey | null
  /** SHA-256 of the certificate that no row trusts. */
  readonly pending: string
}

/** The server that makes the folder, and its own command line. */
export interface OldServer {
  readonly port: number
  /** `mortise ARGS --data FOLDER`; what it printed. Throws if it was refused. */
  command(...args: string[]): string
  /** `mortise client issue`. */
  issue(instance: string, name: string): { readonly cert: string; readonly key: string }
}

/** The bytes of a key that a client brings follow from its name. */
function bytesOf(name: string): Buffer {
  return createHash('sha256').update(`a key of test data: ${name}`).digest()
}

const block = (name: string) => ({
  KeyFormatType: 'Raw' as const,
  KeyValue: { KeyMaterial: bytesOf(name) },
  CryptographicAlgorithm: 'AES' as const,
  CryptographicLength: 256,
})

/** `stranger`: a certificate that nobody trusts, with its SHA-256. */
export async function fill(
  server: OldServer,
  stranger: { readonly cert: string; readonly key: string; readonly sha256: string },
): Promise<Omit<OldData, 'commit'>> {
  server.command('instance', 'create', 'second')
  const clients = {
    vcenter: server.issue('default', 'vcenter'),
    stolen: server.issue('default', 'stolen'),
    other: server.issue('second', 'other'),
    stranger: { cert: stranger.cert, key: stranger.key },
  }
  const keys = [
    ...(await fillInstance(server, { instance: 'default', client: 'vcenter', tls: clients.vcenter })),
    ...(await fillInstance(server, { instance: 'second', client: 'other', tls: clients.other })),
  ]
  const recoverable = await destroyForAWhile(server, clients.vcenter)
  server.command('client', 'block', sha256Of(clients.stolen.cert), '--reason', 'it was stolen')
  {
    using session = await openSession(server.port, { tls: clients.stranger })
    assert.equal((await session.one('1.1', { operation: 'Get', request: {} })).status, 'OperationFailed')
  }
  {
    // Last, so that a kill leaves its record outside of the audit log.
    using session = await openSession(server.port, { tls: clients.vcenter })
    await session.ask('1.1', 'Get', { UniqueIdentifier: keys[0]?.id })
  }
  return { clients, keys, recoverable, pending: stranger.sha256 }
}

interface Filled {
  readonly instance: string
  readonly client: string
  readonly tls: { readonly cert: string; readonly key: string }
}

async function fillInstance(server: OldServer, { instance, client, tls }: Filled): Promise<StoredKey[]> {
  using session = await openSession(server.port, { tls })
  const keys: StoredKey[] = []
  const note = (id: string, name: string, state: string, material: Buffer | null) =>
    keys.push({ instance, client, id, name, state, material: material?.toString('hex') ?? null })
  const register = (name: string) => registered(session, name)
  for (const state of ['PreActive', 'Active', 'Deactivated', 'Compromised', 'Destroyed'] as const) {
    const name = `registered ${state}`
    const UniqueIdentifier = await register(name)
    if (state !== 'PreActive' && state !== 'Destroyed')
      await session.ask('1.1', 'Activate', { UniqueIdentifier })
    if (state === 'Deactivated' || state === 'Compromised') {
      const code = state === 'Deactivated' ? 'CessationOfOperation' : 'KeyCompromise'
      const when = state === 'Compromised' ? { CompromiseOccurrenceDate: 1_700_000_000n } : {}
      const RevocationReason = { RevocationReasonCode: code } as const
      await session.ask('1.1', 'Revoke', { UniqueIdentifier, RevocationReason, ...when })
    }
    if (state === 'Destroyed') await session.ask('1.1', 'Destroy', { UniqueIdentifier })
    note(UniqueIdentifier, name, state, state === 'Destroyed' ? null : bytesOf(name))
  }
  const created = await session.key('1.1', [nameAttribute('created'), text('x-Machine', 'web-1')])
  const { SymmetricKey } = await session.ask('1.1', 'Get', { UniqueIdentifier: created })
  note(created, 'created', 'PreActive', materialOf(SymmetricKey?.KeyBlock))
  return keys
}

async function registered(session: Awaited<ReturnType<typeof openSession>>, name: string): Promise<string> {
  const attributes = [attribute('Cryptographic Usage Mask', 12), nameAttribute(name)]
  const { UniqueIdentifier } = await session.ask('1.1', 'Register', {
    ObjectType: 'SymmetricKey',
    TemplateAttribute: { Name: [], Attribute: attributes },
    SymmetricKey: { KeyBlock: block(name) },
  })
  return UniqueIdentifier
}

async function destroyForAWhile(
  server: OldServer,
  tls: { readonly cert: string; readonly key: string },
): Promise<StoredKey | null> {
  try {
    // A server that is off counts a day at most, so the archive is of use for longer than that.
    server.command('instance', 'set', 'default', '--destroy-delay', '30d')
  } catch {
    return null
  }
  using session = await openSession(server.port, { tls })
  const name = 'destroyed for a while'
  const UniqueIdentifier = await registered(session, name)
  await session.ask('1.1', 'Destroy', { UniqueIdentifier })
  const material = bytesOf(name).toString('hex')
  return { instance: 'default', client: 'vcenter', id: UniqueIdentifier, name, state: 'PreActive', material }
}

function sha256Of(pem: string): string {
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
  return createHash('sha256').update(der).digest('hex')
}

/** The names of the archives of one kind of database, by schema. */
export function archivesOf(kind: 'sqlite' | 'postgres'): readonly { schema: number; file: string }[] {
  return readdirSync(archives)
    .flatMap((name) => {
      const schema = new RegExp(`^${kind}-(\\d+)\\.tar\\.gz$`).exec(name)?.[1]
      return schema === undefined ? [] : { schema: Number(schema), file: path.join(archives, name) }
    })
    .toSorted((a, b) => a.schema - b.schema)
}

/** A new folder with what an archive holds: `data`, and for PostgreSQL `dump.sql`. */
export function extract(file: string): { readonly folder: string; readonly old: OldData } {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-old-data-'))
  const ran = spawnSync('tar', ['-xzf', file, '-C', folder, '--no-same-owner'], { encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stderr)
  const old = JSON.parse(readFileSync(path.join(folder, 'holds.json'), 'utf8')) as OldData
  return { folder, old }
}

/** Everything is there, with its bytes, and what was closed is closed. */
export async function checkOldData(server: EmbeddedServer, old: OldData): Promise<void> {
  const { port } = server.kmip
  const identity = (client: string) => ({ tls: old.clients[client] ?? assert.fail(client) })
  for (const { client, id, name, state, material } of old.keys) {
    using session = await openSession(port, identity(client))
    if (material === null) {
      assert.ok(await session.refused('1.1', 'Get', { UniqueIdentifier: id }), name)
    } else {
      const { SymmetricKey } = await session.ask('1.1', 'Get', { UniqueIdentifier: id })
      assert.equal(materialOf(SymmetricKey?.KeyBlock).toString('hex'), material, `the bytes of ${name}`)
      const found = await session.ask('1.1', 'Locate', { Attribute: [nameAttribute(name)] })
      assert.deepEqual(found.UniqueIdentifier, [id], `found by the name ${name}`)
    }
    const { Attribute } = await session.ask('1.1', 'GetAttributes', attributesOf(id, 'State'))
    assert.deepEqual(
      Attribute?.map(({ AttributeValue }) => AttributeValue),
      [state],
      `the state of ${name}`,
    )
  }
  // A client of one instance sees no key of the other one, and a blocked or unknown one none at all.
  const [key] = old.keys
  for (const client of ['other', 'stolen', 'stranger']) {
    using session = await openSession(port, identity(client))
    assert.ok(await session.refused('1.1', 'Get', { UniqueIdentifier: key?.id ?? '' }), client)
  }
  const pending = (await server.json('client', 'pending')) as { readonly sha256: string }[]
  assert.ok(
    pending.some(({ sha256 }) => sha256 === old.pending),
    'the unknown certificate waits',
  )
  await server.json('audit', 'verify')
}

/** Brings back the key that was destroyed for a while. */
export async function checkRecoverable(server: EmbeddedServer, old: OldData): Promise<void> {
  if (!old.recoverable) return
  const { client, id, instance, material } = old.recoverable
  using session = await openSession(server.kmip.port, { tls: old.clients[client] ?? assert.fail(client) })
  assert.ok(await session.refused('1.1', 'Get', { UniqueIdentifier: id }))
  await server.json('key', 'undestroy', id, '--instance', instance)
  const { SymmetricKey } = await session.ask('1.1', 'Get', { UniqueIdentifier: id })
  assert.equal(materialOf(SymmetricKey?.KeyBlock).toString('hex'), material)
}
