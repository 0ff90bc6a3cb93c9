// The vectors of the project Wycheproof (github.com/C2SP/wycheproof), of which Mortise ships no copy: what they call valid is
// computed as they say, and what they call invalid is refused. Set MORTISE_TEST_WYCHEPROOF to the folder testvectors_v1.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { play, type Outcome } from './wycheproof.ts'

const folder = process.env['MORTISE_TEST_WYCHEPROOF']
if (folder === undefined) {
  process.stderr.write('No test with the vectors of Wycheproof: MORTISE_TEST_WYCHEPROOF names no folder.\n')
} else {
  test('the vectors of Wycheproof', () => {
    const counts: Record<Outcome, number> = { accepted: 0, refused: 0, other: 0, 'not offered': 0 }
    const wrong: string[] = []
    for (const { file, id, expected, outcome } of play(folder)) {
      counts[outcome] += 1
      // A wrong PKCS#1 v1.5 padding gives other bytes, so that nobody learns from an error.
      const hides = outcome === 'other' && /^rsa_pkcs1_\d+$/.test(file)
      if (expected === 'valid' && (outcome === 'refused' || outcome === 'other')) wrong.push(`valid: ${id}`)
      if (expected === 'invalid' && outcome !== 'refused' && outcome !== 'not offered' && !hides)
        wrong.push(`invalid: ${id}`)
      if (expected === 'acceptable' && outcome === 'other')
        wrong.push(`acceptable, with another result: ${id}`)
    }
    process.stderr.write(`Wycheproof: ${JSON.stringify(counts)}\n`)
    assert.deepEqual(wrong, [])
    assert.ok(counts.accepted > 10_000 && counts.refused > 10_000, 'the folder holds less than it should')
  })
}
