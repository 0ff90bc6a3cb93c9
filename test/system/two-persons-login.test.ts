// Two people log in with the command line, through a real identity provider: one asks for what needs a second person, the other
// approves it; a person is not two with a token of their own; the role that a person loses ends it.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Output } from '../../src/doors/http/route.ts'
import { CliUsers } from '../support/oidc/cli-users.ts'
import { startProvider, type RealProvider } from '../support/oidc/real-provider.ts'
import { cliClient, writeConfig } from '../support/oidc/write-config.ts'
import { startEmbedded, type EmbeddedServer } from '../support/server/server.ts'
import type { approvalRoutes } from '../../src/features/approvals/routes.ts'

type Approval = Output<typeof approvalRoutes.showApproval>

const people = {
  anna: {
    preferred_username: 'anna',
    email: 'anna@example.com',
    groups: ['admins'],
  },
  bert: { preferred_username: 'bert', groups: ['admins'] },
  carl: { preferred_username: 'carl', groups: ['leads'] },
}

suite('two people log in', () => {
  let folder: string
  let provider: RealProvider
  let server: EmbeddedServer
  let users: CliUsers
  const guard = '[approval]\nfor = ["instance delete", "backup create"]\n[backup]\nenabled = false\n'
  const setRoles = (...roles: string[]) => writeConfig(folder, provider, roles, cliClient.client_id, guard)

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'mortise-two-persons-login-'))
    const { redirect_uris: uris, grant_types: grants } = cliClient
    const client = { ...cliClient, redirect_uris: [...uris], grant_types: [...grants] }
    provider = await startProvider({ people, clients: [client] })
    const config = setRoles('admins=manager', 'leads=manager')
    server = await startEmbedded({ data: path.join(folder, 'data'), args: ['--config', config] })
    users = new CliUsers(folder, server)
    for (const name of Object.keys(people)) await users.logIn(name, provider)
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    await provider[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  /** The request that a command leaves behind. */
  async function waits(user: string, ...words: string[]): Promise<Approval> {
    const { code, stdout, stderr } = await users.run(user, ...words, '--json')
    assert.equal(code, 3, stderr)
    return (JSON.parse(stdout) as { approval: Approval }).approval
  }
  const approve = (user: string, { id }: Approval) => users.run(user, 'approval', 'approve', id, '--yes')
  const names = async () =>
    ((await server.json('instance', 'list')) as { name: string }[]).map(({ name }) => name)

  test('one asks and the other approves, each by their session', async () => {
    await server.json('instance', 'create', 'staging')
    const asked = await users.run('anna', 'instance', 'delete', 'staging')
    assert.equal(asked.code, 3, asked.stderr)
    assert.match(
      asked.stdout,
      /Can approve it: +bert, carl, other people who log in from the groups admins, leads/,
    )
    const [waiting] = JSON.parse((await users.run('bert', 'approval', 'list', '--json')).stdout) as [Approval]
    const shown = await users.run('bert', 'approval', 'show', waiting.id)
    assert.match(shown.stdout, new RegExp(`Asked by: +anna \\(${provider.issuer}#anna\\), `))
    const own = await approve('anna', waiting)
    assert.deepEqual([own.code, /anna asked for it/.test(own.stderr)], [1, true], own.stderr)
    const done = await approve('bert', waiting)
    assert.match(done.stdout, /approved by bert, and carried out/, done.stderr)
    assert.ok(!(await names()).includes('staging'))
    const entries = (await server.json('audit', 'list', '--action', 'approval.approve', '--json')) as {
      actor: { id: string }
      result: string
    }[]
    assert.deepEqual(
      entries.map(({ actor, result }) => [actor.id, result]),
      [
        [`${provider.issuer}#bert`, 'success'],
        [`${provider.issuer}#anna`, 'refused'],
      ],
    )
  })

  test('--wait goes on once the other has approved', async () => {
    await server.json('instance', 'create', 'testing')
    const waiting = users.begin('anna', 'instance', 'delete', 'testing', '--wait', '--json')
    const [, id = ''] = await waiting.until(/It waits as ([\w-]+)/)
    await users.run('bert', 'approval', 'approve', id, '--yes')
    assert.equal(await waiting.ended, 0, waiting.said.stderr)
  })

  test('a token that names a person is theirs, by user name and by e-mail address', async () => {
    const request = await waits('anna', 'backup', 'create')
    for (const owner of ['Anna', 'anna@example.com']) {
      const file = path.join(folder, `${owner}.token`)
      const create = ['token', 'create', '--role', 'manager', '--name', owner, '--out', file]
      await server.json(...create, '--owner', owner)
      const { code, stderr } = await server.cli(
        'approval',
        'approve',
        request.id,
        '--yes',
        '--token-file',
        file,
      )
      assert.deepEqual([code, /asked for it/.test(stderr)], [1, true], stderr)
    }
    assert.equal((await users.run('anna', 'approval', 'cancel', request.id)).code, 0)
  })

  test('a role that is taken away, or a session that is ended, ends what was asked', async () => {
    const request = await waits('anna', 'backup', 'create')
    setRoles('leads=manager')
    await server.json('reload')
    const role = await approve('carl', request)
    assert.match(role.stderr, /the session of anna is over, or gives no role any more/)
    assert.equal((await approve('bert', request)).code, 1)
    setRoles('admins=manager', 'leads=manager')
    await server.json('reload')
    const sessions = (await server.json('session', 'list')) as { id: string; subject: string }[]
    await server.json('session', 'end', sessions.find(({ subject }) => subject === 'anna')?.id ?? '')
    assert.match((await users.run('anna', 'approval', 'list')).stderr, /session is over, or was ended/)
    const ended = await approve('carl', request)
    assert.match(ended.stderr, /the session in which anna asked is over/)
    assert.deepEqual(await server.json('backup', 'list'), [])
  })
})

