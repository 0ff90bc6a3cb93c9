// A server on a disk that fails or hangs as a test says, and a client that fetches one key.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { faultyDisk, type FaultyDisk } from './faulty-disk.ts'
import { askHttps } from '../../support/clients/https.ts'
import { openTalk, type KmipTalk } from '../../support/clients/kmip-talk.ts'
import { startServer, type TestServer } from '../../support/server/server.ts'
import { until } from '../../support/time/until.ts'

const generalFailure = 256

export interface FaultySite {
  readonly disk: FaultyDisk
  readonly server: TestServer
  readonly talk: KmipTalk
  /** Whether the key was answered; otherwise the Get was refused. */
  get(): Promise<boolean>
  health(which: 'live' | 'ready'): Promise<number>
  /** Waits until the node is ready, without a Get, and fetches the key. */
  recovers(): Promise<void>
  /** Every Get that was answered is in the audit log. */
  isRecorded(): Promise<void>
}

/** Undefined where there can be none. It is closed after the test. */
export async function faultySite(
  t: TestContext,
  env: Readonly<Record<string, string>> = {},
): Promise<FaultySite | undefined> {
  const closers = new AsyncDisposableStack()
  const disk = faultyDisk(t, () => closers.disposeAsync())
  if (!disk) return undefined
  mkdirSync(disk.folder, { mode: 0o700 })
  const server = closers.use(await startServer({ data: disk.folder, env: { ...disk.env, ...env } }))
  const { tls } = await server.issue('client')
  const talk = await openTalk({ ...server.kmip, tls })
  closers.defer(() => talk.close())
  const key = await talk.create()
  const ca = readFileSync(`${server.data}/admin-ca.pem`, 'utf8')
  let answered = 0
  const site: FaultySite = {
    disk,
    server,
    talk,
    async get() {
      const { ok, reason } = await talk.get(key)
      if (ok) answered++
      else assert.equal(reason, generalFailure)
      return ok
    },
    health: async (which) => (await askHttps(server.admin, ca, 'GET', `/health/${which}`)).status,
    async recovers() {
      await until(async () => (await site.health('ready')) === 200)
      assert.equal(await site.get(), true)
    },
    async isRecorded() {
      const entries = await server.json('audit', 'list', '--action', 'key.get')
      const done = (entries as readonly { readonly result: string }[]).filter(
        ({ result }) => result === 'success',
      )
      assert.ok(done.length >= answered)
    },
  }
  assert.equal(await site.get(), true)
  return site
}
