// Set Attribute, and how 2.x adds, modifies and deletes attributes: by value or reference, without indices (KMIP 2.1 §6.1.2,
// §6.1.13, §6.1.34, §6.1.51).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Attributes } from '../../../src/wire/kmip/objects.ts'
import type { KmipSession } from '../../support/clients/kmip-session.ts'
import { useServer } from '../../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

const of = (values: Readonly<Record<string, unknown>>): Attributes => ({ Attribute: [], ...values })
const vendor = (value: string): Attributes => ({
  Attribute: [
    {
      VendorIdentification: 'acme',
      AttributeName: 'Colour',
      AttributeValue: { type: 'TextString', value },
    },
  ],
})

async function shown(UniqueIdentifier: string): Promise<Attributes> {
  const { Attributes } = await session.ask('2.1', 'GetAttributes', { UniqueIdentifier })
  assert.ok(Attributes)
  return Attributes
}

test('Set Attribute adds the only instance or modifies it, and refuses one of several', async () => {
  const UniqueIdentifier = await session.key('1.4')
  for (const NewAttribute of [vendor('red'), vendor('blue'), of({ ContactInformation: 'me' })])
    await session.ask('2.0', 'SetAttribute', { UniqueIdentifier, NewAttribute })
  const { Attribute, ContactInformation } = await shown(UniqueIdentifier)
  assert.deepEqual(
    Attribute.map(({ AttributeValue }) => AttributeValue.value),
    ['blue'],
  )
  assert.equal(ContactInformation, 'me')
  for (const ObjectGroup of [['a'], ['b']])
    await session.ask('2.1', 'AddAttribute', { UniqueIdentifier, NewAttribute: of({ ObjectGroup }) })
  const refused = async (NewAttribute: Attributes) =>
    session.refused('2.1', 'SetAttribute', { UniqueIdentifier, NewAttribute })
  assert.equal(await refused(of({ ObjectGroup: ['c'] })), 'MultiValuedAttribute')
  assert.equal(await refused(of({ State: 'Active' })), 'ReadOnlyAttribute')
  assert.equal(await refused(of({ Comment: 'a', Description: 'b' })), 'InvalidField')
  assert.equal(await refused(of({})), 'InvalidField')
  const wrong = {
    ...vendor('x').Attribute[0],
    VendorIdentification: 'a:b',
  } as Attributes['Attribute'][number]
  assert.equal(await refused({ Attribute: [wrong] }), 'InvalidAttribute')
})

test('3.0: Set and Modify Attribute of one kind of link leave the other kinds as they are', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const links = async () => {
    const values = (await session.values('1.4', UniqueIdentifier, 'Link')) as {
      LinkType: string
      LinkedObjectIdentifier: string
    }[]
    return values.map((one) => `${one.LinkType} ${one.LinkedObjectIdentifier}`)
  }
  const change = (operation: 'SetAttribute' | 'ModifyAttribute', link: Readonly<Record<string, unknown>>) =>
    session.ask('3.0', operation, { UniqueIdentifier, NewAttribute: of(link) })
  await change('SetAttribute', { PreviousLink: ['a'] })
  await change('SetAttribute', { NextLink: ['b'] })
  assert.deepEqual(await links(), ['PreviousLink a', 'NextLink b'])
  await change('SetAttribute', { PreviousLink: ['c'] })
  await change('ModifyAttribute', { NextLink: ['d'] })
  assert.deepEqual(await links(), ['PreviousLink c', 'NextLink d'])
  const NewAttribute = of({ ParentLink: ['e'] })
  assert.equal(
    await session.refused('3.0', 'ModifyAttribute', { UniqueIdentifier, NewAttribute }),
    'AttributeNotFound',
  )
})

test('Modify Attribute takes the only instance, or the one that Current Attribute says', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const modify = { UniqueIdentifier, NewAttribute: of({ ObjectGroup: ['z'] }) }
  assert.equal(await session.refused('2.1', 'ModifyAttribute', modify), 'AttributeNotFound')
  for (const group of ['a', 'b'])
    await session.ask('2.1', 'AddAttribute', { UniqueIdentifier, NewAttribute: of({ ObjectGroup: [group] }) })
  assert.equal(await session.refused('2.1', 'ModifyAttribute', modify), 'AttributeInstanceNotFound')
  const current = (group: string) => ({ ...modify, CurrentAttribute: of({ ObjectGroup: [group] }) })
  assert.equal(await session.refused('2.1', 'ModifyAttribute', current('c')), 'AttributeInstanceNotFound')
  await session.ask('2.1', 'ModifyAttribute', current('b'))
  assert.deepEqual((await shown(UniqueIdentifier))['ObjectGroup'], ['a', 'z'])
  const other = { ...modify, CurrentAttribute: of({ Comment: 'a' }) }
  assert.equal(await session.refused('2.1', 'ModifyAttribute', other), 'InvalidField')
})

test('Delete Attribute takes one value, or by reference all', async () => {
  const UniqueIdentifier = await session.key('1.4')
  for (const group of ['a', 'b', 'c'])
    await session.ask('2.1', 'AddAttribute', { UniqueIdentifier, NewAttribute: of({ ObjectGroup: [group] }) })
  await session.ask('2.1', 'DeleteAttribute', {
    UniqueIdentifier,
    CurrentAttribute: of({ ObjectGroup: ['b'] }),
  })
  assert.deepEqual((await shown(UniqueIdentifier))['ObjectGroup'], ['a', 'c'])
  const all = { UniqueIdentifier, AttributeReference: 'ObjectGroup' } as const
  await session.ask('2.1', 'DeleteAttribute', all)
  assert.deepEqual((await shown(UniqueIdentifier))['ObjectGroup'], [])
  assert.equal(await session.refused('2.1', 'DeleteAttribute', all), 'AttributeNotFound')
  const state = { UniqueIdentifier, AttributeReference: 'State' } as const
  assert.equal(await session.refused('2.1', 'DeleteAttribute', state), 'AttributeReadOnly')
  assert.equal(await session.refused('2.1', 'DeleteAttribute', { UniqueIdentifier }), 'InvalidMessage')
})

test('an attribute of 2.1 does not exist for 2.0, neither to set nor to name', async () => {
  const UniqueIdentifier = await session.key('1.4')
  const rotate = { UniqueIdentifier, NewAttribute: of({ RotateInterval: 60 }) }
  await session.ask('2.1', 'SetAttribute', rotate)
  const named = { UniqueIdentifier, AttributeReference: ['RotateInterval'] as const }
  assert.equal(await session.refused('2.0', 'GetAttributes', named), 'InvalidAttribute')
  const { AttributeReference } = await session.ask('2.0', 'GetAttributeList', { UniqueIdentifier })
  assert.ok(AttributeReference?.includes('KeyFormatType'))
  assert.ok(!AttributeReference?.includes('RotateInterval'))
})
