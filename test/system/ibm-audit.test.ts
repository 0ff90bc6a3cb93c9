// What docs/ibm-cloud.md says of the audit: each event that IBM's service sent to Activity Tracker has its entry, with
// the certificate as initiator, and the correlation ids in an entry are those of the calls that Key Protect saw. The
// page is read, and a KMIP client does what it names.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { parseCertificate } from '../../src/core/pki/certificate.ts'
import { custodies, openSite, type AuditLine } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())

const page = readFileSync(path.join(import.meta.dirname, '../../docs/ibm-cloud.md'), 'utf8')

/** Our action by event, as the page's table has them. */
const mapping = new Map(
  page.split('\n').flatMap((line): [string, string][] => {
    const [, event, , ours] = line.split('|').map((cell) => cell.trim())
    const [name, action] = [event, ours].map((cell) => /^`([^`]+)`/.exec(cell ?? '')?.[1])
    return name?.startsWith('vmware-solutions.') === true && action !== undefined ? [[name, action]] : []
  }),
)

test('the page maps every event that IBM documented', () => {
  assert.deepEqual(
    [...mapping.keys()].toSorted(),
    [
      'vmware-solutions.kmip-key-attributes.retrieve',
      'vmware-solutions.kmip-key.activate',
      'vmware-solutions.kmip-key.create',
      'vmware-solutions.kmip-key.destroy',
      'vmware-solutions.kmip-key.read',
      'vmware-solutions.kmip-key.revoke',
    ].toSorted(),
  )
})

for (const custody of custodies)
  test(`custody ${custody}: a client that does all of it leaves each entry, as its certificate`, async () => {
    await using site = await openSite(fake, { custody })
    await fake.forgetCalls()
    const talk = await site.talk()
    const identifier = await talk.create()
    await talk.activate(identifier)
    assert.ok((await talk.get(identifier)).ok)
    await talk.state(identifier)
    assert.ok((await talk.revoke(identifier)).ok)
    assert.ok((await talk.destroy(identifier)).ok)
    talk.close()
    const all = (await site.audit()).filter(({ object }) => object === identifier)
    const entries = all.filter(({ actor }) => actor.kind === 'client')
    assert.deepEqual(
      [...new Set(entries.map(({ action }) => action))].toSorted(),
      [...mapping.values()].toSorted(),
    )
    const { sha256 } = parseCertificate(readFileSync(site.certFile, 'utf8'))
    for (const { action, result, actor } of entries)
      assert.deepEqual([result, actor.certificateSha256], ['success', sha256], action)
    await theCallsOf(all, custody)
  })

/** By correlation id: what each entry says that it took is what the service saw. */
async function theCallsOf(entries: readonly AuditLine[], custody: string): Promise<void> {
  const seen = new Map((await fake.calls()).map(({ correlationId, call }) => [correlationId, call]))
  const calls = (action: string) => {
    const ids = entries.find((entry) => entry.action === action)?.detail?.['correlationIds']
    return (typeof ids === 'string' ? ids.split(' ') : []).map((id) => seen.get(id.trim()))
  }
  if (custody === 'database') return
  assert.deepEqual(calls('key.create'), ['wrap', 'create'])
  assert.deepEqual(calls('standard-key.delete'), ['delete'])
  const of = (action: string) => entries.find((entry) => entry.action === action)
  assert.equal(of('standard-key.delete')?.object, of('key.destroy')?.object)
}
