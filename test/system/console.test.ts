// The console as a browser gets it from the server: its files and policy, and sessions in place of tokens.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { text } from 'node:stream/consumers'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

function ask(server: EmbeddedServer, at: string, bearer?: string, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }
    const asked = request(
      `${server.admin}${at}`,
      { method, headers, rejectUnauthorized: false },
      (answer) => {
        text(answer).then(
          (body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: body }),
          reject,
        )
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}

suite('the console', () => {
  let server: EmbeddedServer
  let token: string
  before(async () => {
    server = await startEmbedded()
    token = readFileSync(path.join(server.data, 'admin-token'), 'utf8').trim()
  })
  after(() => server[Symbol.asyncDispose]())

  test('a browser keeps the scripts and styles while they hold, and no page', async () => {
    const page = await ask(server, '/')
    assert.equal(page.headers['cache-control'], 'no-store')
    const [script = ''] = /\/assets\/[^"]+\.js/.exec(page.text) ?? []
    const { status, headers } = await ask(server, script)
    assert.equal(status, 200)
    assert.equal(headers['cache-control'], 'no-cache')
    assert.match(String(headers['etag']), /^W\/"/)
  })

  test('every address that is no API is the page, with a policy that lets it load only its own files', async () => {
    for (const at of ['/', '/keys?state=Active', '/keys/default/some%2Fkey']) {
      const { status, headers, text: page } = await ask(server, at)
      assert.equal(status, 200)
      assert.equal(headers['content-type'], 'text/html; charset=utf-8')
      const policy = String(headers['content-security-policy'])
      assert.match(policy, /default-src 'none'.*frame-ancestors 'none'.*require-trusted-types-for 'script'/)
      assert.doesNotMatch(policy, /unsafe/)
      assert.equal(headers['set-cookie'], undefined)
      for (const [, file = ''] of page.matchAll(/(?:src|href)="([^"]+)"/g)) {
        const { status: found, headers: its } = await ask(server, file)
        assert.equal(found, 200, file)
        assert.match(String(its['content-type']), /^text\/(?:javascript|css)/)
        assert.equal(its['x-content-type-options'], 'nosniff')
      }
    }
    for (const at of ['/api/v2/keys', '/assets/none.js', '/health/none', '/metrics/none'])
      assert.equal((await ask(server, at)).status, 404, at)
  })

  test('a session does what its token does, begins no other, and is over once it was ended', async () => {
    const begun = await ask(server, '/api/v1/session', token, 'POST')
    assert.equal(begun.status, 201)
    const { session, role, instance } = JSON.parse(begun.text) as Record<string, string>
    assert.deepEqual([role, instance], ['manager', null])
    assert.equal((await ask(server, '/api/v1/status', session)).status, 200)
    assert.equal((await ask(server, '/api/v1/session', session)).status, 200)
    assert.equal((await ask(server, '/api/v1/session', session, 'POST')).status, 422)
    assert.equal((await ask(server, '/api/v1/session', token)).status, 422)
    assert.equal((await ask(server, '/api/v1/session', session, 'DELETE')).status, 200)
    assert.equal((await ask(server, '/api/v1/status', session)).status, 401)
    const entries = (await server.json('audit', 'list', '--action', 'session.end')) as readonly object[]
    assert.equal(entries.length, 1)
  })

  test("a session of one instance sees no other, and its token's end is its own", async () => {
    await server.json('instance', 'create', 'other')
    const made = (await server.json(
      'token',
      'create',
      '--role',
      'viewer',
      '--instance',
      'other',
      '--name',
      'eve',
    )) as {
      readonly id: string
      readonly token: string
    }
    const begun = await ask(server, '/api/v1/session', made.token, 'POST')
    const { session } = JSON.parse(begun.text) as { readonly session: string }
    assert.equal((await ask(server, '/api/v1/instances/other/keys', session)).status, 200)
    assert.equal((await ask(server, '/api/v1/instances/default/keys', session)).status, 404)
    assert.equal((await ask(server, '/api/v1/audit', session)).status, 403)
    await server.json('token', 'revoke', made.id)
    assert.equal((await ask(server, '/api/v1/instances/other/keys', session)).status, 401)
  })
})

test('without the console there is nothing at its addresses', async () => {
  await using server = await startEmbedded({ env: { MORTISE_ADMIN_CONSOLE: 'false' } })
  assert.equal((await ask(server, '/')).status, 404)
  assert.equal((await ask(server, '/health/live')).status, 200)
})

test('a session that was ended stays so when the server is restarted, and one beside it goes on', async (t) => {
  const data = mkdtempSync(path.join(tmpdir(), 'mortise-sessions-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const sessions: string[] = []
  {
    await using server = await startEmbedded({ data })
    const token = readFileSync(path.join(data, 'admin-token'), 'utf8').trim()
    for (let count = 0; count < 2; count++) {
      const { text: begun } = await ask(server, '/api/v1/session', token, 'POST')
      sessions.push((JSON.parse(begun) as { readonly session: string }).session)
    }
    assert.equal((await ask(server, '/api/v1/session', sessions[0], 'DELETE')).status, 200)
  }
  await using server = await startEmbedded({ data })
  const asked = sessions.map(async (session) => (await ask(server, '/api/v1/status', session)).status)
  assert.deepEqual(await Promise.all(asked), [401, 200])
})
