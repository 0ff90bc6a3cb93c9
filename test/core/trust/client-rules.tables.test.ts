// The rules for changes of clients as tables, on rows without a store: who may pin what, whom a change concerns besides,
// and which removals block a certificate or are refused.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverActor } from '../../../src/core/audit/actor.ts'
import {
  claimsPin,
  refuseCoveredPins,
  refuseOverlap,
  requireGrantable,
  requireMayPin,
  requireMayTrustAuthority,
  withdrawal,
} from '../../../src/core/trust/client-rules.ts'
import type { Grantor } from '../../../src/core/trust/grantor.ts'
import type { Role, RowOf } from '../../../src/core/trust/rows.ts'
import { TrustForbidden, TrustRefused, type TrustEvent } from '../../../src/core/trust/writer.ts'
import { namesShownMax } from '../../../src/base/bounds.ts'
import {
  aBlock,
  aClient,
  anAuthority,
  anInstance,
  anIssued,
  aPin,
  snapshotOf,
  textRules,
} from './trust-values.ts'

const grantor = (role: Role, onlyInstanceId: string | null = null): Grantor => {
  return { ...serverActor, role, onlyInstanceId }
}
const event: TrustEvent = { action: 'client.trust', object: 'x', instanceId: 'i' }
const instance = (id: string): RowOf => ({ kind: 'instance', value: anInstance(id) })
const client = (...of: Parameters<typeof aClient>): RowOf => ({ kind: 'client', value: aClient(...of) })
const pin = (...of: Parameters<typeof aPin>): RowOf => ({ kind: 'certificate', value: aPin(...of) })
const authority = (...of: Parameters<typeof anAuthority>): RowOf => ({
  kind: 'authority',
  value: anAuthority(...of),
})
const block = (id: string): RowOf => ({ kind: 'block', value: aBlock(id) })
const issued = (id: string, instanceId: string): RowOf => ({
  kind: 'issued',
  value: anIssued(id, instanceId),
})

/** `ok`, or the refusal's code and text. */
function outcome(rule: () => void): string {
  try {
    rule()
    return 'ok'
  } catch (error) {
    assert.ok(error instanceof TrustRefused)
    if (error instanceof TrustForbidden) assert.equal(error.event, event)
    return `${error.why}: ${error.message}`
  }
}

test('a change may leave a client with no more than the asker’s role grants', () => {
  const table: readonly [Role, readonly string[], RegExp][] = [
    ['viewer', [], /^ok$/],
    [
      'viewer',
      ['Get'],
      /^forbidden: the client client c may ask for Get, but the role viewer grants {2}at most$/,
    ],
    ['operator', ['read', 'Create'], /^ok$/],
    [
      'operator',
      ['Destroy'],
      /^forbidden: .*may ask for Destroy, but the role operator grants vsphere at most$/,
    ],
    ['manager', ['all'], /^ok$/],
  ]
  for (const [role, allow, expected] of table)
    assert.match(
      outcome(() => requireGrantable(grantor(role), aClient('c', 'i', allow), event)),
      expected,
    )
})

test('who may pin which certificate', () => {
  const one = [instance('i'), client('c', 'i')]
  const two = [...one, instance('j'), client('d', 'j')]
  const scoped = /^forbidden: this certificate can be trusted with a token for all instances only$/
  const table: readonly [string, readonly RowOf[], { all: RegExp; scoped: RegExp; issued?: RegExp }][] = [
    ['unknown, one instance', one, { all: /^ok$/, scoped: /^ok$/ }],
    ['unknown, two instances', two, { all: /^ok$/, scoped, issued: /^ok$/ }],
    ['signed for this one', [...two, issued('x', 'i')], { all: /^ok$/, scoped: /^ok$/ }],
    ['signed for the other', [...two, issued('x', 'j')], { all: /^ok$/, scoped }],
    ['blocked', [...one, block('x')], { all: /^ok$/, scoped, issued: scoped }],
    [
      'pinned here',
      [...two, pin('x', 'c', 'i')],
      { all: /^exists: .* client c already$/, scoped: /^exists: .* client c already$/ },
    ],
    ['pinned here and blocked', [...two, pin('x', 'c', 'i'), block('x')], { all: /^ok$/, scoped }],
    [
      'pinned here, its client’s row does not count',
      [...one, pin('x', 'gone', 'i')],
      { all: /^exists: .* client {2}already$/, scoped: /^exists: / },
    ],
    [
      'pinned there, its client’s row does not count',
      [...two, pin('x', 'gone', 'k')],
      { all: /^exists: .* client {2}of the instance {2}already$/, scoped },
    ],
    [
      'pinned there',
      [...two, pin('x', 'd', 'j')],
      { all: /^exists: .* client client d of the instance instance j already$/, scoped, issued: scoped },
    ],
  ]
  for (const [name, rows, expected] of table) {
    const may = (by: Grantor, wasIssued: boolean) => {
      const wanted = { instanceId: 'i', certificate: { der: Buffer.from('x'), sha256: 'x' }, event }
      return outcome(() => requireMayPin(by, snapshotOf(rows), { ...wanted, issued: wasIssued }, textRules))
    }
    assert.match(may(grantor('manager'), false), expected.all, name)
    assert.match(may(grantor('manager', 'i'), false), expected.scoped, `${name}, token of the instance`)
    if (expected.issued)
      assert.match(may(grantor('manager', 'i'), true), expected.issued, `${name}, just signed`)
  }
})

