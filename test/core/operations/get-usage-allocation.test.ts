// Get Usage Allocation and Obtain Lease (KMIP 1.4 §4.17, §4.18, §11.18, §11.19) through the mTLS listener.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attribute, served, type KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const now = BigInt(Math.floor(Date.now() / 1000))
const limited = attribute('Usage Limits', { UsageLimitsTotal: 10n, UsageLimitsUnit: 'Byte' })

for (const version of served)
  test(`${version}: an allocation is taken from what is left, and never more, however many ask at once`, async () => {
    const UniqueIdentifier = await session.key(version, [limited, attribute('Activation Date', now - 9n)])
    const take = (UsageLimitsCount: bigint) => ({ UniqueIdentifier, UsageLimitsCount })
    assert.equal(await session.refused(version, 'GetUsageAllocation', take(11n)), 'PermissionDenied')
    assert.equal(await session.refused(version, 'GetUsageAllocation', take(0n)), 'InvalidField')
    await session.ask(version, 'GetUsageAllocation', take(4n))
    const asked = { operation: 'GetUsageAllocation', request: take(4n) } as const
    const told = await Promise.all([1, 2, 3].map(() => session.one(version, asked)))
    assert.equal(told.filter(({ status }) => status === 'Success').length, 1)
    const [left] = await session.values(version, UniqueIdentifier, 'Usage Limits')
    assert.equal((left as { UsageLimitsCount: bigint }).UsageLimitsCount, 2n)
  })

async function refused(...attributes: readonly ReturnType<typeof attribute>[]) {
  const UniqueIdentifier = await session.key('1.4', attributes)
  return session.refused('1.4', 'GetUsageAllocation', { UniqueIdentifier, UsageLimitsCount: 1n })
}

test('a key without limits, that may protect nothing, or that is not Active, gives no allocation', async () => {
  const active = attribute('Activation Date', now - 9n)
  assert.equal(await refused(active), 'IllegalOperation')
  assert.equal(await refused(limited), 'PermissionDenied')
  assert.equal(await refused(limited, active, attribute('Protect Stop Date', now - 5n)), 'PermissionDenied')
})

test('2.1 tells a key without limits, and a key that is destroyed already', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const take = { UniqueIdentifier, UsageLimitsCount: 11n }
  assert.equal(await session.refused('2.1', 'GetUsageAllocation', take), 'AttributeNotFound')
  await session.ask('2.1', 'Destroy', { UniqueIdentifier })
  assert.equal(await session.refused('2.1', 'Destroy', { UniqueIdentifier }), 'ObjectDestroyed')
  for (const version of ['1.4', '2.0'] as const)
    assert.equal(await session.refused(version, 'Destroy', { UniqueIdentifier }), 'PermissionDenied')
})

test('a lease names the time and the last change; a destroyed object gives none', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const lease = await session.ask('1.4', 'ObtainLease', { UniqueIdentifier })
  const value = async (name: string) => (await session.values('1.4', UniqueIdentifier, name))[0]
  assert.equal(lease.LeaseTime, await value('Lease Time'))
  assert.equal(lease.LastChangeDate, await value('Last Change Date'))
  const check = (LeaseTime: number) => session.ask('1.4', 'Check', { UniqueIdentifier, LeaseTime })
  assert.deepEqual(await check(lease.LeaseTime), { UniqueIdentifier })
  assert.deepEqual(await check(lease.LeaseTime + 1), { LeaseTime: lease.LeaseTime + 1 })
  await session.ask('1.4', 'Destroy', { UniqueIdentifier })
  assert.equal(await session.refused('1.4', 'ObtainLease', { UniqueIdentifier }), 'ItemNotFound')
})

for (const version of served)
  test(`${version}: a compromised object gives no lease, and one that is only deactivated does`, async () => {
    const revoke = async (RevocationReasonCode: 'KeyCompromise' | 'CessationOfOperation') => {
      const UniqueIdentifier = await session.key(version, [attribute('Activation Date', now - 9n)])
      await session.ask(version, 'Revoke', { UniqueIdentifier, RevocationReason: { RevocationReasonCode } })
      return { UniqueIdentifier }
    }
    const compromised = await revoke('KeyCompromise')
    assert.equal(await session.refused(version, 'ObtainLease', compromised), 'PermissionDenied')
    await session.ask(version, 'GetAttributes', compromised)
    await session.ask(version, 'ObtainLease', await revoke('CessationOfOperation'))
  })
