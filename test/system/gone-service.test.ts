// A service instance is gone for good while standard keys are still to be deleted there: the condition ends when a manager gives
// them up, also across a killed server, and not before. The real server, its command line and the Key Protect fake.

import assert from 'node:assert/strict'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, afterEach, test } from 'node:test'
import { openSite, type CustodySite } from '../support/root-keys/custody.ts'
import { inProcess } from '../support/server/command.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { until } from '../support/time/until.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
afterEach(() => fake.calm())
const service = fake.about.instance
const forget = ['root-key', 'forget-left'] as const

/** Two keys, of an instance that is shredded while the service does not answer. */
async function shredded(killable = false): Promise<CustodySite> {
  const site = await openSite(fake, { custody: 'keyprotect', killable })
  const talk = await site.talk()
  for (let key = 0; key < 2; key++) await talk.create()
  talk.close()
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  await site.server.json('instance', 'delete', 'vmware', '--shred', 'vmware')
  return site
}

/** As Key Protect answers about an instance that its owner deleted: as to a service ID without a role. */
async function deleteService({ serviceId }: CustodySite): Promise<void> {
  await fake.control('POST', 'listeners', { keyProtect: 'up' })
  await fake.control('PUT', `service-ids/${serviceId}/policies`, { policies: [] })
}

interface Condition {
  readonly id: string
  readonly message: string
  readonly action: string
}

async function leftOf({ server }: CustodySite): Promise<readonly Condition[]> {
  const { conditions } = (await server.json('status')) as { readonly conditions: readonly Condition[] }
  return conditions.filter(({ id }) => id === 'standard-keys-left')
}

function rowsOf({ server }: CustodySite): readonly string[] {
  const database = new DatabaseSync(path.join(server.data, 'mortise.db'), { readOnly: true })
  const rows = database.prepare('SELECT kind FROM standard_keys ORDER BY kind').all()
  database.close()
  return rows.map(({ kind }) => String(kind))
}

test('a service instance that was deleted: the advice has the command, which asks, says what it is about, and ends it', async () => {
  await using site = await shredded()
  const { server, instanceId } = site
  await deleteService(site)
  const command = `mortise root-key forget-left keyprotect://${fake.about.keyProtect}/${service}`
  assert.ok((await leftOf(site))[0]?.action.endsWith(command), (await leftOf(site))[0]?.action)
  const { stdout: listed } = await server.cli('root-key', 'left')
  assert.match(listed, new RegExp(`^${service}  2     ${instanceId}  -       keyprotect://`, 'm'))
  const script = await server.cli(...forget, service)
  assert.equal(script.code, 2)
  assert.match(script.stderr, /without a terminal you cannot confirm this: add --left 2/)
  const typed = (input: string) =>
    inProcess([...forget, `keyprotect://${fake.about.keyProtect}/${service}`, '--data', server.data], {
      input,
      terminal: true,
    })
  const refused = await typed('3\n')
  assert.deepEqual([refused.code, refused.stdout], [1, ''])
  assert.match(refused.stderr, /nothing was forgotten/)
  assert.equal((await leftOf(site)).length, 1)
  const { code, stdout, stderr } = await typed('2\n')
  assert.equal(code, 0, stderr)
  assert.match(
    stderr,
    new RegExp(`^Still to be deleted at the service instance ${service}: 2 standard keys\\.$`, 'm'),
  )
  assert.match(stderr, new RegExp(`^  2 of the instance ${instanceId}, which is gone$`, 'm'))
  assert.match(stderr, /^When it was last asked: Key Protect at .* cannot be reached/m)
  assert.match(
    stderr,
    /every user of the root key can open it, and a restore from there brings the keys back/,
  )
  assert.match(stdout, /^Forgotten: 2 standard keys at the service instance/m)
  assert.match(stdout, /^When it was last asked: Key Protect at .* refuses: .*HTTP 403/m)
  assert.deepEqual([await leftOf(site), rowsOf(site)], [[], []])
  const [entry] = await site.audit('--action', 'standard-key.forget')
  assert.deepEqual([entry?.object, entry?.detail?.['left']], [service, 2])
  await site.restart()
  assert.deepEqual(await leftOf(site), [])
  const again = await server.cli(...forget, service, '--left', '2')
  assert.match(again.stderr, /no standard keys are left at the service instance/)
})

