// A simulation that is interrupted: it goes no further, and leaves no key that --cleanup would not find.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mark } from '../../../src/tools/vsphere/marks.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { openOldKmipServer, textOf } from '../../support/old-kmip-server/fake.ts'
import { playVsphere } from '../../support/clients/vsphere.ts'

test('who interrupts a simulation leaves only keys with their mark', async () => {
  const interrupted = new AbortController()
  const made: string[] = []
  const noted: string[] = []
  await using server = await openOldKmipServer({
    DiscoverVersions: () => ({ ProtocolVersion: [{ ProtocolVersionMajor: 1, ProtocolVersionMinor: 1 }] }),
    Create: () => {
      interrupted.abort()
      made.push(`key-${made.length}`)
      return { ObjectType: 'SymmetricKey', UniqueIdentifier: made.at(-1) ?? '' }
    },
    AddAttribute: ({ UniqueIdentifier, Attribute }) => {
      assert.ok(Attribute)
      noted.push(`${textOf(UniqueIdentifier)} ${Attribute.AttributeName}`)
      return { UniqueIdentifier: textOf(UniqueIdentifier), Attribute }
    },
  })
  const { tls } = await clientCertificate('self-signed')
  const { host, port, sha256 } = server
  const report = await playVsphere(tls, [{ host, port }], 'first-vm,more-vms', {
    trust: { by: 'fingerprint', sha256 },
    signal: interrupted.signal,
    hosts: 1,
  })
  assert.deepEqual([made, noted], [['key-0'], [`key-0 ${mark[0]}`]])
  assert.ok(!server.asked.includes('Get'))
  assert.equal(report.scenarios.length, 1)
  assert.deepEqual([report.ok, report.interrupted], [false, true], 'it has shown nothing of the rest')
})
