// Acts that need a second person, at the door: what waits, what is carried out, and what ends it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { routes } from '../../../src/program/routes.ts'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { StoreUnavailable } from '../../../src/core/ports/store.ts'
import { maskOf } from '../../../src/wire/kmip/enums.ts'
import { createKey } from '../../support/server/core.ts'
import { makeCertificate } from '../../support/certificates/certificates.ts'
import { StoreAround } from '../../support/store/store-around.ts'
import { TwoPersons, type Human, type Shown, type Someone } from '../../support/server/two-persons.ts'

const dayMs = 24 * 3600_000

interface Act {
  readonly ask: (all: TwoPersons, who: Someone) => Promise<{ approval: Shown; token: string | null }>
  /** Whether it was carried out, asked of the parts that it changes. */
  readonly isDone: (all: TwoPersons, asked: { approval: Shown; token: string | null }) => Promise<boolean>
}

/** approvals.export.test.ts and test/features/vcenter/ have them. */
const elsewhere = [
  'openInstance',
  'openServer',
  'exportKeys',
  'beginRestore',
  'connectVcenter',
  'beginRekey',
  'switchVcenter',
  'switchBack',
  'switchFinish',
] as const

/** One request to each other guarded route. */
const acts: Readonly<Record<string, Act>> = {
  destroyKey: {
    ask: async (all, who) => all.waits(who, 'DELETE', `/instances/red/keys/${await all.key()}`),
    isDone: async (all, { approval }) => {
      const { key } = approval.request
      return (await all.keyState(String(key))) === 'Destroyed'
    },
  },
  deleteInstance: {
    ask: async (all, who) => (await all.key(), all.waits(who, 'DELETE', '/instances/red?shred=red')),
    isDone: async ({ door }) => (await door.context.access.instance(door.red.id)) === undefined,
  },
  setRootKey: {
    ask: (all, who) => all.waits(who, 'POST', '/instances/red/root-key', { rootKey: 'file:other.key' }),
    isDone: async ({ door }) =>
      (await door.context.access.instance(door.red.id))?.rootKeyUri === 'file:other.key',
  },
  createToken: {
    ask: (all, who) => all.waits(who, 'POST', '/tokens', { role: 'manager', name: 'new', owner: 'erin' }),
    isDone: async (all, { token }) => (await all.ask(token ?? '', 'GET', '/tokens')).status === 200,
  },
  pruneAudit: {
    ask: async (all, who) => {
      const { clock, door } = all
      await door.context.audit.checkpoint()
      clock.pass(1000)
      const before = new Date(clock.now()).toISOString()
      return all.waits(who, 'POST', '/audit/prune', { before, younger: true })
    },
    isDone: async ({ door }, { approval }) =>
      ((await door.store.auditTimes()).oldestMs ?? 0) >= Date.parse(String(approval.request['before'])),
  },
  createBackup: {
    ask: (all, who) => all.waits(who, 'POST', '/backups', {}),
    isDone: async ({ door }) => (await door.context.backups.list()).length > 0,
  },
  setInstance: {
    ask: (all, who) => all.waits(who, 'PATCH', '/instances/red', { portable: true }),
    isDone: async ({ door }) => (await door.context.access.instance(door.red.id))?.portable === true,
  },
  setKey: {
    ask: async (all, who) => {
      const { context, red } = all.door
      const key = await context.keys.perform(
        async () => ({
          instanceId: red.id,
          actor: serverActor,
          allow: ['all'],
          trustVersion: (await context.access.snapshot()).version,
          requestId: 'test',
        }),
        createKey({ Sensitive: true, CryptographicUsageMask: maskOf('CryptographicUsageMask', ['WrapKey']) }),
      )
      return all.waits(who, 'PATCH', `/instances/red/keys/${key}`, { wrapsSensitive: true })
    },
    isDone: async ({ door }) => (await door.context.access.instance(door.red.id))?.wrappingKeys?.length === 1,
  },
}

