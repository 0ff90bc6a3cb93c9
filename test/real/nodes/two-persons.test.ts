// Acts that need a second person, on two nodes: people log in through a real identity provider, ask on one node and approve on the
// other. Each act is carried out once, though two approve at the same moment and a node sleeps or dies in between. A session that is
// ended on one node counts on none.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { AdminClient, WaitsForApproval } from '../../../src/doors/http/client.ts'
import type { Output } from '../../../src/doors/http/route.ts'
import { Refusal } from '../../../src/base/refusal.ts'
import { startNodes, type Nodes, type TestNode } from '../../support/server/nodes.ts'
import { startProvider, type RealProvider } from '../../support/oidc/real-provider.ts'
import { cliClient } from '../../support/oidc/write-config.ts'
import { startPostgres, type PostgresServer } from '../../support/postgresql/server.ts'
import { until } from '../../support/time/until.ts'
import { approvalRoutes } from '../../../src/features/approvals/routes.ts'
import { backupRoutes } from '../../../src/features/backup/routes.ts'
import { instanceRoutes } from '../../../src/features/instances/routes.ts'
import { loginRoutes } from '../../../src/features/login/routes.ts'
import { sessionRoutes } from '../../../src/features/sessions/routes.ts'

const postgres = await new Promise<PostgresServer | undefined>((resolve, reject) => {
  test('PostgreSQL starts', (t) => startPostgres(t).then(resolve, reject))
})
after(() => postgres?.stop('immediate'))
if (postgres) test('two persons on two nodes', (t) => twoPersons(t, postgres))

/** A lease, the next look at what was approved, and a busy machine. */

type Approval = Output<typeof approvalRoutes.showApproval>
/** The text of a session, which any node takes. */
type Person = string

interface Site {
  readonly nodes: Nodes
  readonly database: PostgresServer
  readonly provider: RealProvider
}

async function twoPersons(t: TestContext, database: PostgresServer): Promise<void> {
  const { redirect_uris: uris, grant_types: grants } = cliClient
  const names = ['anna', 'bert', 'carl']
  await using provider = await startProvider({
    people: Object.fromEntries(names.map((name) => [name, { preferred_username: name, groups: ['admins'] }])),
    clients: [{ ...cliClient, redirect_uris: [...uris], grant_types: [...grants] }],
  })
  const env = {
    MORTISE_OIDC_ISSUER: provider.issuer,
    MORTISE_OIDC_CA_FILE: provider.caFile,
    MORTISE_OIDC_CLIENT_ID: cliClient.client_id,
    MORTISE_OIDC_ROLES: 'admins=manager',
    MORTISE_APPROVAL_FOR: 'instance delete,backup create',
    MORTISE_BACKUP_ENABLED: 'false',
  }
  await using nodes = await startNodes(database, { env })
  const site = { nodes, database, provider }
  await t.test('asked on one and approved on the other, by people whose logins went over both', () =>
    acrossNodes(site),
  )
  await t.test('of two who approve on two nodes at once, one has it carried out, once', () => atOnce(site))
  await t.test('a node that sleeps or is killed while it approves', () => interrupted(site))
  await t.test('a long act whose node is killed once it is approved', () => takenOver(site))
  await t.test('a session that is ended on one node, and what it asked for, count on none', () => ended(site))
  await t.test('the audit of both verifies', async () => {
    for (const { server } of nodes.both)
      assert.ok(((await server.json('audit', 'verify')) as { ok: boolean }).ok)
  })
}

function as({ server, data }: TestNode, person = 'nobody'): AdminClient {
  const pem = readFileSync(path.join(data, 'admin-ca.pem'), 'utf8')
  return new AdminClient({ url: server.admin, token: person, trust: { by: 'authority', pem } })
}

/** Begun on one node and finished on the other. */
async function logIn({ nodes, provider }: Site, name: string): Promise<Person> {
  const body = { redirectUri: 'http://127.0.0.1:1/callback' }
  const { url, flow } = await as(nodes.one).call(loginRoutes.beginLogin, { body })
  const { search: answer } = new URL(await provider.browse(url, name))
  return (await as(nodes.two).call(loginRoutes.finishLogin, { body: { flow, answer } })).session
}

/** A request that waits. */
async function waits(answer: Promise<unknown>): Promise<Approval> {
  try {
    await answer
  } catch (error) {
    if (error instanceof WaitsForApproval) return error.approval
    throw error
  }
  return assert.fail('it did not wait')
}

/** Somebody asks on this node for the end of a new instance. */
async function askDelete(node: TestNode, person: Person, name: string): Promise<Approval> {
  await node.server.json('instance', 'create', name)
  return waits(as(node, person).call(instanceRoutes.deleteInstance, { instance: name, query: {} }))
}

const approve = (node: TestNode, person: Person, { id }: Approval) =>
  as(node, person).call(approvalRoutes.approve, { approval: id })

async function stateOn(node: TestNode, person: Person, { id }: Approval): Promise<Approval['state']> {
  return (await as(node, person).call(approvalRoutes.showApproval, { approval: id })).state
}

/** What the audit of both nodes has of a request, in the order of its entries. */
async function entriesOf({ database }: Site, { id }: Approval): Promise<readonly string[]> {
  const { rows } = await database.sql('SELECT body FROM audit ORDER BY entry', 'mortise_1')
  return (rows as { body: unknown }[])
    .map(({ body }) => JSON.parse(String(body)) as { action: string; object: string; result: string })
    .filter(({ object, action }) => object === id && action.startsWith('approval.'))
    .map(({ action, result }) => (result === 'success' ? action : `${action} ${result}`))
}

