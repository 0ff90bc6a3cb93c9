// How many connections the KMIP listener may hold where a process may have few files open.

import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import {
  connectionsMax,
  connectionsPerAddressMax,
  knownConnectionsKept,
  proxyHeadersWaitingMax,
} from '../../src/base/bounds.ts'
import { openFilesKept } from '../../src/program/open-files.ts'
import { connectionLimits, openFilesMax } from '../../src/program/open-files.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-files-'))

function limitsFile(line: string): string {
  const file = path.join(folder, 'limits')
  writeFileSync(file, `Limit                     Soft Limit           Hard Limit           Units\n${line}\n`)
  return file
}

test('the soft limit of the process counts, if the system states one', () => {
  const line = 'Max open files            1024                 524288               files     '
  assert.equal(openFilesMax(limitsFile(line)), 1_024)
  const unlimited = 'Max open files            unlimited            unlimited            files     '
  assert.equal(openFilesMax(limitsFile(unlimited)), Infinity)
  assert.equal(openFilesMax(path.join(folder, 'none')), Infinity)
})

const whole = { connectionsMax, connectionsPerAddressMax, proxyHeadersWaitingMax, knownConnectionsKept }

test('with enough files a node holds as many as its limits say, together in all of its processes', () => {
  const enough = connectionsMax + proxyHeadersWaitingMax + openFilesKept
  assert.deepEqual(connectionLimits(enough, 1), whole)
  assert.ok(connectionLimits(enough - 20, 1).connectionsMax < connectionsMax)
  const half = Object.fromEntries(Object.entries(whole).map(([name, count]) => [name, count / 2]))
  assert.deepEqual(connectionLimits(Infinity, 2), half)
})

test('with few files, connections leave some to the rest, and each address leaves some to others', () => {
  for (const openFiles of [64, 256, 1_024, 4_096]) {
    const bounds = connectionLimits(openFiles, 1)
    const taken = bounds.connectionsMax + bounds.proxyHeadersWaitingMax
    assert.ok(taken <= openFiles - Math.min(openFilesKept, openFiles / 2) + 2, String(openFiles))
    assert.ok(bounds.connectionsPerAddressMax < bounds.connectionsMax)
    assert.ok(Object.values(bounds).every((count) => count > 0))
  }
})
