// The rules for objects to come are trusted rows: those of one instance, kept over a restart, decided on at the moment of the
// commit, and of no effect once somebody edited the database.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import {
  attributeSet,
  createKey,
  edit,
  faults,
  identifyAs,
  makeInstance,
  openCoreWithClient,
  trustClient,
} from '../../support/server/core.ts'

const only128 = [
  { objectTypes: [], objectGroups: [], attributes: attributeSet({ CryptographicLength: 128 }) },
]

test('the rules of an instance hold there alone, and outlive a restart', async (t) => {
  const { core, identity, perform } = await openCoreWithClient(t)
  const other = await trustClient(core, await makeInstance(core, 'other'), 'elsewhere')
  await perform((work) => work.rules.setConstraints(only128))
  await assert.rejects(perform(createKey()), faults('ConstraintViolation'))
  await core.keys.perform(other.identify, createKey())
  const again = await core.reopen()
  await assert.rejects(
    again.keys.perform(identifyAs(again, identity), createKey()),
    faults('ConstraintViolation'),
  )
})

test('a key that is made while the constraints change is made before them or held to them', async (t) => {
  const { perform } = await openCoreWithClient(t)
  let begun = 0
  const created = perform(async (work) => {
    const isFirst = begun++ === 0
    const made = await createKey()(work)
    if (isFirst) await perform((other) => other.rules.setConstraints(only128))
    return made
  })
  await assert.rejects(created, faults('ConstraintViolation'))
  assert.equal(begun, 2)
})

test('somebody who edits the database loosens no constraint', async (t) => {
  const { core, instance, perform } = await openCoreWithClient(t)
  await perform((work) => work.rules.setConstraints(only128))
  const changed = edit(
    core.file,
    "UPDATE trust SET body = json_remove(body, '$.objectConstraints') WHERE kind = 'instance' AND id = ?",
    instance.id,
  )
  assert.equal(changed, 1)
  await core.access.check()
  await assert.rejects(perform(createKey()), faults('AuthenticationNotSuccessful'))
})

test('setting rules returns those that they replace, and each act is entered', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const comment = [{ objectTypes: [], objectGroups: ['g'], attributes: attributeSet({ Comment: 'c' }) }]
  assert.deepEqual(await perform((work) => work.rules.setDefaults(comment)), [])
  assert.deepEqual(await perform((work) => work.rules.setDefaults(only128)), comment)
  assert.deepEqual(await perform((work) => work.rules.setConstraints(comment)), [])
  assert.deepEqual(await perform((work) => work.rules.defaults()), only128)
  assert.deepEqual(await perform((work) => work.rules.constraints()), comment)
  const inOne = perform(async (work) => {
    await work.rules.setDefaults([])
    return work.rules.defaults()
  })
  assert.deepEqual(await inOne, [], 'a later item sees what an earlier one set')
  const { entries } = await core.store.audit({ order: 'oldest', limit: 99 })
  assert.deepEqual(
    entries
      .map(({ body }) => JSON.parse(body) as AuditEntry)
      .filter(({ action }) => /constraints|defaults/.test(action))
      .map(({ action, detail }) => `${action} ${String(detail?.['rules'])}`)
      .toSorted(),
    [
      'instance.constraints undefined',
      'instance.set-constraints 1',
      'instance.set-defaults 0',
      'instance.set-defaults 1',
      'instance.set-defaults 1',
    ],
  )
})
