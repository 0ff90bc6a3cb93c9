import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as assertProperty, property, uint8Array } from 'fast-check'
import { readProxyHeader } from '../../../src/doors/kmip/proxy-header.ts'
import { proxyHeader, rawHeader, tlv } from '../../support/clients/proxy-protocol.ts'

const read = (bytes: Buffer) => readProxyHeader(bytes, 4_096)

test('the address and port of the client, IPv4 and IPv6, whatever TLVs follow', () => {
  const four = proxyHeader({ from: '198.51.100.7', port: 61_234, tlvs: tlv(100) })
  assert.deepEqual(read(four), {
    kind: 'client',
    source: { address: '198.51.100.7', port: 61_234 },
    bytes: 16 + 12 + 103,
  })
  const six = proxyHeader({ from: '2001:db8::a:b', port: 1 })
  assert.deepEqual(read(six), { kind: 'client', source: { address: '2001:db8::a:b', port: 1 }, bytes: 52 })
  const mapped = rawHeader(
    0x21,
    0x21,
    Buffer.concat([Buffer.from('00000000000000000000ffff0a000001', 'hex'), Buffer.alloc(20)]),
  )
  const header = read(mapped)
  assert.equal(header.kind === 'client' && header.source.address, '::ffff:10.0.0.1')
})

test('LOCAL is the load balancer itself, whatever address it states', () => {
  assert.deepEqual(read(proxyHeader()), { kind: 'local', bytes: 16 })
  const stated = proxyHeader({ from: '198.51.100.7' })
  stated[12] = 0x20
  assert.deepEqual(read(stated), { kind: 'local', bytes: 28 })
})

test('every beginning of a header needs more bytes, and what follows a whole one is left alone', () => {
  const whole = proxyHeader({ from: '198.51.100.7', tlvs: tlv(9) })
  for (let length = 0; length < whole.length; length += 1)
    assert.deepEqual(read(whole.subarray(0, length)), { kind: 'incomplete' }, `${length} bytes`)
  const header = read(Buffer.concat([whole, Buffer.from('160301', 'hex')]))
  assert.equal(header.kind === 'client' && header.bytes, whole.length)
})

test('what is no header of version 2 for a TCP client is refused, with its reason', () => {
  const faults = {
    missing: [Buffer.from([0x16]), Buffer.from('GET / HTTP/1.1\r\n'), Buffer.from('\r\n\r\nx')],
    'version-1': [Buffer.from('PROXY TCP4 198.51.100.7 192.0.2.1 1 2\r\n')],
    malformed: [
      rawHeader(0x11, 0x11, Buffer.alloc(12)),
      rawHeader(0x22, 0x11, Buffer.alloc(12)),
      rawHeader(0x21, 0x11, Buffer.alloc(11)),
      rawHeader(0x21, 0x21, Buffer.alloc(35)),
    ],
    // Unspecified, UDP, and a Unix socket.
    'no-address': [0x00, 0x12, 0x31].map((family) => rawHeader(0x21, family, Buffer.alloc(216))),
    'too-long': [
      rawHeader(0x21, 0x11, Buffer.alloc(4_081)).subarray(0, 16),
      rawHeader(0x20, 0, Buffer.alloc(65_535)),
    ],
  }
  for (const [fault, examples] of Object.entries(faults))
    for (const bytes of examples)
      assert.deepEqual(read(bytes), { kind: 'fault', fault }, bytes.toString('latin1'))
})

test('any bytes after the signature give an answer', () => {
  const signature = proxyHeader().subarray(0, 12)
  assertProperty(
    property(uint8Array({ maxLength: 300 }), (rest) => {
      const bytes = Buffer.concat([signature, rest])
      const header = read(bytes)
      if (header.kind === 'client' || header.kind === 'local') assert.ok(header.bytes <= bytes.length)
    }),
  )
})
