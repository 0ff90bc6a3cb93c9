// Refusals of unknown peers in the audit: one entry for each certificate and minute, ten of a subnet, a hundred in all,
// and one that counts the rest.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { minuteQuotaMax, minuteQuotaPerGroupMax } from '../../src/core/audit/minute-quota.ts'
import { makeCertificate } from '../support/certificates/certificates.ts'
import { openTalk, reasons } from '../support/clients/kmip-talk.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { until } from '../support/time/until.ts'

interface Entry {
  readonly action: string
  readonly actor: { readonly address: string | null; readonly certificateSha256: string | null }
  readonly detail: Readonly<Record<string, unknown>> | null
}

/** Once there are so many: a refusal is entered beside its answer. */
async function refusals(server: EmbeddedServer, least: number): Promise<readonly Entry[]> {
  const flags = ['--action', 'kmip.refused', '--limit', '10000']
  let entries: readonly Entry[] = []
  await until(async () => {
    entries = (await server.json('audit', 'list', ...flags)) as Entry[]
    return entries.length >= least
  }, `${least} entries of refusals`)
  return entries
}

/** Each with a certificate of its own. */
async function connectAsStrangers(server: EmbeddedServer, from: string, times: number): Promise<void> {
  const one = async () => {
    const { tls } = await makeCertificate({ key: 'ec', ownKey: true })
    const talk = await openTalk({ ...server.kmip, from, tls })
    assert.equal((await talk.get('any')).reason, reasons.AuthenticationNotSuccessful)
    talk.close()
  }
  await Promise.all(Array.from({ length: times }, one))
}

test('a flood of strangers makes few entries, and is counted', async () => {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-flood-'))
  try {
    await using server = await startEmbedded({ data })
    await connectAsStrangers(server, '127.0.0.2', 30)
    await connectAsStrangers(server, '127.0.0.3', 2)
    const of = (entries: readonly Entry[], address: string) =>
      entries.filter(({ actor }) => actor.address === address)
    const first = await refusals(server, minuteQuotaPerGroupMax + 2)
    assert.equal(of(first, '127.0.0.2').length, minuteQuotaPerGroupMax)
    assert.equal(of(first, '127.0.0.3').length, 2)
    const others = Array.from({ length: 12 }, (_, index) => `127.0.0.${index + 4}`)
    await Promise.all(others.map((from) => connectAsStrangers(server, from, 11)))
    assert.equal((await refusals(server, minuteQuotaMax)).length, minuteQuotaMax)
    await server.stop()

    await using again = await startEmbedded({ data })
    const all = await refusals(again, minuteQuotaMax + 1)
    const counts = all.filter(({ detail }) => detail?.['why'] === 'left out')
    assert.equal(all.length - counts.length, minuteQuotaMax)
    assert.equal(counts.length, 1)
    const { refusals: leftOut, subnets, most, peers } = counts[0]?.detail ?? {}
    assert.deepEqual([leftOut, peers], [30 + 2 + 12 * 11 - minuteQuotaMax, 'unknown'])
    assert.ok(Number(subnets) >= 4)
    assert.match(String(most), /^127\.0\.0\.2: 20, /)
    assert.deepEqual(counts[0]?.actor.address, null)
    await again.json('audit', 'verify')
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
})