function mayTrustAuthority(by: Grantor, ...ids: string[]): string {
  return outcome(() => requireMayTrustAuthority(by, snapshotOf(ids.map(instance)), event))
}

test('a token of one instance may trust a CA only while there is no other instance', () => {
  assert.equal(mayTrustAuthority(grantor('manager'), 'i', 'j'), 'ok')
  assert.equal(mayTrustAuthority(grantor('manager', 'i'), 'i'), 'ok')
  assert.match(mayTrustAuthority(grantor('manager', 'i'), 'i', 'j'), /^forbidden: a CA/)
})

test('another instance learns of a pin if the certificate was its client, by a pin or a CA', () => {
  const rows = [instance('i'), instance('j'), client('c', 'i'), client('d', 'j')]
  const table: readonly [readonly RowOf[], string | undefined][] = [
    [[], undefined],
    [[pin('x', 'd', 'j')], 'd'],
    [[pin('x', 'c', 'i')], undefined],
    [[authority('A', ['d', 'j'])], 'd'],
    [[authority('A', ['c', 'i'])], undefined],
    [[authority('B', ['d', 'j'])], undefined],
    [[pin('x', 'c', 'i'), authority('A', ['d', 'j'])], undefined],
  ]
  for (const [more, owner] of table) {
    const wanted = { instanceId: 'i', certificate: { der: Buffer.from('esx signed by A'), sha256: 'x' } }
    const found = claimsPin(snapshotOf([...rows, ...more]), wanted, textRules)
    const detail = { client: 'client d', certificate: 'x' }
    const expected = { action: 'client.certificate.claim', object: 'd', instanceId: 'j', detail }
    assert.deepEqual(found, owner ? [expected] : [])
  }
  const wanted = { instanceId: 'i', certificate: { der: Buffer.from('x'), sha256: 'x' } }
  const [orphan] = claimsPin(snapshotOf([pin('x', 'nobody', 'j')]), wanted, textRules)
  assert.equal(orphan?.detail?.['client'], '', 'a pin whose client is missing')
})

test('one CA may not be two clients for subjects that overlap', () => {
  const rows = [instance('i'), instance('j'), client('c', 'i'), client('d', 'j')]
  const ca = anAuthority('new', ['c', 'i'], { ca: 'A', subject: 'esx*' })
  const table: readonly [string, readonly RowOf[], RegExp][] = [
    ['no other', [], /^ok$/],
    ['another CA', [authority('B', ['d', 'j'])], /^ok$/],
    ['other subjects', [authority('A', ['d', 'j'], { subject: 'vc*' })], /^ok$/],
    [
      'overlap',
      [authority('A', ['d', 'j'])],
      /^overlap: .* in the instance instance j already, as the client client d for the subjects \*, which overlap esx\*$/,
    ],
    ['renewed, other client', [authority('A anew', ['d', 'j'])], /^overlap: /],
    ['renewed, same client', [authority('A anew', ['c', 'i'])], /^ok$/],
    ['the very same again', [authority('A', ['c', 'i'])], /^overlap: .* in this instance already/],
    [
      'rows of it do not count',
      [authority('A', ['gone', 'k'])],
      /^overlap: .* in the instance {2}already, as the client {2}for the subjects/,
    ],
    ['hidden behind others', [authority('B', ['d', 'j']), authority('A', ['d', 'j'])], /^overlap: /],
  ]
  for (const [name, more, expected] of table)
    assert.match(
      outcome(() => refuseOverlap(snapshotOf([...rows, ...more]), ca, textRules)),
      expected,
      name,
    )
})

