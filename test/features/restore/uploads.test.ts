// A file that somebody began to send and does not go on with: it leaves the disk by itself.

import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { uploadIdleMs } from '../../../src/features/restore/uploads.ts'
import { Uploads } from '../../../src/features/restore/uploads.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { storeFolder } from '../../support/store/store-place.ts'
import { until } from '../../support/time/until.ts'

test('a file that nobody goes on with is removed, and one that is used or gets its parts is not', async (t) => {
  const folder = path.join(await storeFolder(t), 'uploads')
  const clock = new MovableClock()
  const uploads = new Uploads(folder, clock)
  uploads.start((error) => assert.fail(String(error)))
  t.after(() => uploads.stop())
  const left = await uploads.begin(2)
  const used = await uploads.begin(1)
  const slow = await uploads.begin(3)
  await uploads.add(used, 0, Buffer.from('u'))
  const done = Promise.withResolvers<undefined>()
  const using = uploads.use(used, () => done.promise)
  for (let at = 0; at < 3; at++) {
    await uploads.add(slow, at, Buffer.from('s'))
    clock.pass(uploadIdleMs / 2)
  }
  await until(() => !existsSync(path.join(folder, left)))
  assert.deepEqual(readdirSync(folder).toSorted(), [used, slow].toSorted())
  done.resolve(undefined)
  await using
})
