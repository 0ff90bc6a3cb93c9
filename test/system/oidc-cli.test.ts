// A person logs in with the command line, through a real identity provider: by the browser of this machine, by one elsewhere, by a
// device code; and commands go on with the session.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import { addressOf, CliUsers, visit } from '../support/oidc/cli-users.ts'
import { startProvider, type RealProvider } from '../support/oidc/real-provider.ts'
import { cliClient, writeConfig } from '../support/oidc/write-config.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'

suite('a person logs in with the command line', () => {
  let folder: string
  let provider: RealProvider
  let server: EmbeddedServer
  let users: CliUsers

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'mortise-oidc-cli-'))
    const { redirect_uris: uris, grant_types: grants } = cliClient
    provider = await startProvider({
      people: { otto: { preferred_username: 'otto', groups: ['operators'] } },
      clients: [{ ...cliClient, redirect_uris: [...uris], grant_types: [...grants] }],
    })
    const config = writeConfig(folder, provider, ['operators=operator'], cliClient.client_id)
    server = await startEmbedded({ data: path.join(folder, 'data'), args: ['--config', config] })
    users = new CliUsers(folder, server)
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    await provider[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  const begin = (user: string, ...words: string[]) => users.begin(user, ...words)
  const run = (user: string, ...words: string[]) => users.run(user, ...words)
  const sessionFile = (user: string) => users.sessionFile(user)

  test('by the browser of this machine; whoami, a command and logout go by the session', async () => {
    const login = begin('one', 'login', '--json')
    const came = await provider.browse(await addressOf(login), 'otto')
    // Any page may send the browser here, with an answer of another login.
    const { origin } = new URL(came)
    assert.equal((await visit(`${origin}/callback?code=evil&state=evil`)).status, 404)
    assert.equal((await visit(`${origin}/other`)).status, 404)
    const page = await visit(came)
    assert.deepEqual([page.status, page.headers['content-type']], [200, 'text/plain; charset=utf-8'])
    assert.match(page.text, /You are logged in as otto/)
    assert.equal(await login.ended, 0)
    const { name, role, session } = JSON.parse(login.said.stdout) as Record<string, string>
    assert.deepEqual([name, role, session], ['otto', 'operator', undefined])
    await assert.rejects(visit(came), 'the port is closed')

    assert.equal(statSync(sessionFile('one')).mode & 0o777, 0o600)
    assert.equal(statSync(path.dirname(sessionFile('one'))).mode & 0o777, 0o700)
    const who = JSON.parse((await run('one', 'whoami', '--json')).stdout) as Record<string, unknown>
    assert.deepEqual([who['kind'], who['name'], who['issuer']], ['person', 'otto', provider.issuer])
    assert.equal((await run('one', 'key', 'create')).code, 0)
    const refused = await run('one', 'token', 'create', '--role', 'viewer')
    assert.deepEqual([refused.code, /your role is operator/.test(refused.stderr)], [1, true])
    const first = path.join(server.data, 'admin-token')
    const token = JSON.parse((await run('one', 'whoami', '--json', '--token-file', first)).stdout) as object
    assert.partialDeepStrictEqual(token, { kind: 'token', name: 'bootstrap' })

    const kept = readFileSync(sessionFile('one'), 'utf8')
    const out = await run('one', 'logout')
    assert.match(out.stdout, /Logged out\.[^]*session\/end/)
    writeFileSync(sessionFile('one'), kept)
    assert.match((await run('one', 'whoami')).stderr, /session is over, or was ended[^]*mortise login/)
    assert.equal((await run('one', 'logout')).code, 0, 'one that is over is forgotten')
    assert.match((await run('one', 'logout')).stdout, /You are not logged in to this server/)
    assert.match((await run('one', 'whoami')).stderr, /needs a token[^]*mortise login/)
  })

  test('by a browser elsewhere: the address where it ends is pasted', async () => {
    const login = begin('two', 'login', '--no-browser')
    const came = await provider.browse(await addressOf(login), 'otto')
    login.stdin.write('\nnot an address\n')
    await login.until(/That is not the address where this login ends/)
    login.stdin.write(`${came}\n`)
    assert.equal(await login.ended, 0)
    assert.match(login.said.stdout, /^Logged in as otto \(operator\) until /)
    assert.match((await run('two', 'whoami')).stdout, /Person: +otto/)
  })

  test('what goes wrong at the provider is said here and in the browser', async () => {
    const login = begin('three', 'login')
    const url = new URL(await addressOf(login))
    const back = new URL(url.searchParams.get('redirect_uri') ?? '')
    back.search = new URLSearchParams({
      error: 'access_denied',
      state: url.searchParams.get('state') ?? '',
      iss: provider.issuer,
    }).toString()
    assert.match((await visit(back.href)).text, /You are not logged in: the command/)
    assert.equal(await login.ended, 1)
    assert.match(login.said.stderr, /the identity provider says access_denied/)
    assert.match((await run('three', 'logout')).stdout, /You are not logged in to this server/)
  })

  test('by a device code', async () => {
    const login = begin('four', 'login', '--device')
    const [, url = ''] = await login.until(/or open (\S+)\n/)
    await provider.browse(url, 'otto')
    assert.equal(await login.ended, 0)
    assert.match((await run('four', 'whoami')).stdout, /Person: +otto/)
  })
})