suite('every guarded route', () => {
  for (const [route, act] of Object.entries(acts)) {
    const by = {
      tokens: (all: TwoPersons, name: string): Promise<Someone> => all.human(name),
      logins: (all: TwoPersons, name: string): Promise<Someone> => all.login(name),
    }
    for (const [means, human] of Object.entries(by))
      test(`${route}: waits, then is carried out once, in the name of whoever asked, by ${means}`, async (t) => {
        const all = await TwoPersons.open(t)
        const [alice, bob] = [await human(all, 'alice'), await human(all, 'bob')]
        const asked = await act.ask(all, alice)
        const { approval } = asked
        assert.equal(approval.state, 'waiting')
        assert.deepEqual(approval.approvers, ['bob'])
        assert.equal(await act.isDone(all, asked), false, 'nothing is done yet')

        const answer = await all.approve(bob, approval)
        assert.equal(answer.status, 200, answer.text)
        await all.door.approvedActs.look()
        assert.equal(await act.isDone(all, asked), true)
        const done = await all.show(alice, approval)
        assert.equal(done.state, 'done')
        assert.equal(done.decidedBy?.person, 'bob')
        assert.ok(done.result !== null, 'whoever asked is told what it answered')
        assert.deepEqual(
          (await all.entries(approval)).filter((action) => action.startsWith('approval.')),
          ['approval.ask', 'approval.approve', 'approval.carry-out'],
        )
        const again = await all.approve(bob, approval)
        assert.equal(again.status, 409, again.text)
        assert.match(again.text, /was approved and carried out/)
        assert.deepEqual(all.door.bugs, [])
      })

    test(`${route}: is not carried out if somebody refuses`, async (t) => {
      const all = await TwoPersons.open(t)
      const [alice, bob, carol] = [await all.human('alice'), await all.human('bob'), await all.human('carol')]
      const asked = await act.ask(all, alice)
      const path = `/approvals/${asked.approval.id}`
      const { status, json } = await all.ask(bob, 'POST', `${path}/refuse`, { reason: 'not today' })
      assert.equal(status, 200)
      assert.equal((json as Shown).state, 'refused')
      assert.equal((await all.approve(carol, asked.approval)).status, 409)
      await all.door.approvedActs.look()
      assert.equal(await act.isDone(all, asked), false)
      assert.equal((await all.show(alice, asked.approval)).reason, 'not today')
    })
  }

  test('is in this test, and every act has one', () => {
    assert.deepEqual(
      [...Object.keys(acts), ...elsewhere].toSorted(),
      Object.entries(routes)
        .flatMap(([name, line]) => (line.guarded ? [name] : []))
        .toSorted(),
    )
  })
})

test('an act that is not listed needs nobody, nor does a token that is no manager’s', async (t) => {
  const all = await TwoPersons.open(t, { guards: ['token create manager'] })
  const alice = await all.human('alice')
  const key = await all.key()
  assert.equal((await all.ask(alice, 'DELETE', `/instances/red/keys/${key}`)).status, 200)
  assert.equal((await all.ask(alice, 'POST', '/tokens', { role: 'operator' })).status, 201)
  assert.equal((await all.ask(alice, 'POST', '/tokens', { role: 'manager' })).status, 202)
  const instance = { role: 'manager', instance: 'red' }
  assert.equal((await all.ask(alice, 'POST', '/tokens', instance)).status, 202, 'of one instance, too')
})

test('shredding an instance destroys keys: either act guards it', async (t) => {
  const all = await TwoPersons.open(t, { guards: ['key destroy'] })
  const alice = await all.human('alice')
  assert.equal((await all.ask(alice, 'DELETE', '/instances/red?shred=red')).status, 202)
  assert.equal((await all.ask(alice, 'DELETE', '/instances/blue')).status, 200)
})

test('of two approvals at once, one carries it out', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice, bob, carol] = [await all.human('alice'), await all.human('bob'), await all.human('carol')]
  const key = await all.key()
  const { approval } = await all.waits(alice, 'DELETE', `/instances/red/keys/${key}`)
  const answers = await Promise.all([all.approve(bob, approval), all.approve(carol, approval)])
  assert.deepEqual(
    answers.map(({ status }) => status).toSorted((a, b) => a - b),
    [200, 409],
  )
  const { entries } = await all.door.context.audit.list({ order: 'oldest', limit: 50, action: 'key.destroy' })
  const results = entries.map(({ body }) => (JSON.parse(body) as { result: string }).result)
  assert.equal(results.filter((result) => result === 'success').length, 1)
})

test('somebody who refuses before the commit wins, on another node too', async (t) => {
  let around: StoreAround | undefined
  const all = await TwoPersons.open(t, { around: (store) => (around = new StoreAround(store)) })
  const [alice, bob, carol] = [await all.human('alice'), await all.human('bob'), await all.human('carol')]
  const key = await all.key()
  const { approval } = await all.waits(alice, 'DELETE', `/instances/red/keys/${key}`)
  assert.ok(around)
  const store = around
  store.before = async ({ entries }) => {
    if (!entries.some(({ action }) => action === 'approval.carry-out')) return
    store.before = () => undefined
    const refused = await all.ask(carol, 'POST', `/approvals/${approval.id}/refuse`, {})
    assert.equal(refused.status, 200, refused.text)
  }
  const answer = await all.approve(bob, approval)
  assert.equal(answer.status, 409, answer.text)
  assert.match(answer.text, /it was refused/)
  assert.equal(await all.keyState(key), 'PreActive')
  assert.equal((await all.show(bob, approval)).state, 'refused')
})

