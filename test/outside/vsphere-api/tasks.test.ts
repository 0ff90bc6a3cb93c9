// Tasks: the end of one that succeeds, fails, is forgotten or never ends, in bounded time.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { VsphereError, type VsphereErrorKind } from '../../../src/outside/vsphere-api/errors.ts'
import { openSession } from '../../../src/outside/vsphere-api/session.ts'
import { taskResult } from '../../../src/outside/vsphere-api/tasks.ts'
import { failsInTime } from '../../support/time/passing-time.ts'
import { answer, ApiServer } from './api-server.ts'

const task = { type: 'Task', id: 'task-1' }
const wait = { method: 'Do_Task', withinMs: 60_000 }

function info(fields: string): string {
  return `<returnval><objects><obj type="Task">task-1</obj><propSet><name>info</name><val xsi:type="TaskInfo">${fields}</val></propSet></objects></returnval>`
}

/** A vCenter whose task is seen so, one look after the other; the last one stays. A sleep is over at once. */
async function site(t: TestContext, ...looks: readonly string[]) {
  let count = 0
  const server = await ApiServer.start(t, {
    RetrievePropertiesEx: (response, { name }) =>
      response.end(answer(name, looks[Math.min(count++, looks.length - 1)] ?? '')),
  })
  const session = await openSession(server.connect(t), { user: 'u', password: Buffer.from('p') })
  server.clock.passedSleepMs = 10_000
  return { server, session, looks: () => count }
}

function isError(kind: VsphereErrorKind, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof VsphereError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, message)
    return true
  }
}

const running = info('<state>running</state>')

test('a task is looked at until it has ended, and its result is returned', async (t) => {
  const done = info('<state>success</state><result xsi:type="xsd:string" xmlns:xsd="urn:x">r</result>')
  const { server, session, looks } = await site(t, info('<state>queued</state>'), running, running, done)
  assert.equal((await taskResult(session, task, wait))?.text, 'r')
  assert.equal(looks(), 4)
  assert.match(
    server.calls.at(-1)?.body ?? '',
    /<specSet><propSet><type>Task<\/type><pathSet>info<\/pathSet><\/propSet><objectSet><obj type="Task">task-1<\/obj><\/objectSet><\/specSet><options><\/options>/,
  )
  const silent = await site(t, info('<state>success</state>'))
  assert.equal(await taskResult(silent.session, task, wait), undefined)
})

test('a task that fails has the fault and the words of vCenter', async (t) => {
  const fault =
    '<error><fault xsi:type="NoPermission"><privilegeId>A.B</privilegeId></fault><localizedMessage>Not\nallowed.</localizedMessage></error>'
  const { session } = await site(t, running, info(`<state>error</state>${fault}`))
  await assert.rejects(
    taskResult(session, task, wait),
    isError('privilege', /^vCenter refuses Do_Task: NoPermission: Not allowed\. \(the user lacks A\.B\)$/),
  )
})

test('a task that may not be read, or whose state is unknown, is an error at once', async (t) => {
  const missing =
    '<returnval><objects><missingSet><path>info</path><fault><fault xsi:type="NotAuthenticated"/><localizedMessage>no</localizedMessage></fault></missingSet></objects></returnval>'
  for (const [look, kind, message] of [
    [missing, 'login', /RetrievePropertiesEx: NotAuthenticated: no/],
    ['', 'answer', /lacks info/],
    [info(''), 'answer', /lacks info\.state/],
    [info('<state>other</state>'), 'answer', /lacks info\.state/],
  ] as const) {
    const { session, looks } = await site(t, look)
    await assert.rejects(taskResult(session, task, wait), isError(kind, message))
    assert.equal(looks(), 1)
  }
})

test('a task that does not end is given up in time, after a bounded number of looks', async (t) => {
  const { server, session, looks } = await site(t, running)
  const beganMs = server.clock.monotonic()
  await assert.rejects(
    taskResult(session, task, wait),
    isError('answer', /has not ended the task of Do_Task within 60 s/),
  )
  assert.equal(server.clock.monotonic() - beganMs, 60_000)
  assert.ok(looks() > 30 && looks() < 40, String(looks()))
})

test('an abort ends the waiting for a task, also between two looks', async (t) => {
  const { server, session } = await site(t, running)
  server.clock.passedSleepMs = 0
  const abort = new AbortController()
  const reason = new Error('no longer wanted')
  const work = taskResult(session, task, { ...wait, signal: abort.signal })
  server.replies = {
    ...server.replies,
    RetrievePropertiesEx: (response, { name }) => {
      response.end(answer(name, running))
      setImmediate(() => abort.abort(reason))
    },
  }
  assert.equal(await failsInTime(server.clock, work), reason)
})
