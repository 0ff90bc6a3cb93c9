// The clients of an instance that comes back from a backup: which certificates and CAs are trusted again, and why the
// others are not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientsBack, type ReturningClient } from '../../../src/core/trust/restored-clients.ts'
import type { Authority, Block, PinnedCertificate, RowOf } from '../../../src/core/trust/rows.ts'
import { aBlock, aClient, anAuthority, anInstance, aPin, snapshotOf, textRules } from './trust-values.ts'

const here: readonly RowOf[] = [
  { kind: 'instance', value: anInstance('i') },
  { kind: 'instance', value: anInstance('j') },
  { kind: 'client', value: aClient('there', 'j') },
]

const pin = (id: string, leaf = id) => aPin(id, 'back', 'i', leaf)

interface Returning {
  readonly certificates?: readonly PinnedCertificate[]
  readonly authorities?: readonly Authority[]
  readonly withdrawn?: readonly string[]
  readonly removed?: boolean
}

const returning = (one: Returning = {}): ReturningClient => ({
  ...aClient('back', 'i', ['Get', 'Locate']),
  certificates: one.certificates ?? [],
  authorities: one.authorities ?? [],
  removed: one.removed ?? false,
  withdrawn: new Set(one.withdrawn),
})

function back(
  clients: readonly ReturningClient[],
  {
    rows = [],
    blocks = [],
    byHand = [],
  }: Partial<Record<'rows', readonly RowOf[]>> & {
    readonly blocks?: readonly Block[]
    readonly byHand?: readonly string[]
  } = {},
) {
  return clientsBack(snapshotOf([...here, ...rows], byHand), { clients, blocks }, textRules)
}

const put = ({ put: rows }: { readonly put: readonly RowOf[] }) =>
  rows.map(({ kind, value }) => `${kind}/${value.id}`)

const blockEntry = (id: string, detail: object) => {
  return { action: 'client.block', object: id, instanceId: null, detail }
}

test('a client comes back with its certificates and CAs; its CAs count as trusted now', async () => {
  const ca = anAuthority('A', ['back', 'i'], { sinceVersion: 2 })
  const found = await back([returning({ certificates: [pin('p'), pin('q')], authorities: [ca] })])
  assert.deepEqual(found, {
    put: [
      { kind: 'client', value: aClient('back', 'i', ['Get', 'Locate']) },
      { kind: 'certificate', value: pin('p') },
      { kind: 'certificate', value: pin('q') },
      { kind: 'authority', value: { ...ca, sinceVersion: 8 } },
    ],
    also: [
      {
        action: 'client.trust',
        object: 'back',
        instanceId: 'i',
        detail: {
          client: 'client back',
          certificate: 'p q',
          subject: '*',
          allow: 'Get, Locate',
          restored: true,
        },
      },
    ],
    clients: ['client back'],
    leftOut: [],
  })
  const [{ detail } = {}] = (await back([returning()])).also
  assert.deepEqual(detail, { client: 'client back', allow: 'Get, Locate', restored: true })
})

test('a client that was removed after the backup stays away, and so do the backup’s blocks', async () => {
  const gone = returning({ removed: true, certificates: [pin('p')] })
  assert.deepEqual(await back([gone], { blocks: [aBlock('x')] }), {
    put: [],
    also: [],
    clients: [],
    leftOut: ['the client client back was removed after the backup'],
  })
})

