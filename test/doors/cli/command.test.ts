// Values of flags as people write them: lengths of time, numbers and sizes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteSize, duration, oneOfWords, wholeNumber } from '../../../src/doors/cli/command.ts'
import { durationText } from '../../../src/doors/cli/text/amounts.ts'
import { UsageError } from '../../../src/doors/cli/world.ts'

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

function saidOf(read: () => unknown): string {
  try {
    return JSON.stringify(read())
  } catch (error) {
    return error instanceof UsageError ? error.message : String(error)
  }
}

test('what is no number or size is refused in words that fit it', () => {
  assert.equal(
    saidOf(() => wholeNumber('--n', '-1')),
    '--n takes a whole number, not -1',
  )
  assert.equal(
    saidOf(() => wholeNumber('--n', ' ')),
    '--n is empty: it takes a whole number',
  )
  assert.equal(
    saidOf(() => wholeNumber('--n', '1234567890')),
    '--n takes a whole number of at most 9 digits, not 1234567890',
  )
  assert.equal(
    saidOf(() => byteSize('--b', '')),
    '--b is empty: it takes a size such as 500MiB or 4GiB',
  )
  assert.equal(
    saidOf(() => oneOfWords('--o', '', ['yes', 'no'])),
    '--o is empty: it takes yes or no',
  )
})
