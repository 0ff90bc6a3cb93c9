import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namesHost } from '../../../src/tools/vsphere/doctor-certificate.ts'

test('a certificate names a host in whatever form its address is written', () => {
  const names = ['kms.example.test', '192.0.2.7', '2001:db8::7', 'fe80::1']
  for (const host of ['KMS.example.test', '192.0.2.7', '2001:DB8:0::7', 'fe80::1%eth0', 'FE80::1'])
    assert.ok(namesHost(names, host), host)
  for (const host of ['example.test', '192.0.2.70', '2001:db8::8', 'fe80::2%eth0'])
    assert.ok(!namesHost(names, host), host)
})
