// Each feature that a server can lack is deleted from a copy of the sources: what remains compiles, and a server starts from it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { root } from '../../support/repository/sources.ts'
import { featureList, optionalFeatures } from '../../support/repository/structure.ts'

test('what remains without a feature compiles and starts, whichever it is', () => {
  const script = path.join(root, 'scripts/without-feature.ts')
  const { status, stdout } = spawnSync(process.execPath, [...process.execArgv, script], { encoding: 'utf8' })
  assert.equal(status, 0, stdout)
  const names = [...optionalFeatures(readFileSync(path.join(root, featureList), 'utf8')).keys()]
  assert.ok(names.length >= 14)
  assert.equal(stdout.match(/: compiles and starts without it$/gm)?.length, names.length, stdout)
})
