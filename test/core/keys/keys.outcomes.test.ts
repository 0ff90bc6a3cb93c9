// What comes of work whose commit takes something along or is followed by something: a second person's consent, and what the root
// key's service is told afterwards. A failure that is expected is an answer; any other comes through as it is.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { CustodyRefused } from '../../../src/core/custody/custody.ts'
import { RootKeyError } from '../../../src/core/ports/root-key.ts'
import { KeysUnavailable } from '../../../src/core/sealing/unwrap-cache.ts'
import { StoreConflict, StoreUnavailable } from '../../../src/core/ports/store.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import type { Consent } from '../../../src/core/trust/consent.ts'
import { createKey, faults, openCoreWithClient } from '../../support/server/core.ts'
import { openKeyProtectSite } from '../../support/root-keys/keyprotect-site.ts'

test('a consent changes rows and adds its entries in the commit of the act that it is for', async (t) => {
  const { core, instance, identify } = await openCoreWithClient(t)
  const entry = (caller: Awaited<ReturnType<typeof identify>>, nowMs: number): AuditEntry => ({
    atMs: nowMs,
    action: 'approval.approve',
    result: 'success',
    instanceId: instance.id,
    object: null,
    actor: caller.actor,
    reason: null,
    requestId: 'request-2',
    detail: null,
  })
  const asked: number[] = []
  const identifyConsenting = async () => {
    const caller = await identify()
    const consent: Consent = {
      along: (_snapshot, nowMs) => {
        asked.push(nowMs)
        const value = { ...instance, objectsMax: 77 }
        return {
          put: [{ kind: 'instance', value }],
          writes: [{ type: 'adopted-on-demand', instanceId: instance.id, atMs: nowMs }],
          entries: [entry(caller, nowMs)],
        }
      },
      isUsed: () => asked.length > 0,
    }
    return { ...caller, consent }
  }
  await core.keys.perform(identifyConsenting, createKey())
  assert.deepEqual(asked, [core.clock.now()])
  assert.equal((await core.store.adoptedOnDemand(instance.id)).count, 1)
  const { version } = await core.store.trust()
  assert.equal((await core.access.instance(instance.id, version))?.objectsMax, 77)
  const page = await core.store.audit({ order: 'newest', limit: 2 })
  const actions = page.entries.map(({ body }) => (JSON.parse(body) as AuditEntry).action)
  assert.deepEqual(actions.toSorted(), ['approval.approve', 'key.create'])
})

/** A key is destroyed, and the first commit after that of the act fails. */
async function destroyThenFail(t: TestContext, failure: Error) {
  const site = await openKeyProtectSite(t)
  const id = await site.perform(createKey())
  site.around.after = ({ writes }) => {
    if (!writes.some(({ type }) => type === 'object')) return
    site.around.before = () => {
      site.around.before = () => undefined
      throw failure
    }
  }
  const destroy = site.perform((work) => work.destroy(id))
  const outcome = await destroy.then(
    () => assert.fail('it was done as if nothing had failed'),
    (error: Error) => error,
  )
  assert.equal(await site.stateOf(id), 'Destroyed')
  return outcome
}

test('if the service or the store fails once the change is committed, the answer says that it was done', async (t) => {
  for (const failure of [
    new RootKeyError('unreachable', 'no answer'),
    new StoreUnavailable('busy', 'no turn'),
    new StoreConflict('object', 'changed meanwhile'),
  ]) {
    const outcome = await destroyThenFail(t, failure)
    faults('GeneralFailure', /was done on this server, but could not be recorded/)(outcome)
    assert.equal(outcome.cause, failure)
  }
})

test('a bug that shows once the change is committed comes through as it is', async (t) => {
  const bug = new TypeError('a bug')
  assert.equal(await destroyThenFail(t, bug), bug)
})

test('what hinders work is told in words that are safe to send, with its cause', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  for (const [error, text] of [
    [new StoreConflict('object', 'secret'), /changed by others all the time/],
    [new StoreUnavailable('full', 'secret'), /disk is full/],
    [new StoreUnavailable('busy', 'secret'), /overloaded/],
    [new StoreUnavailable('unavailable', 'secret'), /cannot reach its store/],
    [new CustodyRefused('not-kept', 'an object of this kind cannot be stored'), /cannot be stored/],
    [new KeysUnavailable('unreachable', 'secret'), /cannot be reached/],
    [new KeysUnavailable('root-key', 'secret'), /was withdrawn/],
    [new KeysUnavailable('call', 'secret'), /lacks a role/],
    [new KeysUnavailable('wrapped-form', 'secret'), /does not open/],
  ] as const) {
    const refused = perform((work) => {
      work.enter('instance.constraints')
      return Promise.reject(error)
    })
    await assert.rejects(refused, (fault: Error) => {
      faults('GeneralFailure', text)(fault)
      assert.doesNotMatch(fault.message, /secret/)
      assert.equal(fault.cause, error)
      return true
    })
  }
  const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
  assert.equal((JSON.parse(entries[0]?.body ?? '{}') as AuditEntry).action, 'instance.constraints')
})
