// An instance with custody `keyprotect` in a core without listeners, with its client, for tests of that custody.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { MaybePromise } from '../../../src/base/maybe-promise.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import { standardKeyLookAfterMs } from '../../../src/base/bounds.ts'
import { standardKeySweepAfterMs } from '../../../src/core/custody/keyprotect/bounds.ts'
import { StoreAround } from '../store/store-around.ts'
import { createKey, makeInstance, openCore, trustClient, type TestCoreOptions } from '../server/core.ts'

export type KeyProtectSite = Awaited<ReturnType<typeof openKeyProtectSite>>

export async function openKeyProtectSite(t: TestContext, options: TestCoreOptions = {}) {
  let around: StoreAround | undefined
  const core = await openCore(t, { ...options, wrap: (store) => (around = new StoreAround(store)) })
  assert.ok(around)
  core.clock.passedSleepMs = standardKeyLookAfterMs
  const instance = await makeInstance(core, 'vmware', { custody: 'keyprotect' })
  const { identify } = await trustClient(core, instance)
  const perform = <T>(work: (work: KeyTransaction) => MaybePromise<T>) => core.keys.perform(identify, work)
  const get = (id: string) =>
    perform(async (work) => {
      const { material } = await work.fetch(id)
      return Buffer.from(material.bytes)
    })
  /** As after a restart: nothing is in memory. */
  const forget = () => core.keyring.forget(instance.id)
  const rows = (state?: 'current' | 'due' | 'unwanted') =>
    core.store.standardKeys({ instanceId: instance.id, limit: 100, ...(state && { state }) })
  const { standardKeys } = core.rootKey
  /** A sweep eleven minutes later by the service's clock. */
  const sweepLater = async () => {
    standardKeys.aheadMs += standardKeySweepAfterMs
    await core.sweep()
  }
  const stateOf = async (id: string) => (await core.keys.show(instance.id, id))?.state
  return { core, around, instance, perform, get, forget, rows, standardKeys, sweepLater, stateOf }
}

const none = { message: undefined, compromiseOccurrenceDate: undefined }
export const revoke =
  (id: string, code = 'CessationOfOperation') =>
  (work: KeyTransaction) =>
    work.revoke(id, { code, ...none })

export async function activeKey({ perform }: Pick<KeyProtectSite, 'perform'>): Promise<string> {
  const id = await perform(createKey())
  await perform((work) => work.activate(id))
  return id
}
