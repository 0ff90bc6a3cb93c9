// Work whose result several callers share.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JointRuns } from '../../src/base/joint-runs.ts'

test('one run at a time; calls during a run share the next one, and a failure is that of its run alone', async () => {
  const begun: PromiseWithResolvers<number>[] = []
  const runs = new JointRuns(() => {
    const run = Promise.withResolvers<number>()
    begun.push(run)
    return run.promise
  })
  const first = runs.next()
  await Promise.resolve()
  const [second, third] = [runs.next(), runs.next()]
  assert.equal(begun.length, 1)
  begun[0]?.reject(new Error('lost'))
  await assert.rejects(first, /lost/)
  assert.equal(second, third)
  await new Promise(setImmediate)
  begun[1]?.resolve(2)
  assert.equal(await second, 2)
  assert.equal(begun.length, 2)
})
