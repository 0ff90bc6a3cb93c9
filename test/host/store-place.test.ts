// Where the store is, as the configuration names it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseHosts } from '../../src/host/store-place.ts'

for (const [store, hosts] of [
  ['', []],
  ['keys.db', []],
  ['postgres://mortise@db-1,db-2:5433/mortise?sslmode=verify-full', ['db-1', 'db-2']],
  ['postgres://mortise@/mortise?host=/var/run/postgresql', []],
] as const)
  test(`the hosts of the store "${store}": ${hosts.join(', ') || 'none'}`, () => {
    assert.deepEqual(databaseHosts({ store }), hosts)
  })
