// A client that may only Get asks for a thousand Destroys, alone and in batches with Undo: few entries say so, and one counts the
// rest.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { limits } from '../../src/limits.ts'
import { openTalk, reasons } from '../support/kmip-talk.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server.ts'

interface Entry {
  readonly object: string | null
  readonly result: string
  readonly reason: string | null
  readonly detail: Readonly<Record<string, unknown>> | null
}

const destroys = 1_000
const gets = 30

async function entries(server: EmbeddedServer, action: string): Promise<readonly Entry[]> {
  return (await server.json('audit', 'list', '--action', action, '--limit', '10000')) as Entry[]
}

test('a thousand refused Destroys make 21 entries, and a stop loses none of the count', async () => {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-refused-'))
  try {
    await using server = await startEmbedded({ data })
    const owner = await server.issue('owner')
    const { tls } = await server.issue('reader')
    await server.json('client', 'set', 'reader', '--allow', 'Get')
    const owning = await openTalk({ ...server.kmip, ...owner })
    const keys = [await owning.create(), await owning.create(), await owning.create()] as const
    owning.close()
    const talk = await openTalk({ ...server.kmip, tls })
    for (let n = 0; n < destroys; n++) {
      const answer = await talk.destroy(keys[n < destroys / 2 ? 0 : n < destroys - 1 ? 1 : 2])
      assert.equal(answer.reason, reasons.PermissionDenied)
    }
    for (let n = 0; n < gets; n++) {
      assert.ok((await talk.get(keys[0])).ok)
      assert.equal((await talk.get('no-such-key')).reason, reasons.ItemNotFound)
    }
    talk.close()
    await server.stop()

    await using again = await startEmbedded({ data })
    const all = await entries(again, 'key.destroy')
    assert.equal(all.length, limits.refusalsEnteredMax + 1)
    assert.ok(all.every(({ result, reason }) => result === 'refused' && reason === 'PermissionDenied'))
    const [counting, ...others] = all.filter(({ detail }) => detail !== null)
    assert.deepEqual(others, [])
    const { refusals, first, last, why } = counting?.detail ?? {}
    const wanted = [destroys - limits.refusalsEnteredMax, keys[0], keys[2], 'left out']
    assert.deepEqual([refusals, first, last, why], wanted)
    assert.equal(counting?.object, null)
    const fetched = await entries(again, 'key.get')
    assert.equal(fetched.filter(({ result }) => result === 'success').length, gets)
    const refused = fetched.filter(({ result }) => result === 'refused')
    assert.ok(refused.every(({ object }) => object === 'no-such-key'))
    const counts = refused.map(({ detail }) => Number(detail?.['refusals'] ?? 1))
    assert.equal(counts.length, limits.refusalsEnteredMax + 1)
    assert.equal(Math.max(...counts), gets - limits.refusalsEnteredMax)
    const shown = (await again.cli('audit', 'list', '--action', 'key.destroy')).stdout
    assert.match(
      shown,
      new RegExp(`refused: PermissionDenied, ${destroys - limits.refusalsEnteredMax} times`),
    )
    const { fetchedBy } = (await again.json('report', '--from', '-1h')) as {
      fetchedBy: readonly { by: string; times: number; refused: number }[]
    }
    assert.deepEqual(
      fetchedBy.map(({ by, times, refused: count }) => [by, times, count]),
      [['client reader', gets, gets]],
    )
    const proof = (await again.json('audit', 'verify')) as { ok: boolean }
    assert.equal(proof.ok, true)
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
})
