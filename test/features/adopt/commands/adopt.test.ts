// A long list of identifiers is adopted part by part: who interrupts the command stops it, whatever it does at that moment.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adoptParts } from '../../../../src/features/adopt/commands/adopt.ts'
import type { ShownAdoptionReport } from '../../../../src/features/adopt/commands/adopt-text.ts'

const none = { count: 0, items: [] }
const report: ShownAdoptionReport = {
  server: 'old:5696',
  version: '1.4',
  dryRun: false,
  objects: 1,
  adopted: 1,
  updated: 0,
  unchanged: 0,
  conflicts: none,
  sharedNames: none,
  notStored: none,
  notStoredTypes: {},
  notExported: none,
  withoutAttributes: none,
  notChecked: none,
  unchecked: 0,
  verified: null,
}

async function adopted(interruptAt: number) {
  const begun: number[] = []
  let said = ''
  const whole = await adoptParts({ stderr: { write: (text) => (said += text) } }, [0, 1, 2], async (part) => {
    begun.push(part)
    if (part === interruptAt) process.emit('SIGINT')
    return report
  })
  return { begun, said, objects: whole?.objects }
}

test('who interrupts it just as a part ends begins no further part', async () => {
  const { begun, said, objects } = await adopted(1)
  assert.deepEqual([begun, objects], [[0, 1], undefined])
  assert.match(said, /This is part 2 of 3 .* give the same command again/)
  assert.equal(process.listenerCount('SIGINT'), 0)
})

test('where all parts are done, an interruption takes nothing back', async () => {
  for (const at of [2, -1]) assert.deepEqual(await adopted(at), { begun: [0, 1, 2], said: '', objects: 3 })
})
