// Jobs that a request begins: one at a time at each place, looked at by their id, stopped with the server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../../../src/base/refusal.ts'
import { Jobs, serverStops } from '../../../src/doors/http/jobs.ts'

function open() {
  const failures: unknown[] = []
  const jobs = new Jobs<{ readonly who: string; readonly progress: number }, string>({
    busy: ({ who }) => new Refusal('conflict', `${who} runs`),
    refusalOf: (error, stops) => (error instanceof Refusal ? error : stops ? serverStops() : undefined),
    onFailure: (error) => failures.push(error),
  })
  return { jobs, failures }
}

/** The state of the job that runs or ran last at `red`, once it has ended. */
async function endOf(jobs: ReturnType<typeof open>['jobs']) {
  while (jobs.last('red')?.ended === null) await new Promise(setImmediate)
  return jobs.last('red')
}

test('one job runs at a time at each place, and is found by its id until another one comes', async () => {
  const { jobs } = open()
  const first = Promise.withResolvers<string>()
  let tell: ((progress: number) => void) | undefined
  const begun = jobs.begin('red', { who: 'first', progress: 0 }, ({ onProgress }) => {
    tell = onProgress
    return first.promise
  })
  assert.deepEqual([begun.who, begun.progress, begun.ended], ['first', 0, null])
  assert.throws(() => jobs.begin('red', { who: 'second', progress: 0 }, async () => ''), /first runs/)
  jobs.begin('blue', { who: 'other', progress: 0 }, async () => 'blue')
  tell?.(3)
  assert.equal(jobs.show('red', begun.id)?.progress, 3)
  assert.equal(jobs.show('blue', begun.id), undefined)
  first.resolve('done so')
  assert.deepEqual((await endOf(jobs))?.ended, { state: 'done', report: 'done so' })
  const next = jobs.begin('red', { who: 'next', progress: 0 }, async () => '')
  // Progress of a job that is over changes no later one.
  tell?.(7)
  assert.deepEqual([jobs.show('red', begun.id), jobs.show('red', next.id)?.progress], [undefined, 0])
})

test('a job that fails says why; what nobody foresaw is logged and answered without its words', async () => {
  const { jobs, failures } = open()
  const fails = async (error: Error) => {
    jobs.begin('red', { who: 'it', progress: 0 }, async () => {
      throw error
    })
    const ended = (await endOf(jobs))?.ended
    assert(ended?.state === 'failed')
    return ended.refusal
  }
  assert.equal((await fails(new Refusal('refused', 'not so'))).message, 'not so')
  assert.deepEqual(failures, [])
  const bug = new Error('a secret path')
  const { code, message } = await fails(bug)
  assert.deepEqual([code, message, failures], ['internal', 'something went wrong in the server', [bug]])
})

test('a stop aborts the jobs and waits for their end', async () => {
  const { jobs, failures } = open()
  for (const place of ['red', 'blue'])
    jobs.begin(place, { who: place, progress: 0 }, async ({ signal }) => {
      while (!signal.aborted) await new Promise(setImmediate)
      await new Promise(setImmediate)
      throw signal.reason
    })
  await jobs.stop()
  for (const place of ['red', 'blue']) {
    const ended = jobs.last(place)?.ended
    assert(ended?.state === 'failed')
    assert.deepEqual([ended.refusal.code, ended.refusal.message], ['unavailable', 'the server stops'])
  }
  assert.deepEqual(failures, [])
})
