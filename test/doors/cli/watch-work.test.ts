// A command that watches long work counts each step in its own words, stops when the work ends, and on Ctrl-C leaves it to
// the server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdminUnreachable } from '../../../src/doors/http/client.ts'
import { Refusal } from '../../../src/base/refusal.ts'
import { interruptible, pause, untilEnded, type ShownWork } from '../../../src/doors/cli/watch-work.ts'

const steps = { list: 'objects found', adopt: 'objects read' }
const running = { state: 'running', step: 'list', done: 0, total: 2, trouble: null } as const
type Work = ShownWork & { readonly step: keyof typeof steps }

const gone = (error: Error) => new Error(`gone: ${error.message}`)

function watching(looks: (() => Work)[]) {
  const said: string[] = []
  const stderr = { write: (text: string) => void said.push(text) }
  const look = async () => {
    const next = looks.shift()
    assert.ok(next, 'it looked once more after the end')
    return next()
  }
  return { said, options: { stderr, steps, everyMs: 1, look, gone } }
}

test('each step is counted in its own words, up to the end', async () => {
  const { said, options } = watching([
    () => ({ ...running, done: 1, trouble: 'the old server does not answer' }),
    () => ({ ...running, step: 'adopt', done: 0 }),
    () => ({ ...running, step: 'adopt', state: 'failed', done: 1 }),
  ])
  const last = await untilEnded<Work>(running, options)
  assert.deepEqual([last.state, last.done], ['failed', 1])
  assert.deepEqual(said, [
    '0 of 2 objects found\n',
    'Waiting: the old server does not answer\n',
    '2 of 2 objects found\n',
    '0 of 2 objects read\n',
  ])
})

function failing(message: string, code?: string): () => never {
  return () => {
    throw new AdminUnreachable(message, code)
  }
}

function refusing(code: 'unavailable' | 'not-found'): () => never {
  return () => {
    throw new Refusal(code, 'the store cannot be used')
  }
}

test('a server whose store is away goes on with the work, and so does the watching; any other refusal ends it', async (t) => {
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  const { said, options } = watching([
    refusing('unavailable'),
    () => {
      nowMs += 3_600_000
      return refusing('unavailable')()
    },
    () => ({ ...running, step: 'adopt', state: 'done', done: 2 }),
  ])
  assert.equal((await untilEnded<Work>(running, options)).state, 'done')
  assert.deepEqual(said.slice(-3), [
    'Waiting: the store cannot be used\n',
    '2 of 2 objects found\n',
    '2 of 2 objects read\n',
  ])
  await assert.rejects(untilEnded<Work>(running, watching([refusing('not-found')]).options), Refusal)
})

test('a connection that breaks does not end the watching; a server that is not there any more does', async () => {
  const { said, options } = watching([
    failing('socket hang up', 'ECONNRESET'),
    () => ({ ...running, step: 'adopt', state: 'done', done: 2 }),
  ])
  const last = await untilEnded<Work>(running, options)
  assert.deepEqual([last.state, last.done], ['done', 2])
  assert.deepEqual(said.slice(-3), [
    'Waiting: the server does not answer: socket hang up\n',
    '2 of 2 objects found\n',
    '2 of 2 objects read\n',
  ])
  const ended = watching([failing('socket hang up', 'ECONNRESET'), failing('no server', 'ECONNREFUSED')])
  await assert.rejects(untilEnded<Work>(running, ended.options), /^Error: gone: no server$/)
})

test('Ctrl-C ends the watching, not the work', async () => {
  const { options } = watching([
    () => {
      process.emit('SIGINT')
      return { ...running, done: 1 }
    },
  ])
  const last = await untilEnded<Work>(running, options)
  assert.deepEqual([last.state, last.done], ['running', 1])
  assert.equal(process.listenerCount('SIGINT'), 0)
})

test('Ctrl-C ends a pause at once, and an error leaves no listener behind', async () => {
  await interruptible(async (interrupted) => {
    const pausing = pause(3600_000, interrupted)
    process.emit('SIGINT')
    await pausing
  })
  await assert.rejects(
    interruptible(() => Promise.reject(new Error('broken'))),
    /broken/,
  )
  assert.equal(process.listenerCount('SIGINT'), 0)
})
