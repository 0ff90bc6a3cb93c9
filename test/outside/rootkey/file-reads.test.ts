// Root key files on a disk that hangs: one read of it waits for the disk, the others wait for that one, and other disks are read.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { RootKeyFileReads } from '../../../src/outside/rootkey/file-reads.ts'

/** Reads that are told when to end. */
function disks() {
  const reads = new RootKeyFileReads()
  const begun: string[] = []
  const read = (file: string, { device = 1, until = Promise.resolve() } = {}) =>
    reads.run(file, async () => {
      begun.push(file)
      await until
      return { device }
    })
  return { begun, read }
}

test('of a disk that hangs one file is read at a time, and other disks are read meanwhile', async () => {
  const { begun, read } = disks()
  const disk = Promise.withResolvers<void>()
  const hanging = ['/proc/a.key', '/proc/b/c.key', '/proc/a.key'].map((file) =>
    read(file, { until: disk.promise }),
  )
  await read('/a.key')
  await read('/procedure/a.key')
  await nextTurn()
  assert.deepEqual(begun, ['/proc/a.key', '/a.key', '/procedure/a.key'])
  disk.resolve()
  await Promise.all(hanging)
  assert.equal(begun.length, 5)
})

test('a link to another disk counts as on that one once it was read; what fails is no turn for ever', async () => {
  const { begun, read } = disks()
  await read('/link.key', { device: 2 })
  await read('/own.key', { device: 1 })
  await assert.rejects(read('/proc/none.key', { until: Promise.reject(new Error('away')) }), /away/)
  const disk = Promise.withResolvers<void>()
  const hanging = read('/link.key', { device: 2, until: disk.promise })
  await read('/own.key')
  await read('/proc/none.key')
  disk.resolve()
  await hanging
  assert.deepEqual(begun.slice(3), ['/link.key', '/own.key', '/proc/none.key'])
})