test('a certificate stays out, with its reason, where something newer speaks against it', async () => {
  const theirs: RowOf = { kind: 'certificate', value: aPin('p', 'there', 'j') }
  const blocked: RowOf = { kind: 'block', value: aBlock('p') }
  const one = returning({ certificates: [pin('p'), pin('q')] })
  const table: readonly [RegExp, ReturningClient, Parameters<typeof back>[1]][] = [
    [
      /^the certificate p of the client client back is blocked in the backup$/,
      one,
      { blocks: [aBlock('p')] },
    ],
    [
      /was removed after the backup$/,
      returning({ certificates: [pin('p'), pin('q')], withdrawn: ['p'] }),
      {},
    ],
    [/is blocked here$/, one, { rows: [blocked] }],
    [/is blocked here$/, one, { rows: [blocked], byHand: ['block/p'] }],
    [/belongs to the client client there of the instance instance j now$/, one, { rows: [theirs] }],
    [/was altered in this database$/, one, { rows: [theirs], byHand: ['certificate/p'] }],
  ]
  for (const [why, client, place] of table) {
    const found = await back([client], place)
    assert.match(found.leftOut.join(), why)
    assert.deepEqual(put(found).slice(0, 2), ['client/back', 'certificate/q'], String(why))
    assert.equal(found.also[0]?.detail?.['certificate'], 'q')
  }
})

test('a CA stays out if it was withdrawn, overlaps one that is trusted here, or vouches for a pin elsewhere', async () => {
  const ca = anAuthority('A', ['back', 'i'])
  const theirCa: RowOf = { kind: 'authority', value: anAuthority('theirs', ['there', 'j'], { ca: 'A anew' }) }
  const theirPin: RowOf = { kind: 'certificate', value: aPin('p', 'there', 'j', 'esx signed by A') }
  const table: readonly [RegExp, ReturningClient, readonly RowOf[]][] = [
    [
      /^a CA of the client client back \(\*\) was removed after the backup$/,
      returning({ authorities: [ca], withdrawn: ['A'] }),
      [],
    ],
    [/does not come back: this CA is trusted in the instance/, returning({ authorities: [ca] }), [theirCa]],
    [/does not come back: this CA vouches for certificates/, returning({ authorities: [ca] }), [theirPin]],
  ]
  for (const [why, client, rows] of table) {
    const found = await back([client], { rows })
    assert.match(found.leftOut.join(), why)
    assert.deepEqual(put(found), ['client/back'])
  }
  const broken = { ...textRules, filtersOverlap: () => assert.fail('a fault of ours') }
  const clients = [returning({ authorities: [ca] })]
  await assert.rejects(
    clientsBack(snapshotOf([...here, theirCa]), { clients, blocks: [] }, broken),
    /a fault of ours/,
  )
})

test('an instance whose CA vouches for a certificate that comes back learns that it is pinned', async () => {
  const theirCa: RowOf = { kind: 'authority', value: anAuthority('theirs', ['there', 'j'], { ca: 'A' }) }
  const certificates = [pin('p', 'esx signed by A'), pin('q', 'esx signed by B')]
  const { also } = await back([returning({ certificates })], { rows: [theirCa] })
  assert.deepEqual(also.slice(1), [
    {
      action: 'client.certificate.claim',
      object: 'there',
      instanceId: 'j',
      detail: { client: 'client there', certificate: 'p' },
    },
  ])
})

test('the backup’s blocks come back, but not against a certificate that is blocked or pinned here', async () => {
  const rows: readonly RowOf[] = [
    { kind: 'block', value: aBlock('known') },
    { kind: 'block', value: aBlock('by hand') },
    { kind: 'certificate', value: aPin('pinned', 'there', 'j') },
  ]
  const blocks = ['known', 'by hand', 'pinned', 'x'].map((id) => aBlock(id))
  const place = { rows, blocks: [...blocks, aBlock('y', '')], byHand: ['block/by hand'] }
  const found = await back([returning()], place)
  assert.deepEqual(put(found), ['client/back', 'block/x', 'block/y'])
  assert.deepEqual(found.also.slice(1), [
    blockEntry('x', { restored: true, reason: 'stolen' }),
    blockEntry('y', { restored: true }),
  ])
})

test('a client that an older version stored without a list comes back without one, which means all', async () => {
  const { allow: _, ...older } = returning()
  const { put: rows, also } = await back([older])
  assert.deepEqual(rows, [{ kind: 'client', value: aClient('back', 'i') }])
  assert.equal(also[0]?.detail?.['allow'], 'all')
})
