// Kills the real server with SIGKILL at random moments of create, revoke, destroy, rewrap and move, while the fake of Key
// Protect loses answers; then goes on with the same database, or deletes it and restores the instance from the service
// alone. Every call is recorded, and history-check.ts judges the whole: every key that was acknowledged is there with its
// bytes, and no closed key comes back open, except one whose closing was not acknowledged before its database was lost. One sweep
// eleven minutes later by the service's clock must leave no superfluous standard key. Used by
// test/real/kills/many.test.ts and scripts/soak.ts.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AdminClient } from '../../../src/doors/http/client.ts'
import { readDescription, standardKeyName } from '../../../src/core/custody/keyprotect/description.ts'
import { clientCertificate, type TestIdentity } from '../certificates/certificates.ts'
import { KeyProtectFake } from '../key-protect/fake.ts'
import { LostConnection } from '../clients/kmip-talk.ts'
import { violations } from './history-check.ts'
import { History } from './history.ts'
import { randomFrom } from './load.ts'
import { openRecorded, type RecordedTalk } from './recorded-talk.ts'
import { startServer, type TestServer } from '../server/server.ts'
import { clientRoutes } from '../../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { restoreRoutes } from '../../../src/features/restore/routes.ts'

export interface KeyProtectKills {
  readonly kills: number
  /** The same seed gives the same choices, though not the same moments. */
  readonly seed: number
  readonly onKill?: (kill: number, counts: Counts) => void
}

type Counts = ReturnType<typeof newCounts>

const clientsAtOnce = 3
const loadMs = { least: 100, most: 900 }
/** Longer than any work of the fake that goes on after its connection was cut. */
const lateMs = 300
/** Keys that are looked at after a kill besides those that were just used; all of them at the end. */
const oldKeysChecked = 20

function newCounts() {
  return {
    calls: 0,
    keys: 0,
    revoked: 0,
    destroyed: 0,
    restored: 0,
    rewraps: 0,
    moves: 0,
    faults: 0,
    swept: 0,
  }
}

/** Throws what it finds wrong, with the seed. */
export async function killKeyProtect({ kills, seed, onKill }: KeyProtectKills): Promise<Counts> {
  await using site = await Site.open(seed)
  try {
    for (let kill = 1; kill <= kills; kill++) {
      await site.loadAndKill()
      // A restore from the service alone, more often than not.
      if (site.random() < 0.6) await site.restore()
      else await site.restart()
      await site.check(kill === kills ? Infinity : oldKeysChecked)
      if (kill % 5 === 0 || kill === kills) await site.sweep()
      onKill?.(kill, site.counts)
    }
    return site.counts
  } catch (error) {
    const saved = path.join(tmpdir(), `mortise-history-${seed}.jsonl`)
    site.history.save(saved)
    throw new Error(`seed ${seed}, history ${saved}: ${String(error)}\n${site.log()}`, { cause: error })
  }
}

class Site implements AsyncDisposable {
  readonly random: () => number
  readonly counts = newCounts()
  readonly history = new History()
  readonly #keys = new Set<string>()
  readonly #touched = new Set<string>()
  readonly #fake: KeyProtectFake
  readonly #identity: TestIdentity
  readonly #folder: string
  readonly #rootKeys: readonly string[]
  #server!: TestServer
  /** The root key that the instance was last told to have. */
  #target: string
  #folders = 0
  #killing = false

  private constructor(
    seed: number,
    fake: KeyProtectFake,
    identity: TestIdentity,
    rootKeys: readonly [string, string],
  ) {
    this.random = randomFrom(seed)
    this.#fake = fake
    this.#identity = identity
    this.#folder = mkdtempSync(path.join(tmpdir(), 'mortise-kills-'))
    this.#rootKeys = rootKeys
    this.#target = rootKeys[0]
  }

