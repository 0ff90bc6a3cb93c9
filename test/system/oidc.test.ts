// People log in through a real identity provider (`oidc-provider`, a process of its own): to the console and with the command line, what
// they may do then, and what ends it. What a provider gets wrong is in test/features/login/oidc/provider.test.ts.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import { AdminClient } from '../../src/doors/http/client.ts'
import { Refusal } from '../../src/base/refusal.ts'
import { cliClient, clientSecret, writeConfig } from '../support/oidc/write-config.ts'
import { startProvider, type RealProvider } from '../support/oidc/real-provider.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import { auditRoutes } from '../../src/features/audit/routes.ts'
import { clientRoutes } from '../../src/features/clients/routes.ts'
import { instanceRoutes } from '../../src/features/instances/routes.ts'
import { keyRoutes } from '../../src/features/keys/routes.ts'
import { loginRoutes } from '../../src/features/login/routes.ts'
import { sessionRoutes } from '../../src/features/sessions/routes.ts'
import { statusRoutes } from '../../src/features/status/routes.ts'
import { tokenRoutes } from '../../src/features/tokens/routes.ts'

const people = {
  anna: { preferred_username: 'anna', groups: ['kms-managers', 'all'] },
  otto: { preferred_username: 'otto', groups: ['kms-operators'] },
  emil: { preferred_username: 'emil', groups: ['all'] },
  ada: { email: 'ada@example.com', groups: ['red-team', 'blue-team'] },
  evil: { preferred_username: '<img src=x onerror=alert(1)>\u202e\u001b[31m', groups: ['kms-operators'] },
}