test('with a provider, as docs/approval.md says: a manager who logged in revokes the first token, and no start makes another one', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mortise-no-token-'))
  const { redirect_uris: uris, grant_types: grants } = cliClient
  const client = { ...cliClient, redirect_uris: [...uris], grant_types: [...grants] }
  const provider = await startProvider({ people, clients: [client] })
  let server: EmbeddedServer | undefined
  t.after(async () => {
    await server?.stop()
    await provider[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })
  const guard = '[approval]\nfor = ["instance delete"]\n[backup]\nenabled = false\n'
  const roles = ['admins=manager', 'leads=manager@default']
  const config = writeConfig(folder, provider, roles, cliClient.client_id, guard)
  const data = path.join(folder, 'data')
  const start = async () => (server = await startEmbedded({ data, args: ['--config', config] }))
  const first = await start()
  await first.json('instance', 'create', 'staging')
  const users = new CliUsers(folder, first)
  for (const name of Object.keys(people)) await users.logIn(name, provider)

  const byToken = await first.cli('token', 'revoke', 'bootstrap')
  assert.equal(byToken.code, 1)
  assert.match(byToken.stderr, /last manager token for all instances.*\n.*mortise login.*revoke it then/)
  assert.equal((await users.run('carl', 'token', 'revoke', 'bootstrap')).code, 1, 'of one instance only')
  const revoked = await users.run('anna', 'token', 'revoke', 'bootstrap')
  assert.match(revoked.stdout, /bootstrap \(manager\) is revoked/, revoked.stderr)
  const local = await first.cli('instance', 'list')
  assert.equal(local.code, 1)
  assert.match(local.stderr, /a valid token is needed\n.*mortise login.*mortise token recover/)
  await first.stop()

  const second = await start()
  const again = new CliUsers(folder, second)
  for (const name of ['anna', 'bert']) await again.logIn(name, provider)
  assert.deepEqual(JSON.parse((await again.run('anna', 'token', 'list', '--json')).stdout), [])
  const asked = await again.run('anna', 'instance', 'delete', 'staging', '--json')
  assert.equal(asked.code, 3, asked.stderr)
  const { approval } = JSON.parse(asked.stdout) as { approval: Approval }
  const done = await again.run('bert', 'approval', 'approve', approval.id, '--yes')
  assert.match(done.stdout, /carried out/, done.stderr)
  const recovered = await second.cli('token', 'recover', '--out', path.join(folder, 'token'))
  assert.equal(recovered.code, 0, recovered.stderr)
})
