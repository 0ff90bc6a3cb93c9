// Check: which uses an object allows, and what the answer repeats.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyTransaction } from '../../../src/core/keys/key-transaction.ts'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import type { Version } from '../../../src/wire/kmip/version.ts'
import { check } from '../../../src/core/operations/check.ts'
import type { Context } from '../../../src/core/operations/handler.ts'
import { Placeholder } from '../../../src/core/operations/placeholder.ts'
import { attributeSet, faults } from '../../support/server/core.ts'

function ask(
  attributes: Readonly<Record<string, unknown>>,
  request: Partial<Request<'Check'>>,
  version: Version = '1.4',
) {
  const transaction = { attributes: async () => attributeSet(attributes) } as unknown as KeyTransaction
  const context = { transaction, version, placeholder: new Placeholder('k') } as unknown as Context
  return check(context, request)
}

const limited = (total: bigint, count?: bigint) => {
  return {
    UsageLimits: {
      UsageLimitsTotal: total,
      UsageLimitsUnit: 'Byte',
      ...(count !== undefined && { UsageLimitsCount: count }),
    },
  }
}

test('the answer repeats each use that the object does not allow, without the identifier', async () => {
  const mask = { CryptographicUsageMask: 0b0110 }
  const table: readonly [Readonly<Record<string, unknown>>, Partial<Request<'Check'>>, object][] = [
    [{}, {}, {}],
    [mask, {}, {}],
    [mask, { CryptographicUsageMask: 0b0010 }, {}],
    [mask, { CryptographicUsageMask: 0b0110 }, {}],
    [mask, { CryptographicUsageMask: 0b0111 }, { CryptographicUsageMask: 0b0111 }],
    [mask, { CryptographicUsageMask: 0 }, {}],
    [{}, { CryptographicUsageMask: 1 }, { CryptographicUsageMask: 1 }],
    [{}, { UsageLimitsCount: 5n }, {}],
    [{}, { LeaseTime: 3600 }, {}],
    [{ LeaseTime: 60 }, { LeaseTime: 61 }, { LeaseTime: 61 }],
    [limited(5n), { UsageLimitsCount: 5n }, {}],
    [limited(5n), { UsageLimitsCount: 6n }, { UsageLimitsCount: 6n }],
    [limited(9n, 5n), { UsageLimitsCount: 5n }, {}],
    [limited(9n, 5n), { UsageLimitsCount: 6n }, { UsageLimitsCount: 6n }],
    [limited(9n, 0n), { UsageLimitsCount: 1n }, { UsageLimitsCount: 1n }],
  ]
  for (const [attributes, request, refused] of table)
    assert.deepEqual(
      await ask(attributes, request),
      Object.keys(refused).length > 0 ? refused : { UniqueIdentifier: 'k' },
    )
})

test('since 2.1 a mask that is not allowed is a fault of its own', async () => {
  const mask = { CryptographicUsageMask: 2 }
  await assert.rejects(
    async () => ask(mask, { CryptographicUsageMask: 1 }, '2.1'),
    faults('IncompatibleCryptographicUsageMask'),
  )
  assert.deepEqual(await ask(mask, mask, '2.1'), { UniqueIdentifier: 'k' })
  assert.equal((await ask(mask, { CryptographicUsageMask: 1 }, '2.0')).CryptographicUsageMask, 1)
})
