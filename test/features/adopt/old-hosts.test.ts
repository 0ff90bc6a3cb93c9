// The list of hosts that may be adopted from: which names and ports are the same, and an empty list.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdoptionFailed } from '../../../src/features/adopt/failure.ts'
import { OldHosts } from '../../../src/features/adopt/old-hosts.ts'

const listed = ['kms.example.com', 'OLD.example.com:9443', '192.0.2.7', '[2001:db8::7]:5697', '2001:db8::8']
const hosts = new OldHosts(() => listed)
const isNotListed = (error: unknown) =>
  error instanceof AdoptionFailed && error.why === 'server' && /adopt\.hosts/.test(error.hint ?? '')

test('a host is listed with its port, in any case, and without one with 5696', () => {
  for (const server of [
    'kms.example.com',
    'KMS.Example.com:5696',
    'kms.example.com.',
    'old.example.com:9443',
    '192.0.2.7:5696',
    '[2001:db8::7]:5697',
    '[2001:db8::8]:5696',
  ]) {
    hosts.require([server])
    assert.equal(hosts.areListed([server]), true, server)
  }
})

test('another port, another name, and one of several that is not listed are refused', () => {
  for (const servers of [
    ['kms.example.com:5697'],
    ['old.example.com'],
    ['example.com'],
    ['kms.example.com.evil.test'],
    ['192.0.2.70'],
    ['kms.example.com', '10.0.0.1'],
  ]) {
    assert.throws(() => hosts.require(servers), isNotListed, servers.join())
    assert.equal(hosts.areListed(servers), false)
  }
})

test('an empty list allows every host, and lists none', () => {
  const any = new OldHosts(() => [])
  any.require(['10.0.0.1'])
  assert.equal(any.areListed(['10.0.0.1']), false)
  assert.throws(() => any.areListed(['kmip://10.0.0.1']), /an address is HOST or HOST:PORT/)
})