test('killed before the commit nothing is done; killed after it, everything, and once', async (t) => {
  let around: StoreAround | undefined
  const all = await TwoPersons.open(t, { around: (store) => (around = new StoreAround(store)) })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  assert.ok(around)
  const store = around
  for (const moment of ['before', 'after'] as const) {
    const key = await all.key()
    const { approval } = await all.waits(alice, 'DELETE', `/instances/red/keys/${key}`)
    store[moment] = ({ entries }) => {
      if (entries.some(({ action }) => action === 'approval.carry-out'))
        throw new StoreUnavailable('unavailable', 'it dies here')
    }
    assert.equal((await all.approve(bob, approval)).status, 503)
    store[moment] = () => undefined
    const { state } = await all.show(bob, approval)
    assert.equal(state, moment === 'before' ? 'waiting' : 'done')
    assert.equal(await all.keyState(key), moment === 'before' ? 'PreActive' : 'Destroyed')
    assert.equal((await all.approve(bob, approval)).status, moment === 'before' ? 200 : 409)
    assert.equal(await all.keyState(key), 'Destroyed')
  }
})

test('the text of a new token works once it is approved, and only whoever asked has it', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const { approval, token } = await all.waits(alice, 'POST', '/tokens', { role: 'manager', owner: 'erin' })
  assert.ok(token)
  assert.equal((await all.ask(token, 'GET', '/tokens')).status, 401)
  assert.ok(!(await all.ask(alice, 'GET', `/approvals/${approval.id}`)).text.includes(token))
  const approved = await all.approve(bob, approval)
  assert.ok(!approved.text.includes(token), 'whoever approves does not get it')
  assert.equal((await all.ask(token, 'GET', '/tokens')).status, 200)
  const made = (await all.show(alice, approval)).result as { owner: string; token: string }
  assert.deepEqual([made.owner, made.token], ['erin', ''])
  const erin: Human = { token: { id: '' } as Human['token'], bearer: token }
  const next = await all.waits(bob, 'POST', '/backups', {})
  const byErin = await all.approve(erin, next.approval)
  assert.equal(byErin.status, 200, 'a person who was approved is one of those who approve')
  const own = await all.waits(alice, 'POST', '/backups', { recipients: [] })
  assert.equal((await all.approve(erin, own.approval)).status, 403, 'but not what her maker asks for')
})

test('a backup for a recipient waits under the fingerprint of their certificate, and not at all for what is none', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice] = [await all.human('alice'), await all.human('bob')]
  const { certificate, privateKey } = await makeCertificate({ key: 'ec' })
  const { approval } = await all.waits(alice, 'POST', '/backups', { recipients: [certificate.pem] })
  const sha256 = `sha256:${certificate.sha256}`
  assert.deepEqual(approval.facts, [{ name: 'Who can open it without the root keys', value: sha256 }])
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const { status, text } = await all.ask(alice, 'POST', '/backups', { recipients: [certificate.pem + key] })
  assert.equal(status, 400, text)
  assert.ok(!text.includes(key.slice(30, 60)), text)
})

test('an API key is sealed while its request waits, and goes with it', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const ibmApiKey = 'not-to-be-seen-anywhere'
  const rootKey =
    'keyprotect://localhost:1/12e8c9c2-a162-472d-b7d6-8b9a86b815a6/02fd6835-6001-4482-a892-13bd2085f75d'
  const body = { rootKey, custody: 'database', ibmApiKey }
  const { approval } = await all.waits(alice, 'POST', '/instances/red/root-key', body)
  const shown = await all.ask(bob, 'GET', `/approvals/${approval.id}`)
  assert.ok(!shown.text.includes(ibmApiKey))
  assert.match(shown.text, /"API key","value":"another one"/)
  const stored = [all.door.file, `${all.door.file}-wal`].map((file) => readFileSync(file, 'latin1')).join('')
  assert.ok(!stored.includes(ibmApiKey))
  const names = async () => (await all.door.store.secrets()).map(({ name }) => name)
  assert.ok((await names()).includes(`approval-${approval.id}`))
  assert.equal((await all.ask(bob, 'POST', `/approvals/${approval.id}/cancel`)).status, 403)
  assert.equal((await all.ask(alice, 'POST', `/approvals/${approval.id}/cancel`)).status, 200)
  assert.ok(!(await names()).includes(`approval-${approval.id}`))
})

