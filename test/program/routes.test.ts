// Each role may use its routes and no others: attempts made from the route table, so that a new route is tried without anyone thinking
// of it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { routes } from '../../src/program/routes.ts'
import { errorAnswer } from '../../src/doors/http/error-answer.ts'
import { none, roles, type RouteRole, type Route } from '../../src/doors/http/route.ts'
import { startDoor, type TestDoor } from '../support/server/admin-door.ts'
import type { Answer } from '../support/clients/https.ts'

let door: TestDoor
before(async () => {
  door = await startDoor()
})
after(() => door.close())

const table: [string, Route][] = Object.entries(routes)

/** A path of the route with these things in it. */
function pathOf({ path }: Route, instance: string): string {
  return path.replace('{instance}', instance).replaceAll(/\{\w+\}/g, 'none-such')
}

/** What would succeed with nothing asked, and take away what the other attempts need. */
const harmless: Partial<Record<string, string>> = { [routes.deleteInstance.summary]: '?shred=not-its-name' }

async function attempt(line: Route, instance: string, token: string | undefined): Promise<Answer> {
  const body = line.body === none ? undefined : {}
  return door.ask(line.method.toUpperCase(), pathOf(line, instance) + (harmless[line.summary] ?? ''), {
    ...(token !== undefined && { token }),
    ...(body && { body }),
  })
}

function codeOf(answer: Answer): string {
  return errorAnswer.parse(answer.json).error.code
}

/** What a request that was let in comes to, with an empty body and things that are not there. */
const letIn = new Set([200, 201, 400, 404, 422])

test('without a valid token every route but the public ones answers 401 and nothing else', async () => {
  const stale = await door.token('manager', undefined, Date.now() - 1)
  for (const [name, line] of table) {
    for (const token of [undefined, 'x', `mortise_${'A'.repeat(43)}`, stale]) {
      const answer = await attempt(line, 'red', token)
      // A body must prove what a token would; and no identity provider is configured here.
      const open = name === 'beginDeviceLogin' ? 422 : line.body === none ? 200 : 400
      if (line.scope === 'public') assert.equal(answer.status, open, name)
      else {
        assert.equal(answer.status, 401, name)
        assert.equal(codeOf(answer), 'unauthenticated')
        assert.equal(answer.headers['www-authenticate'], 'Bearer')
      }
    }
  }
})

for (const held of roles) {
  test(`a ${held} is let in where that role is enough, and nowhere else`, async () => {
    const token = await door.token(held)
    for (const [name, line] of table) {
      if (line.scope === 'public') continue
      const answer = await attempt(line, 'red', token)
      if (rank(held) >= rank(line.role))
        assert(letIn.has(answer.status), `${name}: ${answer.status} ${answer.text}`)
      else {
        assert.equal(answer.status, 403, name)
        assert.match(answer.text, new RegExp(`needs the role ${line.role}`))
      }
    }
  })
}

const rank = (role: RouteRole): number => roles.indexOf(role)

test('a token of one instance is told of another exactly what it is told of one that does not exist', async () => {
  const token = await door.token('manager', door.blue)
  for (const [name, line] of table) {
    if (line.scope !== 'instance') continue
    for (const asked of [door.red.name, door.red.id]) {
      const other = await attempt(line, asked, token)
      const missing = await attempt(line, 'no-such', token)
      assert.equal(other.status, 404, name)
      assert.equal(stripped(other, asked), stripped(missing, 'no-such'), name)
    }
    assert(letIn.has((await attempt(line, door.blue.name, token)).status), name)
  }
})

function stripped({ text }: Answer, asked: string): string {
  return text.replaceAll(asked, 'X').replace(/"requestId":"[^"]+"/, '')
}

test('a token of one instance is not let into what concerns all', async () => {
  const token = await door.token('manager', door.blue)
  for (const [name, line] of table) {
    if (line.scope !== 'server') continue
    const answer = await attempt(line, 'blue', token)
    assert.equal(answer.status, 403, name)
    assert.match(answer.text, /token for all instances/)
  }
})

test('lists for any token show only what is its own', async () => {
  const { json } = await door.ask('GET', '/api/v1/instances', {
    token: await door.token('viewer', door.blue),
  })
  assert.deepEqual(
    (json as { name: string }[]).map(({ name }) => name),
    ['blue'],
  )
  const all = await door.ask('GET', '/api/v1/instances', { token: await door.token('viewer') })
  assert.deepEqual((all.json as { name: string }[]).map(({ name }) => name).toSorted(), ['blue', 'red'])
})

test('the description names every route with its role, and every answer that it gives', async () => {
  const answer = await door.ask('GET', '/api/openapi.json')
  const document = answer.json as {
    openapi: string
    paths: Record<string, Record<string, { description: string; security?: unknown; responses: object }>>
    components: { securitySchemes: { bearer: object } }
  }
  assert.equal(document.openapi, '3.1.0')
  assert(document.components.securitySchemes.bearer)
  assert.equal(Object.values(document.paths).flatMap((methods) => Object.keys(methods)).length, table.length)
  for (const [name, line] of table) {
    const described = document.paths[line.path]?.[line.method]
    assert(described, name)
    assert.equal(described.security === undefined, line.scope === 'public', name)
    if (line.scope !== 'public') assert.match(described.description, new RegExp(`role ${line.role}`), name)
    // An act may wait for a second person.
    const statuses = [String(line.status), ...(line.guarded ? ['202'] : [])].toSorted()
    assert.deepEqual(Object.keys(described.responses), [...statuses, 'default'], name)
  }
})

test('no attempt of this file ended in an error of the server', () => {
  assert.deepEqual(door.bugs, [])
})