test('a CA is refused for the pins of other instances that it vouches for; as many are named as fit', async () => {
  const rows = [instance('i'), instance('j'), client('c', 'i'), client('d', 'j')]
  const ca = anAuthority('A', ['c', 'i'], { subject: 'esx*' })
  const covered = (count: number) =>
    Array.from({ length: count }, (_, n) => pin(`p${n}`, 'd', 'j', `esx${n} signed by A`))
  const told = async (more: readonly RowOf[]) => {
    const found = await refuseCoveredPins(snapshotOf([...rows, ...more]), ca, textRules).catch(
      (error: unknown) => error,
    )
    if (found === undefined) return 'ok'
    assert.ok(found instanceof TrustRefused && found.why === 'overlap')
    return found.message.replace(/^[^:]*: /, '')
  }
  assert.equal(await told([pin('p', 'c', 'i', 'esx signed by A')]), 'ok', 'its own instance')
  assert.equal(
    await told([pin('p', 'd', 'j', 'esx signed by B'), pin('q', 'd', 'j', 'vc signed by A')]),
    'ok',
  )
  assert.equal(await told(covered(1)), 'p0 (the client client d of instance j)')
  assert.equal(
    await told([pin('p', 'gone', 'k', 'esx signed by A')]),
    'p (the client  of )',
    'rows that do not count',
  )
  const max = namesShownMax
  assert.doesNotMatch(await told(covered(max)), / more$/)
  const many = await told(covered(max + 2))
  assert.match(many, / and 2 more$/)
  assert.equal(many.split(', ').length, max)
})

test('a certificate that loses its pin: who is its heir, and what follows', () => {
  const rows = [instance('i'), instance('j'), client('c', 'i', ['read']), client('d', 'j'), client('e', 'i')]
  const heirHere = authority('A', ['e', 'i'])
  const heirThere = authority('A', ['d', 'j'])
  const gone = aPin('x', 'c', 'i', 'esx signed by A')
  const forbidden =
    /^forbidden: without its pin the certificate x would be the client client [de], .*all, but the role operator/
  const table: readonly [string, readonly RowOf[], { all: RegExp; scoped: RegExp; operator: RegExp }][] = [
    ['no heir', [authority('B', ['d', 'j'])], { all: /^$/, scoped: /^$/, operator: /^$/ }],
    ['here', [heirHere], { all: /^$/, scoped: /^$/, operator: forbidden }],
    ['there', [heirThere], { all: /^$/, scoped: /^x$/, operator: forbidden }],
    ['there, blocked already', [heirThere, block('x')], { all: /^$/, scoped: /^$/, operator: /^$/ }],
    ['its client', [authority('A', ['c', 'i'])], { all: /^$/, scoped: /^$/, operator: /^$/ }],
    [
      'a client that is missing',
      [authority('A', ['nobody', 'j'])],
      { all: /^$/, scoped: /^$/, operator: /^$/ },
    ],
  ]
  for (const [name, more, expected] of table) {
    const after = (by: Grantor) => {
      const parts = { pins: [gone], authorities: [], event, nowMs: 5 }
      let blocked = ''
      const told = outcome(() => {
        const { put, also } = withdrawal(
          by,
          snapshotOf([...rows, { kind: 'certificate', value: gone }, ...more]),
          parts,
          textRules,
        )
        blocked = put
          .map(({ kind, value }) => (kind === 'block' && value.createdMs === 5 ? value.id : '?'))
          .join()
        assert.deepEqual(
          also,
          put.map(({ value: { id } }) => {
            const detail = { reason: 'trust was withdrawn where it was pinned' }
            return { action: 'client.block', object: id, instanceId: null, detail }
          }),
        )
      })
      return told === 'ok' ? blocked : told
    }
    assert.match(after(grantor('manager')), expected.all, name)
    assert.match(after(grantor('manager', 'i')), expected.scoped, `${name}, token of the instance`)
    assert.match(after(grantor('operator')), expected.operator, `${name}, operator`)
  }
})

const withHeir = (...allow: string[]) => snapshotOf([client('e', 'i', allow), authority('A', ['e', 'i'])])

test('the rights of a client whose row does not count are none, so its heir may have no more than the asker grants', () => {
  const gone = aPin('x', 'missing', 'i', 'esx signed by A')
  const parts = { pins: [gone], authorities: [], event, nowMs: 5 }
  assert.throws(() => withdrawal(grantor('operator'), withHeir('all'), parts, textRules), TrustForbidden)
  assert.deepEqual(withdrawal(grantor('operator'), withHeir('read'), parts, textRules), { put: [], also: [] })
})

test('a CA that is removed in the same change is no heir, and the server itself is not asked for rights', () => {
  const ca = anAuthority('A', ['d', 'j'])
  const gone = aPin('x', 'c', 'i', 'esx signed by A')
  const rows: readonly RowOf[] = [
    client('c', 'i', ['read']),
    client('d', 'j'),
    { kind: 'authority', value: ca },
  ]
  const snapshot = snapshotOf(rows)
  const [kept] = snapshot.tables.authority.values()
  assert.ok(kept)
  const after = (by: Parameters<typeof withdrawal>[0], authorities = [kept]) =>
    withdrawal(by, snapshot, { pins: [gone], authorities, event, nowMs: 5 }, textRules)
  const nothing = { put: [], also: [] }
  assert.deepEqual(after(grantor('operator')), nothing)
  assert.throws(() => after(grantor('operator'), []), TrustForbidden)
  assert.deepEqual(after(serverActor, []), nothing)
})