test('a recovered token needs nobody, and the audit tells of each act', async (t) => {
  const all = await TwoPersons.open(t)
  const { context } = all.door
  const { bearer } = await context.trust.tokens.recover(serverActor, () => [])
  const key = await all.key()
  assert.equal((await all.ask(bearer, 'DELETE', `/instances/red/keys/${key}`)).status, 200)
  const made = await all.ask(bearer, 'POST', '/tokens', { role: 'manager', owner: 'alice' })
  assert.equal(made.status, 201)
  const { entries } = await context.audit.list({ order: 'oldest', limit: 10, action: 'approval.break-glass' })
  const details = entries.map(({ body }) => (JSON.parse(body) as { detail: { act: string } }).detail.act)
  assert.deepEqual(details, ['key destroy', 'token create manager'])
})

test('the same request waits once, and too many do not', async (t) => {
  const all = await TwoPersons.open(t)
  const alice = await all.human('alice')
  await all.waits(alice, 'POST', '/backups', {})
  const again = await all.ask(alice, 'POST', '/backups', {})
  assert.equal(again.status, 409)
  assert.match(again.text, /waits already/)
  const wait = async (who: Human, count: number) => {
    for (let n = 0; n < count; n++)
      await all.waits(who, 'POST', '/tokens', { role: 'manager', name: `${who.token.name} ${n}` })
  }
  const beyond = { role: 'manager', name: 'beyond' }
  await wait(alice, 19)
  const own = await all.ask(alice, 'POST', '/tokens', beyond)
  assert.equal(own.status, 409)
  assert.match(own.text, /20 of your requests wait .* approval cancel/)
  for (const name of ['bob', 'carol', 'dave', 'erin']) await wait(await all.human(name), 20)
  const others = await all.ask(await all.human('frank'), 'POST', '/tokens', beyond)
  assert.equal(others.status, 409)
  assert.match(others.text, /too many requests/)
})

test('an act that takes long is carried out after a restart, if the server died after its approval', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const { approval } = await all.waits(alice, 'POST', '/backups', {})
  // Whatever would carry it out is gone: only the approval is committed.
  all.door.approvedActs.stop()
  const approved = (await all.approve(bob, approval)).json as Shown
  assert.equal(approved.state, 'approved')
  assert.equal((await all.door.context.backups.list()).length, 0)
  assert.equal((await all.ask(alice, 'POST', `/approvals/${approval.id}/cancel`)).status, 409)

  const { context } = all.door
  const after = all.door.nextApprovedActs()
  await after.look()
  assert.equal((await context.backups.list()).length, 1)
  assert.equal((await all.show(alice, approval)).state, 'done')
  await after.look()
  assert.equal((await context.backups.list()).length, 1, 'and once')
})

test('an approved act that fails says why, and is not tried again', async (t) => {
  const all = await TwoPersons.open(t)
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const before = new Date(all.clock.now() - 91 * dayMs).toISOString()
  const { approval } = await all.waits(alice, 'POST', '/audit/prune', { before })
  all.door.approvedActs.stop()
  assert.equal((await all.approve(bob, approval)).status, 200)
  await all.ask(bob, 'DELETE', `/tokens/${alice.token.id}`)
  const after = all.door.nextApprovedActs()
  await after.look()
  const { state, reason } = await all.show(bob, approval)
  assert.equal(state, 'failed')
  assert.match(reason ?? '', /token that asked for it was revoked/)
})

test('nobody who writes the database approves anything', async (t) => {
  const alarms: string[] = []
  const all = await TwoPersons.open(t, { alarm: (message) => alarms.push(message) })
  const [alice, bob] = [await all.human('alice'), await all.human('bob')]
  const { approval } = await all.waits(alice, 'POST', '/backups', {})
  const read = () => {
    using database = new DatabaseSync(all.door.file)
    return database.prepare(`SELECT body, mac FROM trust WHERE kind = 'approval'`).get() as {
      body: string
      mac: Uint8Array
    }
  }
  const write = ({ body, mac }: { body: string; mac: Uint8Array }) => {
    using database = new DatabaseSync(all.door.file, { timeout: 30_000 })
    database.prepare(`UPDATE trust SET body = ?, mac = ? WHERE kind = 'approval'`).run(body, mac)
  }
  const waiting = read()
  write({ ...waiting, body: waiting.body.replace('"state":"waiting"', '"state":"approved"') })
  await all.door.context.access.check()
  await all.door.approvedActs.look()
  assert.equal((await all.ask(bob, 'GET', `/approvals/${approval.id}`)).status, 404, 'it does not count')
  assert.match(alarms.join(), /was not written by this server, or was altered/)
  write(waiting)
  await all.door.context.access.check()
  assert.equal((await all.ask(bob, 'POST', `/approvals/${approval.id}/refuse`, {})).status, 200)
  write(waiting)
  await all.door.context.access.check()
  assert.equal((await all.approve(bob, approval)).status, 404, 'nor does one that is put back')
  assert.match(alarms.join(), /an older one that was put back/)
  await all.door.approvedActs.look()
  assert.equal((await all.door.context.backups.list()).length, 0)
})
