// Which operations the work of a client may ask for: its list, and the rights of a ticket beyond it, which count what is committed.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import type { OperationRights } from '../../../src/core/keys/transaction/operation-rights.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import type { OperationName } from '../../../src/wire/kmip/operations.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { createKey, faults, openCoreWithClient } from '../../support/server/core.ts'

async function openAllowed(t: TestContext, ...allow: readonly string[]) {
  const site = await openCoreWithClient(t)
  const identify = async () => ({ ...(await site.identify()), allow })
  const perform = <T>(work: (work: KeyTransaction) => T | Promise<T>) =>
    site.core.keys.perform(identify, work)
  return { ...site, perform, performAll: site.perform }
}

/** Rights that write down what they are asked, and permit these operations. */
function rightsFor(...permitted: readonly string[]) {
  const asked: unknown[] = []
  const left = { count: 0 }
  const refuse = (operation: string) => {
    if (!permitted.includes(operation)) throw new Fault('NotAuthorised', `not ${operation}`)
  }
  const rights: OperationRights = {
    require: async (operation, object, groups) => {
      asked.push([operation, object, await groups()])
      refuse(operation)
      left.count += 1
      return () => void (left.count -= 1)
    },
    requireUse: async (operation, object, groups) => {
      asked.push([`use ${operation}`, object, await groups()])
      refuse(`use ${operation}`)
    },
  }
  return { rights, asked, left }
}

test('an operation is refused that the list of the client lacks, and the refusal is entered, unless nobody enters it', async (t) => {
  const { core, perform } = await openAllowed(t, 'Get')
  const asking = (operation: OperationName, action: 'key.get' | null) =>
    perform((work) => work.requirePermission(operation, action, 'k'))
  await asking('Get', 'key.get')
  await asking('Query', null)
  await assert.rejects(
    asking('Destroy', 'key.get'),
    faults(
      'PermissionDenied',
      /^this client may not ask for Destroy: an administrator allows it by mortise client set vcenter --allow Get,Destroy$/,
    ),
  )
  const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
  const { action, object, result, reason } = JSON.parse(entries[0]?.body ?? '{}') as AuditEntry
  assert.deepEqual([action, object, result, reason], ['key.get', 'k', 'refused', 'PermissionDenied'])
})

test('rights are asked for the operation and its object with its groups, and for each object that is used', async (t) => {
  const { perform, performAll } = await openAllowed(t, 'Get')
  const grouped = await performAll(createKey({ ObjectGroup: ['a', 'b'] }))
  const alone = await performAll(createKey())
  const { rights, asked, left } = rightsFor('Get', 'use Get')
  const get = (id: string) => (work: KeyTransaction) =>
    Promise.resolve(work.requirePermission('Get', 'key.get', id, rights)).then(() => work.fetch(id))
  await perform(get(grouped))
  await perform(get(alone))
  assert.deepEqual(asked.splice(0), [
    ['Get', grouped, ['a', 'b']],
    ['use Get', grouped, ['a', 'b']],
    ['Get', alone, []],
    ['use Get', alone, []],
  ])
  for (const [object, groups] of [
    [null, []],
    ['nobody', []],
  ] as const) {
    await perform((work) => work.requirePermission('Get', 'key.get', object, rights))
    assert.deepEqual(asked.splice(0), [['Get', object, groups]])
  }
  assert.equal(left.count, 4)
  await perform((work) => work.requirePermission('Query', null, null, rights)).catch(() => undefined)
  assert.deepEqual(asked.splice(0), [['Query', null, []]], 'rights hold for what every client may ask')
  const other = rightsFor('Get')
  await assert.rejects(
    perform((work) =>
      Promise.resolve(work.requirePermission('Get', 'key.get', alone, other.rights)).then(() =>
        work.fetch(alone),
      ),
    ),
    faults('NotAuthorised', /not use Get/),
  )
  assert.equal(other.left.count, 0, 'what was refused is given back')
  await assert.rejects(
    perform((work) => work.requirePermission('Destroy', 'key.destroy', alone, rights)),
    faults('PermissionDenied'),
    'rights add nothing to the list',
  )
})

test('what was counted is given back if the work fails or is undone, and once', async (t) => {
  const { perform } = await openAllowed(t, 'all')
  const { rights, left } = rightsFor('Create')
  let more = 0
  const create = async (work: KeyTransaction) => {
    await work.requirePermission('Create', 'key.create', null, rights)
    work.counted(() => void (more += 1))
    work.counted(undefined)
    return createKey()(work)
  }
  await perform(create)
  assert.deepEqual([left.count, more], [1, 0])
  await assert.rejects(
    perform(async (work) => {
      await create(work)
      throw new Fault('GeneralFailure', 'it failed')
    }),
    faults('GeneralFailure'),
  )
  assert.deepEqual([left.count, more], [1, 1])
  await perform(async (work) => {
    await create(work)
    work.undo(new Fault('GeneralFailure', 'the batch failed'))
  })
  assert.deepEqual([left.count, more], [1, 2])
})

test('a party is the client with its instance, and bytes that an answer needs are wiped after it', async (t) => {
  const { instance, perform } = await openAllowed(t, 'all')
  const bytes = Buffer.from('copy')
  const party = await perform((work) => {
    work.wipeLater(bytes)
    assert.equal(bytes.toString(), 'copy')
    work.wipe()
    return work.party
  })
  assert.deepEqual(bytes, Buffer.alloc(4))
  assert.deepEqual((JSON.parse(party) as unknown[]).slice(0, 2), [instance.id, 'client'])
})

test('a deactivation is entered as a revocation without its reason, and with its own', async (t) => {
  const { core, instance, perform } = await openAllowed(t, 'all')
  const id = await perform(createKey({ ActivationDate: 0n }))
  await perform((work) => work.deactivate(id, { code: 'Unspecified', message: undefined }))
  assert.equal((await core.keys.show(instance.id, id))?.state, 'Deactivated')
  const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
  const { action, detail } = JSON.parse(entries[0]?.body ?? '{}') as AuditEntry
  assert.deepEqual(
    [action, detail],
    ['key.revoke', { reason: 'Unspecified', deactivationReason: 'Unspecified' }],
  )
})
