// The anchor of a node on PostgreSQL, which is written beside the thread that serves requests.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { newestAnchor } from '../../../../src/core/audit/anchor.ts'
import { AnchorFile } from '../../../../src/outside/store/audit/anchor-file.ts'
import { AnchorKeeper } from '../../../../src/outside/store/audit/anchor-keeper.ts'
import { anchorKey, storeFolder } from '../../../support/store/store-place.ts'

const at = (order: number) => ({ trustVersion: order, checkpoint: null, heads: [], marks: null, order })

async function begin(t: TestContext) {
  const file = path.join(await storeFolder(t), 'anchor')
  const told: string[] = []
  const onTrouble = (message: string) => told.push(message)
  const keeper = AnchorKeeper.start({ file, key: anchorKey, isNewFile: false, onTrouble }, at(0))
  const anchor = () => newestAnchor(AnchorFile.read(file) ?? [], anchorKey)?.anchor
  return { keeper, anchor, told }
}

/** `meets`: called before each write to a file; it goes on once that resolves. */
function writes(t: TestContext, meets: () => Promise<Error | null>): { readonly calls: () => number } {
  const { write } = fs
  const mocked = t.mock.method(fs, 'write', ((...args: Parameters<typeof write>) => {
    const done = args.at(-1) as unknown as (error: Error | null) => void
    const go = async () => {
      const error = await meets()
      if (error) done(error)
      else write(...args)
    }
    void go()
  }) as typeof write)
  syncBuiltinESMExports()
  t.after(() => {
    mocked.mock.restore()
    syncBuiltinESMExports()
  })
  return { calls: () => mocked.mock.callCount() }
}

test('while the disk hangs, positions wait, and the newest is written once it does not', async (t) => {
  const { keeper, anchor, told } = await begin(t)
  const going = Promise.withResolvers<null>()
  const { calls } = writes(t, () => going.promise)
  for (const order of [1, 2, 3]) keeper.noteAside(at(order), order === 2)
  assert.equal(calls(), 1)
  assert.equal(anchor()?.trustVersion, 0)
  going.resolve(null)
  await keeper.end()
  assert.deepEqual([calls(), anchor()?.trustVersion, anchor()?.sequence], [2, 3, 3])
  assert.deepEqual(told, [])
})

test('a position that cannot be written is told once, and a later one is written', async (t) => {
  const { keeper, anchor, told } = await begin(t)
  let error: Error | null = new Error('EIO')
  writes(t, async () => error)
  for (const order of [1, 2]) {
    keeper.noteAside(at(order), false)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(told.length, 1)
  assert.match(told[0] ?? '', /the anchor beside the database cannot be written \(.*EIO/)
  error = null
  keeper.noteAside(at(3), true)
  await keeper.end()
  assert.equal(anchor()?.trustVersion, 3)
})
