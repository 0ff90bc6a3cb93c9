// The report of an adoption stays small, whatever the old server says.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdoptionTally } from '../../../src/features/adopt/report.ts'
import { adoptReportedCharactersMax, adoptReportedMax } from '../../../src/features/adopt/report.ts'

test('a list counts all, and names some of them, with the beginning of a long reason', () => {
  const tally = new AdoptionTally()
  const most = adoptReportedMax
  const characters = adoptReportedCharactersMax
  for (let n = 0; n <= most; n++) tally.list('withoutAttributes', `key-${n}`, 'x'.repeat(characters + 1))
  const about = { server: 'old:5696', version: '1.4', dryRun: false, objects: most + 1 }
  const { count, items } = tally.report(about, false).withoutAttributes
  assert.deepEqual([count, items.length], [most + 1, most])
  assert.deepEqual(items.at(-1), { id: `key-${most - 1}`, why: 'x'.repeat(characters) })
})
