// Percona's KMIP client of 2026 (kmipclient, C++), which MySQL and XtraBackup use. From its examples and its integration tests: keys
// with a Name and an Object Group, found page by page with Maximum Items and Offset Items, until a page is short; the first page
// states no offset. Located Items are used where the answer has them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Request } from '../../src/wire/kmip/operations.ts'
import {
  attribute,
  locate,
  nameAttribute,
  template,
  type KmipSession,
} from '../support/clients/kmip-session.ts'
import { useServer } from '../support/server/running.ts'

let session: KmipSession
useServer((_server, opened) => {
  session = opened
})

/** Encrypt, Decrypt and MAC Generate. */
const mask = 0x8c

const group = 'percona group'

async function created(version: '1.4' | '2.0', name: string): Promise<string> {
  const older = template([
    attribute('Cryptographic Algorithm', 'AES'),
    attribute('Cryptographic Length', 256),
    attribute('Cryptographic Usage Mask', mask),
    nameAttribute(name),
    attribute('Object Group', `${group} ${version}`),
  ])
  const newer = {
    CryptographicAlgorithm: 'AES',
    CryptographicLength: 256,
    CryptographicUsageMask: mask,
    Name: [{ NameValue: name, NameType: 'UninterpretedTextString' }],
    ObjectGroup: [`${group} ${version}`],
    Attribute: [],
  } as const
  const attributes = version === '1.4' ? older : { Attributes: newer }
  const made = await session.ask(version, 'Create', { ObjectType: 'SymmetricKey', ...attributes })
  return made.UniqueIdentifier
}

function page(version: '1.4' | '2.0', OffsetItems: number | undefined): Request<'Locate'> {
  const more = { MaximumItems: 2, ...(OffsetItems !== undefined && { OffsetItems }) }
  const name = `${group} ${version}`
  if (version === '2.0')
    return { ...more, Attributes: { ObjectType: ['SymmetricKey'], ObjectGroup: [name], Attribute: [] } }
  return locate([attribute('Object Type', 'SymmetricKey'), attribute('Object Group', name)], more)
}

for (const version of ['1.4', '2.0'] as const)
  test(`kmipclient, ${version}: the keys of a group are found page by page, each once`, async () => {
    const made: string[] = []
    for (const number of [1, 2, 3]) made.push(await created(version, `percona ${version} ${String(number)}`))
    const first = await session.ask(version, 'Locate', page(version, undefined))
    const second = await session.ask(version, 'Locate', page(version, 2))
    assert.deepEqual([first.UniqueIdentifier.length, second.UniqueIdentifier.length], [2, 1])
    assert.equal(second.LocatedItems, 3)
    assert.deepEqual([...first.UniqueIdentifier, ...second.UniqueIdentifier].toSorted(), made.toSorted())
  })