suite('people log in through an identity provider', () => {
  let provider: RealProvider
  let server: EmbeddedServer
  let folder: string
  let data: string
  const setRoles = (...roles: string[]) => writeConfig(folder, provider, roles, cliClient.client_id)
  const allRoles = [
    'kms-managers=manager',
    'kms-operators=operator',
    'red-team=manager@red',
    'blue-team=viewer@blue',
  ] as const

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'mortise-oidc-test-'))
    // The port of the console is known only once it serves, so the provider takes any.
    provider = await startProvider({
      people,
      clients: [
        {
          client_id: 'mortise',
          client_secret: clientSecret,
          redirect_uris: ['https://kms.example.test/login/callback'],
        },
        {
          ...cliClient,
          redirect_uris: [...cliClient.redirect_uris],
          grant_types: [...cliClient.grant_types],
        },
      ],
    })
    setRoles(...allRoles)
    data = path.join(folder, 'data')
    server = await start()
    await server.json('instance', 'create', 'red')
    await server.json('instance', 'create', 'blue')
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    await provider[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  const start = () => startEmbedded({ data, args: ['--config', path.join(folder, 'mortise.toml')] })
  const begin = (redirectUri: string) => as().call(loginRoutes.beginLogin, { body: { redirectUri } })
  const finish = (flow: string, answer: string) =>
    as().call(loginRoutes.finishLogin, { body: { flow, answer } })
  const as = (token = 'nobody') =>
    new AdminClient({
      url: server.admin,
      token,
      trust: { by: 'authority', pem: readFileSync(path.join(server.data, 'admin-ca.pem'), 'utf8') },
    })

  /** As a program on the machine of the browser. */
  async function logIn(login: string) {
    const { url, flow } = await begin('http://127.0.0.1:1/callback')
    const came = await provider.browse(url, login)
    return as().call(loginRoutes.finishLogin, { body: { flow, answer: new URL(came).search } })
  }

  test('a person logs in, has the role of their groups, and the audit log names them', async () => {
    const begun = await logIn('anna')
    assert.deepEqual([begun.name, begun.role, begun.instance], ['anna', 'manager', null])
    assert.deepEqual(begun.person, { issuer: provider.issuer, subject: 'anna' })
    await as(begun.session).call(tokenRoutes.createToken, { body: { role: 'viewer', name: 'by anna' } })
    for (const action of ['token.create', 'session.begin']) {
      const [entry] = (await server.json('audit', 'list', '--action', action, '--limit', '1')) as [Entry]
      assert.deepEqual(entry.actor, {
        kind: 'person',
        id: `${provider.issuer}#anna`,
        name: 'anna',
        certificateSha256: null,
        address: '127.0.0.1',
      })
    }
    const who = await as(begun.session).call(sessionRoutes.whoAmI)
    assert.deepEqual([who.kind, who.name, who.subject], ['person', 'anna', 'anna'])
    assert.deepEqual(who.grants, [{ role: 'manager', instance: null }])
  })

  test('an operator does not do what needs a manager, and begins no session with a session', async () => {
    const { session } = await logIn('otto')
    await as(session).call(clientRoutes.listPending)
    await assert.rejects(
      as(session).call(tokenRoutes.createToken, { body: { role: 'viewer' } }),
      refused('forbidden', /manager/),
    )
    await assert.rejects(as(session).call(sessionRoutes.listSessions), refused('forbidden', /manager/))
    await assert.rejects(as(session).call(sessionRoutes.beginSession), refused('refused', /session/))
  })

  test('a person with roles in two instances sees both, has in each the role for it, and knows of no other', async () => {
    const begun = await logIn('ada')
    assert.equal(begun.name, 'ada@example.com')
    const ada = as(begun.session)
    assert.deepEqual(
      (await ada.call(instanceRoutes.listInstances)).map(({ name }) => name),
      ['blue', 'red'],
    )
    const { instances, backups } = await ada.call(statusRoutes.status)
    assert.deepEqual([instances.map(({ name }) => name).toSorted(), backups], [['blue', 'red'], null])
    await ada.call(keyRoutes.createKey, { instance: 'red', body: { name: 'a key' } })
    await assert.rejects(
      ada.call(keyRoutes.createKey, { instance: 'blue', body: {} }),
      refused('forbidden', /operator/),
    )
    await ada.call(keyRoutes.listKeys, { instance: 'blue' })
    await assert.rejects(
      ada.call(keyRoutes.listKeys, { instance: 'default' }),
      refused('not-found', /default/),
    )
    await assert.rejects(ada.call(auditRoutes.listAudit), refused('forbidden', /all instances/))
    const made = await ada.call(tokenRoutes.createToken, {
      body: { role: 'viewer', instance: 'red', name: 'of red' },
    })
    const wanted = { role: 'viewer', instance: 'blue' } as const
    await assert.rejects(ada.call(tokenRoutes.createToken, { body: wanted }), refused('not-found', /blue/))
    assert.deepEqual(
      (await ada.call(tokenRoutes.listTokens)).map(({ name }) => name),
      ['of red'],
    )
    await ada.call(tokenRoutes.revokeToken, { token: made.id })
  })

  test('whoever has no group with a role is not let in, and the audit log has it', async () => {
    await assert.rejects(logIn('emil'), refused('forbidden', /emil may do nothing here/))
    const [entry] = (await server.json(
      'audit',
      'list',
      '--action',
      'session.begin',
      '--result',
      'refused',
    )) as [Entry]
    assert.deepEqual([entry.actor.name, entry.object], ['emil', `${provider.issuer}#emil`])
  })

  test('a manager ends a session, and its next request is refused; so does a person who logs out', async () => {
    const [anna, otto] = [await logIn('anna'), await logIn('otto')]
    const listed = await as(anna.session).call(sessionRoutes.listSessions)
    const his = listed.find(({ name }) => name === 'otto') ?? assert.fail('otto is not listed')
    assert.deepEqual([his.own, his.groups, his.through], [false, ['kms-operators'], 'cli'])
    assert.ok(his.lastUsed === null || Date.parse(his.lastUsed) > 0)
    for (const { id, name } of listed)
      if (name === 'otto') await as(anna.session).call(sessionRoutes.endSessionOf, { session: id })
    await assert.rejects(
      as(otto.session).call(statusRoutes.status),
      refused('unauthenticated', /session is over/),
    )
    await assert.rejects(
      as(anna.session).call(sessionRoutes.endSessionOf, { session: his.id }),
      refused('not-found', /no session/),
    )
    const { logoutUrl } = await as(anna.session).call(sessionRoutes.endSession)
    assert.match(logoutUrl ?? '', new RegExp(`^${provider.issuer}/session/end\\?client_id=mortise$`))
    await assert.rejects(
      as(anna.session).call(statusRoutes.status),
      refused('unauthenticated', /session is over/),
    )
  })

  test('a change of the mapping counts with the next request of everybody who is logged in', async (t) => {
    t.after(async () => {
      setRoles(...allRoles)
      await server.json('reload')
    })
    const { session } = await logIn('otto')
    const role = async () => (await as(session).call(sessionRoutes.showSession)).role
    setRoles('kms-operators=viewer')
    assert.equal(await role(), 'operator')
    await server.json('reload')
    assert.equal(await role(), 'viewer')
    setRoles('others=viewer')
    await server.json('reload')
    await assert.rejects(role(), refused('unauthenticated', /session is over/))
    assert.deepEqual(await server.json('session', 'list'), [])
    setRoles(...allRoles)
    await server.json('reload')
    assert.equal(await role(), 'operator')
  })

  test('a login ends only where it began, once, and with what it began with', async () => {
    const redirectUri = 'http://127.0.0.1:1/callback'
    const [mine, other] = [await begin(redirectUri), await begin(redirectUri)]
    const answer = new URL(await provider.browse(mine.url, 'anna')).search
    // A login of somebody else, into which one is lured.
    await assert.rejects(finish(other.flow, answer), refused('refused', /state/))
    await assert.rejects(finish(`${mine.flow}A`, answer), refused('refused', /not begun here/))
    await assert.rejects(finish('', answer), refused('refused', /not begun here/))
    await assert.rejects(finish(mine.flow, ''), refused('refused', /"iss"/))
    await assert.rejects(finish(mine.flow, '?error=access_denied'), refused('refused', /"iss"/))
    await finish(mine.flow, answer)
    await assert.rejects(finish(mine.flow, answer), refused('refused', /invalid_grant/))
  })

  test('the browser comes back to this server or to a program on its own machine, and nowhere else', async () => {
    const { host } = new URL(server.admin)
    for (const astray of [
      'https://evil.example/login/callback',
      `https://${host}.evil.example/login/callback`,
      `https://${host}@evil.example/login/callback`,
      `https://${host}/login/callback?next=https://evil.example`,
      'http://127.0.0.1:1/other',
      'http://192.0.2.1:1/callback',
      'http://127.0.0.1.evil.example:1/callback',
    ])
      await assert.rejects(begin(astray), refused('bad-request', /come back/), astray)
  })

  test('what the provider lets its people call themselves is shown without what a terminal acts on', async () => {
    const { name } = await logIn('evil')
    assert.equal(name, people.evil.preferred_username)
    const { stdout } = await server.cli('session', 'list')
    assert.match(stdout, /<img src=x onerror=alert\(1\)>/)
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\u001b\u202e]/)
  })

  test('a provider that was restarted with other keys lets people in at once', async () => {
    await logIn('otto')
    await provider.kill()
    await provider.again()
    assert.equal((await logIn('otto')).name, 'otto')
  })

  test('while the provider is down, a login says so, and sessions, tokens and keys go on', async () => {
    const { session } = await logIn('anna')
    const begun = await begin('http://127.0.0.1:1/callback')
    const answer = new URL(await provider.browse(begun.url, 'anna')).search
    await provider.kill()
    try {
      await assert.rejects(
        as().call(loginRoutes.finishLogin, { body: { flow: begun.flow, answer } }),
        refused('unavailable', /identity provider 127\.0\.0\.1:\d+ cannot be reached: nothing listens there/),
      )
      await as(session).call(keyRoutes.createKey, { instance: 'default', body: {} })
      await server.json('status')
      assert.match(server.stderr(), /a login through the identity provider failed/)
    } finally {
      await provider.again()
    }
  })

  test('a device code: nothing before the person agrees, and a session afterwards', async () => {
    const { flow, verificationUriComplete } = await as().call(loginRoutes.beginDeviceLogin)
    const poll = () => as().call(loginRoutes.pollDeviceLogin, { body: { flow } })
    assert.deepEqual(await poll(), { state: 'pending', session: null })
    await assert.rejects(
      as().call(loginRoutes.finishLogin, { body: { flow, answer: '?code=1&state=2' } }),
      refused('refused', /not begun here/),
    )
    await provider.browse(verificationUriComplete ?? '', 'otto')
    const { state, session } = await poll()
    assert.deepEqual([state, session?.name, session?.role], ['done', 'otto', 'operator'])
  })

  test('sessions survive a restart of the server, and none counts without its row', async () => {
    const { session } = await logIn('anna')
    await server.stop()
    server = await start()
    assert.equal((await as(session).call(sessionRoutes.showSession)).name, 'anna')
    await server.stop()
    const store = new DatabaseSync(path.join(server.data, 'mortise.db'))
    store.exec("DELETE FROM trust WHERE kind = 'session'")
    store.close()
    server = await start()
    await assert.rejects(
      as(session).call(sessionRoutes.showSession),
      refused('unauthenticated', /session is over/),
    )
  })
})

interface Entry {
  readonly actor: { readonly name: string }
  readonly object: string
}

function refused(code: Refusal['code'], message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  }
}
