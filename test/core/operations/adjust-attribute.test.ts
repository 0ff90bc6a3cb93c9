// Adjust Attribute (KMIP 2.1 §6.1.3): numbers and intervals grow and shrink, a Boolean turns, within what the type holds.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Request } from '../../../src/wire/kmip/operations.ts'
import type { KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

type Asked = Omit<Request<'AdjustAttribute'>, 'UniqueIdentifier'>
const colour = { VendorIdentification: 'acme', AttributeName: 'Level' } as const

test('an attribute is adjusted by its old value, and counts as 0 or false where it is not there', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const adjust = async (
    AttributeReference: Asked['AttributeReference'],
    AdjustmentType: Asked['AdjustmentType'],
    by?: number,
  ) =>
    session.ask('2.1', 'AdjustAttribute', {
      UniqueIdentifier,
      AttributeReference,
      AdjustmentType,
      AdjustmentValue: by === undefined ? undefined : { type: 'Integer', value: by },
    })
  await adjust('ProtectionPeriod', 'Increment', 60)
  await adjust('ProtectionPeriod', 'Decrement', 10)
  await adjust('ProtectionPeriod', 'Increment')
  await adjust('QuantumSafe', 'Negate')
  const level = { ...colour, AttributeValue: { type: 'LongInteger', value: 7n } } as const
  await session.ask('2.1', 'AddAttribute', { UniqueIdentifier, NewAttribute: { Attribute: [level] } })
  await adjust(colour, 'Decrement', 9)
  const { Attributes } = await session.ask('2.1', 'GetAttributes', { UniqueIdentifier })
  assert.equal(Attributes?.['ProtectionPeriod'], 51)
  assert.equal(Attributes?.['QuantumSafe'], true)
  await adjust('QuantumSafe', 'Negate')
  const { Attributes: after } = await session.ask('2.1', 'GetAttributes', { UniqueIdentifier })
  assert.equal(after?.['QuantumSafe'], false)
  assert.deepEqual(Attributes?.Attribute[0]?.AttributeValue, { type: 'LongInteger', value: -2n })
})

test('what cannot be adjusted is refused', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const refused = async (asked: Asked) =>
    session.refused('2.1', 'AdjustAttribute', { UniqueIdentifier, ...asked })
  assert.equal(
    await refused({ AttributeReference: 'Comment', AdjustmentType: 'Increment' }),
    'InvalidDataType',
  )
  assert.equal(
    await refused({ AttributeReference: 'Sensitive', AdjustmentType: 'Increment' }),
    'InvalidDataType',
  )
  assert.equal(
    await refused({ AttributeReference: 'ProtectionPeriod', AdjustmentType: 'Negate' }),
    'InvalidDataType',
  )
  assert.equal(
    await refused({ AttributeReference: 'ProtectionPeriod', AdjustmentType: 'Decrement' }),
    'NumericRange',
  )
  assert.equal(
    await refused({ AttributeReference: 'LeaseTime', AdjustmentType: 'Increment' }),
    'ReadOnlyAttribute',
  )
  assert.equal(await refused({ AttributeReference: colour, AdjustmentType: 'Increment' }), 'InvalidDataType')
  const wrong = {
    AttributeReference: 'ProtectionPeriod',
    AdjustmentType: 'Increment',
    AdjustmentValue: { type: 'Boolean', value: true },
  } as const
  assert.equal(await refused(wrong), 'InvalidDataType')
})
