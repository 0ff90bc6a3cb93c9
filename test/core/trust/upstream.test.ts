// Whether the old server is asked: a restore turns it off until a manager turns it on, and the first reason stays.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Instance } from '../../../src/core/trust/rows.ts'
import { withUpstreamOff, withUpstreamOn, type Upstream } from '../../../src/core/trust/upstream.ts'

const instance: Instance = {
  id: 'an id',
  name: 'default',
  custody: 'database',
  rootKeyUri: 'file:root.key',
  cacheSeconds: 300,
  outageSeconds: 3600,
  expiredGraceDays: 30,
  portable: false,
  createdMs: 1,
}
const upstream: Upstream = {
  id: 'another id',
  servers: ['192.0.2.1:5696'],
  certificate: 'a certificate',
  trust: { by: 'fingerprint', sha256: '00'.repeat(32) },
  sinceMs: 2,
}

test('a restore turns the old server off; an instance without one stays as it is', () => {
  assert.equal(withUpstreamOff(instance, 5), instance)
  const off = { why: 'restored', atMs: 5 } as const
  assert.deepEqual(withUpstreamOff({ ...instance, upstream }, 5), {
    ...instance,
    upstream: { ...upstream, off },
  })
})

test('a second restore keeps the time of the first; turned on, it is as it was', () => {
  const once = withUpstreamOff({ ...instance, upstream }, 5)
  assert.deepEqual(withUpstreamOff(once, 9), once)
  assert.deepEqual(once.upstream && withUpstreamOn(once.upstream), upstream)
})
