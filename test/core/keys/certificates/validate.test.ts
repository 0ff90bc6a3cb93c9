// What the audit says of a chain that was asked about: whether it holds.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeAuthority } from '../../../../src/core/pki/issue.ts'
import type { AuditEntry } from '../../../../src/core/ports/audit.ts'
import { validate } from '../../../../src/core/keys/certificates/validate.ts'
import type { ObjectType } from '../../../../src/core/keys/object/managed-object.ts'
import type { State } from '../../../../src/core/keys/object/lifecycle.ts'
import type { TransactionObjects } from '../../../../src/core/keys/transaction/transaction-objects.ts'
import { certificateChainMax } from '../../../../src/base/bounds.ts'
import type { EnumName } from '../../../../src/wire/kmip/enums.ts'
import { attributeSet, faults, openCoreWithClient } from '../../../support/server/core.ts'

test('the entry of a validation says what was answered', async (t) => {
  const { core, perform } = await openCoreWithClient(t)
  const { certificate } = await makeAuthority({ commonName: 'CA', nowMs: core.clock.now() })
  for (const [der, expected] of [
    [Buffer.from(certificate.der), 'Valid'],
    [Buffer.from('none'), 'Invalid'],
  ] as const) {
    const wanted = { certificates: [der], uniqueIdentifiers: [], atMs: undefined }
    assert.equal(await perform((work) => work.certificates.validate(wanted)), expected)
    const { entries } = await core.store.audit({ order: 'newest', limit: 1 })
    const { action, detail } = JSON.parse(entries[0]?.body ?? '{}') as AuditEntry
    assert.deepEqual([action, detail], ['certificate.validate', { validity: expected }])
  }
})

interface Stored {
  readonly objectType?: ObjectType
  readonly certificateType?: EnumName<'CertificateType'>
  readonly state?: State
}

/** Validates certificates of the request beside those that are here. Returns the chain that was computed, or the answer. */
async function chainOf(sent: number, stored: readonly Stored[], atMs?: number) {
  const begun: unknown[] = []
  let chain: unknown
  const objects = {
    staged: { begin: (...act: unknown[]) => begun.push(act), done: () => undefined, nowMs: 7 },
    live: async (id: string) => {
      const { objectType = 'Certificate', state = 'Active' } = stored[Number(id)] ?? {}
      return { id, objectType, state, attributes: attributeSet({}) }
    },
    open: async ({ id }: { readonly id: string }) => ({
      bytes: Buffer.from(`here ${id}`),
      head: { certificateType: stored[Number(id)]?.certificateType ?? 'X_509' },
    }),
    compute: async (_name: string, input: unknown) => {
      chain = input
      return { validity: 'Valid' }
    },
  } as unknown as TransactionObjects
  const certificates = Array.from({ length: sent }, (_, place) => Buffer.from(`sent ${place}`))
  const uniqueIdentifiers = stored.map((_, place) => String(place))
  const validity = await validate(objects, { certificates, uniqueIdentifiers, atMs })
  return { validity, chain, begun }
}

test('a chain is what the request has and then what it names, at the moment that it states or now', async () => {
  const { validity, chain, begun } = await chainOf(1, [{}, {}])
  const certificates = ['sent 0', 'here 0', 'here 1'].map((one) => Buffer.from(one))
  assert.deepEqual([validity, chain], ['Valid', { certificates, atMs: 7 }])
  assert.deepEqual(begun, [['certificate.validate', '0']])
  const then = await chainOf(1, [], 9)
  assert.deepEqual(then.chain, { certificates: certificates.slice(0, 1), atMs: 9 })
  assert.deepEqual(then.begun, [['certificate.validate', null]])
  assert.equal((await chainOf(0, [{ state: 'PreActive' }])).validity, 'Valid')
  for (const state of ['Deactivated', 'Compromised'] as const) {
    const revoked = await chainOf(1, [{}, { state }])
    assert.deepEqual([revoked.validity, revoked.chain], ['Invalid', undefined], state)
  }
})

test('a chain has at least one certificate and as many as the bound says, all of them X.509', async () => {
  assert.equal((await chainOf(certificateChainMax - 1, [{}])).validity, 'Valid')
  await assert.rejects(chainOf(certificateChainMax, [{}]), faults('InvalidField', /at most/))
  await assert.rejects(chainOf(0, []), faults('InvalidMessage', /needs certificates/))
  for (const wrong of [{ objectType: 'OpaqueObject' }, { certificateType: 'PGP' }] as const)
    await assert.rejects(chainOf(0, [wrong]), faults('InvalidObjectType', /X.509/))
})
