import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readinessOfAll } from '../../../src/core/server/readiness-facts.ts'
import { quietReadiness } from '../../support/server/quiet-facts.ts'

test('trouble of any process is the node’s, and each thing is told once', () => {
  const closed = { instanceId: 'i', kind: 'object', id: 'k' } as const
  const troubled = {
    ...quietReadiness,
    degraded: new Map([['i', 'unreachable'] as const]),
    unknown: new Set(['j']),
    fromMemory: new Set(['i']),
    reasons: new Map([['i', 'of a worker']]),
    refused: 'the disk of a worker hangs',
    closed: [closed],
    altered: [closed],
  }
  const own = { ...quietReadiness, degraded: new Map([['j', 'failing'] as const]), closed: [closed] }
  const all = readinessOfAll(own, [troubled, troubled, quietReadiness], { serving: 3 })
  assert.deepEqual(all, {
    ...quietReadiness,
    degraded: new Map([
      ['i', 'unreachable'],
      ['j', 'failing'],
    ]),
    unknown: new Set(['j']),
    fromMemory: new Set(['i']),
    reasons: new Map([['i', 'of a worker']]),
    refused: 'the disk of a worker hangs',
    closed: [closed],
    altered: [closed],
  })
})

test('a node whose workers all ended is not ready', () => {
  const all = readinessOfAll(quietReadiness, [], { serving: 0 })
  assert.deepEqual([all.ready, all.reason], [false, 'no worker serves'])
  const own = { ...quietReadiness, ready: false, reason: 'the server stops' }
  assert.equal(readinessOfAll(own, [], { serving: 0 }).reason, 'the server stops')
  const refusing = { ...quietReadiness, reason: 'the disk is full' }
  const one = readinessOfAll(quietReadiness, [quietReadiness, refusing], { serving: 2 })
  assert.deepEqual([one.ready, one.reason], [true, 'the disk is full'])
})

test('a node none of whose workers can serve is not ready, and says why', () => {
  const lost = { ...quietReadiness, ready: false, reason: 'the store cannot be read' }
  const none = readinessOfAll(quietReadiness, [lost, lost], { serving: 2 })
  assert.deepEqual([none.ready, none.reason], [false, 'the store cannot be read'])
  const some = readinessOfAll(quietReadiness, [lost, quietReadiness], { serving: 2 })
  assert.deepEqual([some.ready, some.reason], [true, 'the store cannot be read'])
  const silent = readinessOfAll(quietReadiness, [], { serving: 2 })
  assert.equal(silent.ready, true)
})
