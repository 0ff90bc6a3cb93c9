// A killed process loses nothing that was answered and leaves nothing half-made.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { Store } from '../../../../src/core/ports/store.ts'
import type { StoredAuditEntry } from '../../../../src/core/ports/audit.ts'
import { allEntries, verifyChain } from '../../../support/store/contract/audit.ts'
import { anchorKey, openSqlite, storeFolder } from '../../../support/store/store-place.ts'

const kills = 6
const child = path.join(import.meta.dirname, '../../../support/store/store-child.ts')

test(`kill -9 in the midst of commits, ${kills} times: all that was answered is there, and the anchor agrees`, async (t) => {
  const file = path.join(await storeFolder(t), 'mortise.db')
  const answered: string[] = []
  for (let kill = 1; kill <= kills; kill++) {
    const before = answered.length
    answered.push(...(await runAndKill(file, kill * 100)))
    assert.ok(answered.length > before, 'the run did some work')
    const store = await openSqlite(t, file)
    const anchor = await store.anchor(anchorKey, { needed: true, mode: 'look' })
    assert.equal(anchor.state, 'agrees', JSON.stringify(anchor))
    await verify(store, answered)
    await store.close()
  }
})

/** Kills the process when it has given so many answers; returns all its answers. */
async function runAndKill(file: string, answers: number): Promise<string[]> {
  const running = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', child, 'commit', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(running, 'exit')
  const lines: string[] = []
  for await (const line of createInterface({ input: running.stdout })) {
    if (line !== 'open') lines.push(line)
    if (lines.length === answers) running.kill('SIGKILL')
  }
  assert.deepEqual(await ended, [null, 'SIGKILL'], lines.join('\n'))
  return lines
}

async function verify(store: Store, answered: readonly string[]): Promise<void> {
  const entries = await allEntries(store, { order: 'oldest', limit: 1_000 })
  const acts = new Set(entries.map(({ body }) => act(body)))
  for (const [writer, own] of Map.groupBy(entries, ({ writer }) => writer)) {
    const head = verifyChain(own)
    const { heads } = await store.auditHeads()
    assert.deepEqual(
      heads.filter((other) => other.writer === writer).map(({ number, hash }) => [number, hash]),
      [[head.number, head.hash]],
    )
  }
  for (const line of answered) {
    const [what = '', id = ''] = line.split(' ')
    const found = await store.object('instance-1', id)
    assert.ok(found, `${line}, but the object is gone`)
    assert.equal(Buffer.from(found.sealed ?? []).toString(), `sealed material of ${id}`)
    if (what === 'activated') assert.equal(found.state, 'Active')
    if (what === 'fetched') assert.notEqual(found.lastFetchedMs, null)
    assert.ok(acts.has(`${what} ${id}`), `${line}, but the entry is gone`)
  }
  await verifyWhole(store, entries, acts)
}

/** Also what was not answered is there with its entry or not at all. */
async function verifyWhole(store: Store, entries: readonly StoredAuditEntry[], acts: ReadonlySet<string>) {
  let objects = 0
  let beforeSequence: number | undefined
  for (;;) {
    const page = await store.objects({
      instanceId: 'instance-1',
      limit: 500,
      ...(beforeSequence !== undefined && { beforeSequence }),
    })
    for (const { uniqueIdentifier: id, state, lastFetchedMs } of page) {
      assert.ok(acts.has(`created ${id}`))
      assert.equal(acts.has(`activated ${id}`), state === 'Active')
      assert.equal(acts.has(`fetched ${id}`), lastFetchedMs !== null)
    }
    objects += page.length
    beforeSequence = page.at(-1)?.sequence
    if (beforeSequence === undefined) break
  }
  const created = entries.filter(({ body }) => JSON.parse(body).action === 'key.create')
  assert.equal(created.length, objects)
  const counts = await store.objectCounts('instance-1', 0)
  assert.equal((counts['Active'] ?? 0) + (counts['PreActive'] ?? 0), objects)
}

function act(body: string): string {
  const { action, object } = JSON.parse(body) as { action: string; object: string }
  const words: Record<string, string> = {
    'key.create': 'created',
    'key.get': 'fetched',
    'key.activate': 'activated',
  }
  return `${words[action]} ${object}`
}