test('a service that ended, and a server that is killed before and after: all of it is left, or nothing', async () => {
  await using site = await shredded(true)
  await fake.control('POST', 'listeners', { keyProtect: 'up' })
  await fake.fault({ on: '*', kind: 'hang', times: null })
  await fake.forgetCalls()
  const cut = site.server.cli(...forget, service, '--left', '2')
  await until(async () => (await fake.calls()).length > 0)
  await site.kill()
  assert.equal((await cut).code, 1)
  assert.deepEqual(rowsOf(site), ['marker', 'object', 'object'])
  await fake.calm()
  await fake.control('POST', 'listeners', { keyProtect: 'down' })
  await site.restart()
  await until(async () => (await leftOf(site)).length === 1)
  const { left, cause } = (await site.server.json(...forget, service, '--left', '2')) as {
    readonly left: number
    readonly cause: string
  }
  assert.equal(left, 2)
  assert.match(cause, /cannot be reached/)
  await site.kill()
  await site.restart()
  assert.deepEqual([await leftOf(site), rowsOf(site)], [[], []])
})

test('while the service answers, and while keys in use are stored there, it is refused and says why', async () => {
  await using site = await shredded()
  const { server } = site
  await fake.control('POST', 'listeners', { keyProtect: 'up' })
  const policies = [{ instance: service, roles: ['Writer'] }]
  await fake.control('PUT', `service-ids/${site.serviceId}/policies`, { policies })
  const answers = await server.cli(...forget, service, '--left', '2')
  assert.equal(answers.code, 1)
  assert.match(answers.stderr, /answers, so it is not gone\n.*every minute/)
  await fake.control('PUT', `service-ids/${site.serviceId}/policies`, {
    policies: [{ instance: service, roles: ['Manager'] }],
  })
  await server.json(
    'instance',
    'create',
    'new',
    '--root-key',
    fake.uri(await fake.rootKey()),
    '--custody',
    'keyprotect',
  )
  await server.json('key', 'create', '--instance', 'new')
  await deleteService(site)
  const inUse = await server.cli(...forget, service)
  assert.equal(inUse.code, 1)
  assert.match(inUse.stderr, /in use are stored at the service instance .* those of new \(1\)/)
})

test('an instance that was sent to a service instance which is gone is sent on, and nothing waits for that one', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const { server } = site
  const talk = await site.talk()
  await talk.create()
  talk.close()
  const { guid } = await fake.control<{ guid: string }>('POST', 'instances')
  const { apiKey } = await fake.serviceId({ roles: ['Manager'], instance: guid })
  const headers = { Authorization: `Bearer ${await fake.token(apiKey)}`, 'Bluemix-Instance': guid }
  const goneUri = fake.uri(await fake.rootKey({}, headers), { instance: guid })
  const allow = (...instances: readonly string[]) =>
    fake.control('PUT', `service-ids/${site.serviceId}/policies`, {
      policies: instances.map((instance) => ({ instance, roles: ['Manager'] })),
    })
  const send = (uri: string) =>
    server.cli('instance', 'set-root-key', 'vmware', '--root-key', uri, '--custody', 'keyprotect')
  const conditions = async () => {
    const status = (await server.json('status')) as { readonly conditions: readonly Condition[] }
    return status.conditions.map(({ id }) => id)
  }
  await allow(service, guid)
  // The trial of the new root key makes one, and nothing comes there after that.
  await fake.fault({ on: 'create', kind: 'status', status: 503, skip: 1, times: null })
  const first = send(goneUri)
  await until(async () => (await conditions()).includes('work-waits'))
  await allow(service)
  await fake.calm()
  const { code, stdout, stderr } = await send(fake.uri(await fake.rootKey()))
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^The instance vmware is sealed by /)
  assert.equal((await site.audit('--action', 'data-key.remove')).length, 1)
  assert.match((await first).stderr, /was sent elsewhere meanwhile/)
  assert.deepEqual(await conditions(), ['root-key-not-copied'])
  const rewrapped = await server.cli('instance', 'rewrap', 'vmware')
  assert.equal(rewrapped.code, 0, rewrapped.stderr)
})

test('where a revoked key is left behind, no root key that may have sealed it is said to be needless', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const talk = await site.talk()
  const key = await talk.create()
  talk.close()
  await fake.admin('DELETE', `/keys/${await site.standardKeyOf(key)}`)
  const second = fake.uri(await fake.rootKey())
  const moves = [
    [second, 'keyprotect', 'keyprotect:'],
    ['file:other.key', 'database', second],
  ] as const
  for (const [to, custody, before] of moves) {
    const move = ['set-root-key', 'vmware', '--root-key', to, '--custody', custody] as const
    const { code, stdout, stderr } = await site.server.cli('instance', ...move)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^Left as they are.*: 1\.$/m)
    // The second move leaves it beside the first root key.
    const keep = `^If what was left is .*, keep the root key that sealed it: ${before}.*, or an earlier one\\.`
    assert.match(stdout, new RegExp(keep, 'm'))
    assert.doesNotMatch(stdout, /does not need/)
  }
})