async function assertOnce(site: Site, approval: Approval): Promise<void> {
  const entries = (await entriesOf(site, approval)).filter((entry) => !entry.endsWith(' refused'))
  assert.deepEqual(entries.toSorted(), ['approval.approve', 'approval.ask', 'approval.carry-out'])
}

async function acrossNodes(site: Site): Promise<void> {
  const { one, two } = site.nodes
  const [anna, bert] = [await logIn(site, 'anna'), await logIn(site, 'bert')]
  const approval = await askDelete(one, anna, 'staging')
  const other = await logIn(site, 'anna')
  await assert.rejects(
    approve(two, other, approval),
    (error) => error instanceof Refusal && /anna asked for it/.test(error.message),
  )
  assert.equal((await approve(two, bert, approval)).state, 'done')
  assert.equal(await stateOn(one, anna, approval), 'done')
  await assert.rejects(
    as(one, anna).call(instanceRoutes.showInstance, { instance: 'staging' }),
    /no instance staging/,
  )
  await assertOnce(site, approval)
}

async function atOnce(site: Site): Promise<void> {
  const { one, two } = site.nodes
  const people = await Promise.all(['anna', 'bert', 'carl'].map((name) => logIn(site, name)))
  const [anna = '', bert = '', carl = ''] = people
  for (let round = 0; round < 5; round++) {
    const asked = [
      await askDelete(round % 2 === 0 ? one : two, anna, `at once ${round}`),
      await waits(as(one, anna).call(backupRoutes.createBackup, { body: {} })),
    ]
    for (const approval of asked) {
      const answers = await Promise.allSettled([approve(one, bert, approval), approve(two, carl, approval)])
      const no = answers.filter(({ status }) => status === 'rejected')
      assert.equal(no.length, 1, 'one of the two comes too late')
      assert.match(String(no[0]?.status === 'rejected' && no[0].reason), /does not wait any more/)
      await until(async () => (await stateOn(one, anna, approval)) === 'done', 'it is carried out')
      await assertOnce(site, approval)
    }
  }
  const backups = await Promise.all([one, two].map((node) => node.server.json('backup', 'list')))
  assert.equal(backups.flat().length, 5, 'a backup for each request')
}

/** Wherever it stops, the act is done together with its request, or neither is; and then the other node may do it. */
async function interrupted(site: Site): Promise<void> {
  const { one, two } = site.nodes
  const [anna, bert, carl] = [await logIn(site, 'anna'), await logIn(site, 'bert'), await logIn(site, 'carl')]
  for (const [round, how] of (['pause', 'kill', 'pause', 'kill', 'pause'] as const).entries()) {
    const name = `interrupted ${round}`
    const approval = await askDelete(one, anna, name)
    const answered = Promise.allSettled([approve(two, bert, approval)])
    await sleep(round * 5)
    if (how === 'pause') two.pause()
    else await two.kill()
    const there = await Promise.allSettled([approve(one, carl, approval)])
    if (how === 'pause') two.wake()
    const [first, second] = [...(await answered), ...there]
    assert.equal(await stateOn(one, anna, approval), 'done')
    assert.ok(second?.status === 'fulfilled' || /not wait any more/.test(String(second?.reason)))
    assert.ok(!(first?.status === 'fulfilled' && second?.status === 'fulfilled'), 'both had it carried out')
    await assert.rejects(as(one, anna).call(instanceRoutes.showInstance, { instance: name }), /no instance/)
    await assertOnce(site, approval)
    if (how === 'kill') await two.start()
  }
}

async function takenOver(site: Site): Promise<void> {
  const { one, two } = site.nodes
  const [anna, bert] = [await logIn(site, 'anna'), await logIn(site, 'bert')]
  const approval = await waits(as(one, anna).call(backupRoutes.createBackup, { body: {} }))
  await approve(two, bert, approval)
  await two.kill()
  await until(async () => (await stateOn(one, anna, approval)) === 'done', 'the other node carries it out')
  await assertOnce(site, approval)
  await two.start()
}

async function ended(site: Site): Promise<void> {
  const { one, two } = site.nodes
  const [anna, bert, carl] = [await logIn(site, 'anna'), await logIn(site, 'bert'), await logIn(site, 'carl')]
  const approval = await askDelete(two, anna, 'kept')
  const own = (await as(one, anna).call(sessionRoutes.listSessions)).find((session) => session.own)?.id ?? ''
  await as(one, bert).call(sessionRoutes.endSessionOf, { session: own })
  await assert.rejects(as(two, anna).call(approvalRoutes.listApprovals), /session is over, or was ended/)
  await assert.rejects(approve(two, carl, approval), /session in which anna asked is over/)
  await until(async () => (await stateOn(two, bert, approval)) === 'ended', 'the request ends')
  const again = await logIn(site, 'anna')
  await assert.rejects(approve(one, again, approval), /session in which anna asked is over/)
  assert.equal((await as(one, bert).call(instanceRoutes.showInstance, { instance: 'kept' })).name, 'kept')

  const next = await askDelete(one, again, 'kept too')
  await as(two, carl).call(sessionRoutes.endSession)
  await assert.rejects(approve(one, carl, next), /session is over, or was ended/)
  assert.equal(await stateOn(one, bert, next), 'waiting')
}