  static async open(seed: number): Promise<Site> {
    const fake = await KeyProtectFake.start()
    const rootKeys = [await fake.rootKey(), await fake.rootKey()] as const
    const site = new Site(seed, fake, await clientCertificate('self-signed'), rootKeys)
    await site.#start()
    const body = { name: 'vmware', rootKey: fake.uri(site.#target), custody: 'keyprotect' } as const
    await site.#admin().call(instanceRoutes.createInstance, { body })
    await site.#trust()
    return site
  }

  log(): string {
    return this.#server.stderr().slice(-4_000)
  }

  async loadAndKill(): Promise<void> {
    this.#touched.clear()
    const clients = Array.from({ length: clientsAtOnce }, (_, index) => this.#client(`c${index}`))
    // A verdict before the kill must not wait for it.
    const all = Promise.all(clients)
    await this.#disturb()
    await Promise.race([sleep(loadMs.least + this.random() * (loadMs.most - loadMs.least)), all])
    // Without keys there is nothing to restore, and a busy machine takes longer to make some.
    while (this.#touched.size < 4) await Promise.race([sleep(20), all])
    this.#killing = true
    await this.#server.kill()
    await all
    this.#killing = false
    await this.#fake.calm()
    await sleep(lateMs + 100)
  }

  /** Goes on with the same database. */
  async restart(): Promise<void> {
    await this.#start(this.#server.data)
    await this.#untilQuiet()
  }

  /** The database is gone. */
  async restore(): Promise<void> {
    rmSync(this.#server.data, { recursive: true, force: true })
    await this.#start()
    const rootKey = this.#fake.uri(this.#target)
    const oldRootKeys = this.#rootKeys.filter((id) => id !== this.#target).map((id) => this.#fake.uri(id))
    let restore = await this.#admin().call(restoreRoutes.beginRestore, { body: { rootKey, oldRootKeys } })
    while (restore.state === 'running') {
      await sleep(20)
      restore = await this.#admin().call(restoreRoutes.showRestore, { restore: restore.id })
    }
    assert.ok(restore.report, restore.error?.message)
    await this.#trust()
    this.history.restored()
    this.counts.restored++
    await this.#untilQuiet()
  }

  /** Reads the keys that were just used and some others, and judges their histories. */
  async check(oldKeys: number): Promise<void> {
    const talk = await this.#talk('check')
    const all = [...this.#keys]
    const old = all.length <= oldKeys ? all : all.filter(() => this.random() < oldKeys / all.length)
    const keys = new Set([...this.#touched, ...old])
    for (const key of keys) if ((await talk.get(key)).ok) await talk.state(key)
    talk.close()
    assert.deepEqual(
      violations(this.history.keys, keys).map(({ key, message }) => `${key}: ${message}`),
      [],
    )
    this.counts.calls = this.history.count
  }

  /** Eleven minutes later by the service's clock, the sweep of one start. */
  async sweep(): Promise<void> {
    await this.#server.stop()
    await this.#fake.advance(660)
    await this.#start(this.#server.data)
    const talk = await this.#talk('sweep')
    let superfluous: readonly string[] = []
    for (let turn = 0; turn < 200; turn++) {
      // What the sweep takes over is an object from then on.
      superfluous = await this.#superfluous(new Set((await talk.plain.locateAll()).map(standardKeyName)))
      if (superfluous.length === 0) break
      await sleep(100)
    }
    talk.close()
    assert.deepEqual(superfluous, [], 'standard keys are left that nothing needs')
    this.counts.swept++
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.kill()
    await this.#fake.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Live ones that belong to no living object, or of which there are several; markers stay. */
  async #superfluous(living: ReadonlySet<string>): Promise<readonly string[]> {
    const all = await this.#fake.control<{ name: string; description?: string; state: number }[]>(
      'GET',
      'keys',
    )
    const seen = new Set<string>()
    return all.flatMap(({ name, description = '', state }) => {
      if (state === 5 || readDescription(description)?.kind !== 'key') return []
      if (living.has(name) && !seen.has(name)) {
        seen.add(name)
        return []
      }
      return [`${name}: ${description}`]
    })
  }

  /** Answers are lost now and then; the root key is rotated, or the instance moves. */
  async #disturb(): Promise<void> {
    for (let number = Math.floor(this.random() * 4); number > 0; number--) {
      const on = this.#one(['create', 'delete', 'get', 'wrap', 'unwrap', 'search', 'create'])
      const kind = this.#one(['reset-before', 'reset-after', 'reset-late', 'half'] as const)
      const times = 1 + Math.floor(this.random() * 3)
      await this.#fake.fault({ on, kind, skip: Math.floor(this.random() * 12), times, ms: lateMs })
      this.counts.faults++
    }
    const dice = this.random()
    const admin = this.#admin()
    if (dice < 0.25) {
      await this.#fake.advance(3_700)
      for (const id of this.#rootKeys) await this.#fake.admin('POST', `/keys/${id}/actions/rotate`)
      await admin.call(instanceRoutes.rewrapInstance, { instance: 'vmware' })
      this.counts.rewraps++
    } else if (dice < 0.45) {
      this.#target = this.#rootKeys.find((id) => id !== this.#target) ?? this.#target
      const body = { rootKey: this.#fake.uri(this.#target), custody: 'keyprotect' } as const
      await this.#fake.control('DELETE', 'faults')
      await admin.call(instanceRoutes.setRootKey, { instance: 'vmware', body })
      this.counts.moves++
    }
  }

  /** Creates, revokes and destroys until the server is killed, and looks at the keys of the others. */
  async #client(name: string): Promise<void> {
    const talk = await this.#talk(name).catch((error: unknown) => {
      // The kill may also come before the connection is open.
      if (!this.#killing) throw error
    })
    if (talk === undefined) return
    try {
      for (;;) {
        const key = await talk.create().catch(unlessLost)
        if (key === undefined) continue
        assert.ok(!this.#keys.has(key), `the identifier ${key} was given twice`)
        this.#keys.add(key)
        this.#touched.add(key)
        this.counts.keys++
        await talk.get(key)
        if (!(await talk.activate(key)).ok || this.random() < 0.4) continue
        if (this.random() < 0.5) await talk.state(this.#one([...this.#touched]))
        await talk.revoke(key)
        this.counts.revoked++
        if (this.random() < 0.5) continue
        await talk.destroy(key)
        this.counts.destroyed++
      }
    } catch (error) {
      if (!(error instanceof LostConnection)) throw error
    }
  }

  /** Until the work on the instance that a kill interrupted is done. */
  async #untilQuiet(): Promise<void> {
    let before: number | null = -1
    for (let turn = 0; turn < 600; turn++) {
      const { work } = await this.#admin().call(instanceRoutes.showInstance, { instance: 'vmware' })
      if (work === null) return
      if (work.done !== before) turn = 0
      before = work.done
      await sleep(100)
    }
    assert.fail('the work on the instance does not end')
  }

  async #start(data = path.join(this.#folder, String(++this.#folders))): Promise<void> {
    const { managerApiKeyFile, iamUrl, caFile } = this.#fake.about
    const env = {
      MORTISE_IBM_API_KEY_FILE: managerApiKeyFile,
      MORTISE_IBM_IAM_URL: iamUrl,
      MORTISE_IBM_CA_FILE: caFile,
    }
    this.#server = await startServer({ data, env })
  }

  #admin(): AdminClient {
    const { data, admin: url } = this.#server
    const [token = '', pem = ''] = ['admin-token', 'admin-ca.pem'].map((name) =>
      readFileSync(path.join(data, name), 'utf8'),
    )
    return new AdminClient({ url, token: token.trim(), trust: { by: 'authority', pem } })
  }

  async #trust(): Promise<void> {
    const { pem } = this.#identity.certificate
    const body = { by: 'certificate' as const, name: 'vcenter', certificate: pem, allow: ['all'] }
    await this.#admin().call(clientRoutes.trustClient, { instance: 'vmware', body })
  }

  #talk(client: string): Promise<RecordedTalk> {
    const { history } = this
    return openRecorded(
      { ...this.#server.kmip, tls: this.#identity.tls },
      { history, client, beside: 'service' },
    )
  }

  #one<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.random() * choices.length)] ?? assert.fail('no choice')
  }
}

/** A Create that was refused made nothing that anybody was told of. */
function unlessLost(error: unknown): undefined {
  if (error instanceof LostConnection) throw error
}
