// Values of flags as people write them: lengths of time.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { duration } from '../../src/cli/command.ts'
import { durationText } from '../../src/cli/instance/instance-text.ts'
import { UsageError } from '../../src/cli/world.ts'

test('a length of time is read with its unit, and said in the largest that fits', () => {
  const read = { '0': 0, '00': 0, '90s': 90, '90m': 5_400, '12h': 43_200, '7d': 604_800, '2w': 1_209_600 }
  for (const [text, seconds] of Object.entries(read)) assert.equal(duration('--x', text), seconds, text)
  const said = { 45: '45 s', 60: '1 minute', 5_400: '90 minutes', 43_200: '12 hours', 604_800: '7 days' }
  for (const [seconds, text] of Object.entries(said)) assert.equal(durationText(Number(seconds)), text)
})

test('what is no length of time is refused with an example', () => {
  for (const text of ['', '7', 'd', '-7d', '1.5d', '7 days', '7y', '1234567d', '7dd'])
    assert.throws(
      () => duration('--destroy-delay', text),
      (error: unknown) => error instanceof UsageError && /--destroy-delay .*7d/.test(error.message),
      text,
    )
})
