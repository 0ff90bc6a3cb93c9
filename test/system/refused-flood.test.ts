// A client that may only Get asks for a thousand Destroys, alone and in batches with Undo: few entries say so, and one counts the
// rest.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { refusalEntryEveryMs } from '../../src/base/bounds.ts'
import { refusalsEnteredMax } from '../../src/core/audit/repeated-refusals.ts'
import { openTalk, reasons } from '../support/clients/kmip-talk.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'

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

/** Each entry is one refusal, or counts several. */
function countOf(refused: readonly Entry[]): number {
  return refused.reduce((sum, { detail }) => sum + Number(detail?.['refusals'] ?? 1), 0)
}

test('a thousand refused Destroys make 21 entries a minute, and a stop loses none of the count', async () => {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-refused-'))
  try {
    await using server = await startEmbedded({ data })
    const sinceMs = performance.now()
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
    assert.ok(all.every(({ result, reason }) => result === 'refused' && reason === 'PermissionDenied'))
    assert.equal(countOf(all), destroys)
    const counting = all.filter(({ detail }) => detail !== null)
    const minutes = Math.ceil((performance.now() - sinceMs) / refusalEntryEveryMs)
    assert.ok(counting.length > 0 && counting.length <= minutes, `${counting.length} in ${minutes} minutes`)
    assert.ok(all.length <= minutes * (refusalsEnteredMax + 1), `${all.length} entries`)
    assert.equal(counting.at(-1)?.detail?.['first'], keys[0])
    assert.equal(all[0]?.detail?.['last'] ?? all[0]?.object, keys[2])
    const fetched = await entries(again, 'key.get')
    assert.equal(fetched.filter(({ result }) => result === 'success').length, gets)
    const refused = fetched.filter(({ result }) => result === 'refused')
    assert.ok(refused.every(({ object }) => object === 'no-such-key'))
    assert.equal(countOf(refused), gets)
    const shown = (await again.cli('audit', 'list', '--action', 'key.destroy')).stdout
    const times = String(counting[0]?.detail?.['refusals'])
    assert.ok(shown.includes(`refused: PermissionDenied, ${times} time`), shown)
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
