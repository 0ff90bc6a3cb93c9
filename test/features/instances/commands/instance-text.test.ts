// What people read of an instance: in one column, with a handful of identifiers, and true while it is on its way.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Output } from '../../../../src/doors/http/route.ts'
import { examples } from '../../../support/server/examples.ts'
import { upstreamCommands } from '../../../../src/features/adopt/commands/instance-upstream.ts'
import { instanceDetails } from '../../../../src/features/instances/commands/instance-text.ts'
import { shortTime } from '../../../../src/doors/cli/text/time.ts'
import type { instanceRoutes } from '../../../../src/features/instances/routes.ts'

type Details = Output<typeof instanceRoutes.showInstance>

const still: Details = {
  ...examples.showInstance.answer,
  custody: 'keyprotect',
  countedAs: 'key',
  work: null,
}
const moved: Details['work'] = {
  id: 'w',
  kind: 'move',
  from: { rootKey: 'file:old.key', custody: 'database', leavesStandardKeys: false },
  started: '2026-03-01T12:00:00.000Z',
  done: 3,
  total: 11,
  trouble: null,
  node: null,
}
const notRecoverable = (count: number) => {
  return { count, ids: Array.from({ length: Math.min(count, 100) }, (_, index) => `id-${index}`) }
}
/** Values by label, in their order; of a label that goes on, one value a line. */
function read(details: Details): Map<string, string[]> {
  const found = new Map<string, string[]>()
  let label = ''
  for (const line of instanceDetails(details, upstreamCommands.rows).trimEnd().split('\n')) {
    const parts = /^(?<label>[^: ][^:]*:|) +(?<value>\S.*)$/.exec(line)?.groups
    assert.ok(parts?.['value'], line)
    assert.equal(line.indexOf(parts['value']), 'Expired certificates:'.length + 2, line)
    if (parts['label'] !== '') label = parts['label'] ?? ''
    found.set(label, [...(found.get(label) ?? []), parts['value']])
  }
  return found
}

test('all stands in the same columns, and numbers have the noun that they need', () => {
  const one = { version: 'v', newest: true, count: 1 }
  const two = { version: 'u', newest: false, count: 2 }
  assert.deepEqual(read({ ...still, keyVersions: [one, two] }).get('Root key version:'), [
    'v, the newest: 1 key',
    'u, an older one: 2 keys',
  ])
  assert.deepEqual(
    read({ ...still, custody: 'database', countedAs: 'data key', keyVersions: [one] }).get(
      'Root key version:',
    ),
    ['v, the newest: 1 data key'],
  )
})

test('what Key Protect does not bring back is named: a handful, one a line, and where the rest is told', () => {
  assert.equal(read(still).get('Not recoverable:'), undefined)
  const lines = (count: number) =>
    read({ ...still, name: 'prod', notRecoverable: notRecoverable(count) }).get('Not recoverable:') ?? []
  assert.match(lines(1).join(' '), /^1 key, empty or too large .* does not bring back: id-0$/)
  assert.equal(lines(5).at(-1), 'id-4')
  assert.deepEqual(lines(7).slice(-2), ['id-4', 'and 2 more (all: mortise instance show prod --json)'])
  assert.equal(lines(340).at(-1), 'and 335 more (the first 100: mortise instance show prod --json)')
})

test('on its way: from where to where, how far, and no key is said to stay behind that is to be moved', () => {
  const shown = read({ ...still, rootKey: 'hpcs://h/i/k', work: moved, notRecoverable: notRecoverable(40) })
  assert.deepEqual(shown.get('Being:'), [
    `moved since ${shortTime('2026-03-01T12:00:00.000Z')}, 3 of 11 done`,
  ])
  assert.deepEqual(shown.get('From:'), ['file:old.key (custody database)'])
  assert.deepEqual(shown.get('To:'), ['hpcs://h/i/k (custody keyprotect)'])
  const lines = shown.get('Not recoverable:')?.join(' ') ?? ''
  assert.match(lines, /^40 keys so far: .* what is not moved yet, and what is empty or too large/)
  assert.doesNotMatch(lines, /id-/)
  const begun = read({ ...still, work: { ...moved, done: null, total: null, trouble: 'it is away' } })
  assert.deepEqual(begun.get('Being:'), [`moved since ${shortTime('2026-03-01T12:00:00.000Z')}`])
  assert.deepEqual(begun.get('Trouble:'), ['it is away. The server tries again by itself'])
  const there = read({ ...still, work: { ...moved, done: null, total: null, node: 'kms-2' } })
  assert.match(there.get('Being:')?.[0] ?? '', /, by the node kms-2, which knows how far it is$/)
  const rewrapped = read({ ...still, work: { ...moved, kind: 'rewrap' } })
  assert.deepEqual(
    [rewrapped.get('Being:')?.[0]?.slice(0, 9), rewrapped.get('To:')],
    ['rewrapped', undefined],
  )
})
