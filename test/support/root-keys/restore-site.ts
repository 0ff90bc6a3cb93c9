// An instance with custody `keyprotect`, and servers that never heard of it, for tests that bring it back from what lies beside
// its root key.

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import { standardKeyName } from '../../../src/core/custody/keyprotect/description.ts'
import type { KeyProtectReport } from '../../../src/features/restore/report.ts'
import type {
  KeyProtectProgress,
  KeyProtectRestoreRequest,
  Working,
} from '../../../src/features/restore/source.ts'
import { keyProtectSource } from '../../../src/features/restore/sources/key-protect.ts'
import { restoreInstance } from '../../../src/features/restore/write.ts'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import type { RootKey } from '../../../src/core/ports/root-key.ts'
import type { Instance } from '../../../src/core/trust/rows.ts'
import {
  attributeSet,
  makeInstance,
  openCore,
  trustClient,
  type TestCore,
  type TestCoreOptions,
} from '../server/core.ts'
import type { FaultyRootKey } from './faulty-root-key.ts'

export interface Site {
  readonly core: TestCore
  readonly instance: Instance
  readonly perform: <T>(work: (work: KeyTransaction) => Promise<T>) => Promise<T>
  /** Makes an AES key, Active unless told otherwise. */
  readonly key: (more?: Readonly<Record<string, unknown>>, state?: 'PreActive' | 'Active') => Promise<string>
}

export async function siteOf(core: TestCore, instance: Instance): Promise<Site> {
  const { identify } = await trustClient(core, instance)
  const perform = <T>(work: (work: KeyTransaction) => Promise<T>) => core.keys.perform(identify, work)
  return {
    core,
    instance,
    perform,
    key: (more, state = 'Active') =>
      perform(async (work) => {
        const id = await work.create({ objectType: 'SymmetricKey', attributes: aes(more) })
        if (state === 'Active') await work.activate(id)
        return id
      }),
  }
}

function aes(more: Readonly<Record<string, unknown>> = {}) {
  return attributeSet({ CryptographicAlgorithm: 'AES', CryptographicLength: 256, ...more })
}

export async function openSite(t: TestContext, name = 'vmware', core?: TestCore): Promise<Site> {
  const there = core ?? (await openCore(t))
  const instance = await makeInstance(there, name, { custody: 'keyprotect' })
  return siteOf(there, instance)
}

/** A store that never heard of it, which reaches the same root key. */
export function emptyWorld(
  t: TestContext,
  rootKey: RootKey,
  options: TestCoreOptions = {},
): Promise<TestCore> {
  return openCore(t, { ...options, rootKeys: [rootKey] })
}

export function restore(
  core: TestCore,
  rootKeyUri: string,
  wanted: Partial<KeyProtectRestoreRequest> = {},
  restoring: Partial<Working<KeyProtectProgress>> = {},
): Promise<KeyProtectReport> {
  const { store, clock, marks, access, keyring, custodies, trust } = core
  const apiKeys = { with: () => assert.fail('no API key was given') }
  const parts = { store, clock, marks, access, keyring, custodies, apiKeys, trust }
  const working = {
    onProgress: () => undefined,
    signal: new AbortController().signal,
    ...restoring,
  }
  const source = keyProtectSource(parts, serverActor, { rootKeyUri, ...wanted }, working)
  return restoreInstance(store, source, working.signal)
}

export async function bytesOf({ perform }: Pick<Site, 'perform'>, id: string): Promise<string> {
  return perform(async (work) => Buffer.from((await work.fetch(id)).material.bytes).toString('hex'))
}

export async function stateOf({ core, instance }: Pick<Site, 'core' | 'instance'>, id: string) {
  return (await core.keys.show(instance.id, id))?.state
}

export function standardKeyOf(rootKey: FaultyRootKey, identifier: string) {
  const found = rootKey.standardKeys.live(standardKeyName(identifier))
  return found.at(-1) ?? assert.fail(`no standard key of ${identifier}`)
}
