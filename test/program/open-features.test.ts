// A server that lacks a feature: it serves without it, and it does not start where a setting or stored state needs it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { GuardedAct } from '../../src/core/ports/guarded-acts.ts'
import { Refusal } from '../../src/base/refusal.ts'
import { readConfig } from '../support/server/config.ts'
import { load, type Servers } from '../../src/program/features.ts'
import { openFeatures, requireFeatures } from '../../src/program/open-features.ts'
import { routes } from '../../src/program/routes.ts'
import { startDoor, type TestDoor } from '../support/server/admin-door.ts'
import { manager } from '../support/server/core.ts'
import { makeCertificate } from '../support/certificates/certificates.ts'

let door: TestDoor
before(async () => {
  door = await startDoor()
})
after(() => door.close())

/** Opens all features but these, after the check that serve.ts makes before it opens a door. */
async function openWithout(
  t: { after(close: () => Promise<void>): void },
  names: readonly (keyof Servers)[],
  variables: Readonly<Record<string, string>> = {},
) {
  const opened = new AsyncDisposableStack()
  t.after(() => opened.disposeAsync())
  const all = Object.entries(await load('server'))
  const servers = Object.fromEntries(all.filter(([name]) => !names.some((one) => one === name)))
  const config = readConfig({ data: '/var/lib/mortise' }, variables)
  await requireFeatures({ ...door.context, config }, Object.keys(servers))
  return openFeatures(door.context, opened, servers)
}

function noted(acts: readonly GuardedAct[]) {
  return door.context.notes.write('guarded-acts', { acts, before: [], atMs: 0, node: null })
}

async function gaugeValues(name: string): Promise<readonly number[] | undefined> {
  const metric = await door.context.metrics.registry.getSingleMetric(name)?.get()
  return metric?.values.map(({ value }) => value)
}

function refuses(message: RegExp, hint: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error))
    assert.match(error.message, message)
    assert.match(error.hint ?? '', hint)
    return true
  }
}

test('the features serve the routes that the list describes, and no others', async (t) => {
  const served = (await openWithout(t, [])).routes
  assert.deepEqual([...served.keys()].toSorted(), Object.keys(routes).toSorted())
  for (const [name, line] of Object.entries(routes)) assert.equal(served.get(name)?.line, line, name)
})

test('a server without alerts and approvals has none of their routes, and its conditions are found', async (t) => {
  const { routes, conditions, plugs } = await openWithout(t, ['alerts', 'approvals', 'siem', 'adopt'])
  assert.ok(routes.has('status'))
  for (const name of ['listAlerts', 'listApprovals', 'showSiem', 'setUpstream'])
    assert.ok(!routes.has(name), name)
  assert.deepEqual(plugs.approvals.acts, [])
  assert.ok(Array.isArray((await conditions.gather()).conditions))
})

test('the gauges of features show their state, and no old value while the store does not answer', async (t) => {
  const { conditions, measure } = await openWithout(t, [])
  measure(await conditions.gather())
  assert.deepEqual(await gaugeValues('mortise_upstreams'), [0])
  measure(null)
  assert.deepEqual(await gaugeValues('mortise_upstreams'), [])
})

test('acts that need a second person keep a server without approvals from starting', async (t) => {
  await assert.rejects(
    openWithout(t, ['approvals'], { MORTISE_APPROVAL_FOR: 'key destroy' }),
    refuses(/no feature approvals, and acts wait for a second person/, /empty approval\.for/),
  )
  await noted(['key destroy'])
  await assert.rejects(
    openWithout(t, ['approvals']),
    refuses(/no feature approvals/, /Start the server with a program that has it/),
  )
  await noted([])
})

test('targets of the audit log keep a server without siem from starting', async (t) => {
  for (const variables of [
    { MORTISE_SIEM_FILE: '/var/log/mortise/audit.jsonl' },
    { MORTISE_SIEM_SYSLOG: 'tls://siem.example:6514' },
  ])
    await assert.rejects(
      openWithout(t, ['siem'], variables),
      refuses(/no feature siem, and targets get the audit log/, /empty both settings/),
    )
})

test('an upstream keeps a server without adoption from starting', async (t) => {
  const { tls } = await makeCertificate({ commonName: 'vc', ownKey: true })
  const trust = { by: 'fingerprint', sha256: 'a1'.repeat(32) } as const
  const upstream = { id: 'one', servers: ['kmip.example:5696'], certificate: tls.cert, trust }
  const key = door.context.upstreamKeys.stored(upstream, Buffer.from('unused'))
  await door.context.trust.upstreams.set(manager, door.red.id, { upstream, key })
  await assert.rejects(
    openWithout(t, ['adopt']),
    refuses(/no feature adopt, and the instance red has an upstream/, /instance set red --no-upstream/),
  )
  await openWithout(t, ['alerts'])
})
