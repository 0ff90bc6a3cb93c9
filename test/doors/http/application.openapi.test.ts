// The description of the API is read from the disk when somebody first asks for it, and a disk that fails then fails once.
// Runs in a process of its own: elsewhere another test may have loaded the description before.

import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { after, test } from 'node:test'
import { startDoor } from '../../support/admin-door.ts'

const failures: unknown[] = []
const hooks = registerHooks({
  load(url, context, next) {
    if (!url.endsWith('/src/doors/http/openapi.ts') || failures.length > 0) return next(url, context)
    const error = Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    failures.push(error)
    throw error
  },
})
after(() => hooks.deregister())

test('a description that could not be read is read again', async () => {
  const door = await startDoor()
  try {
    assert.equal((await door.ask('GET', '/api/openapi.json')).status, 500)
    assert.equal(failures.length, 1)
    assert.equal((await door.ask('GET', '/api/openapi.json')).status, 200)
  } finally {
    door.bugs.length = 0
    await door.close()
  }
})
