// The advice for a person whose adoption ends early: only a server that did not answer is worth asking again.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdoptionFailed, failureOf } from '../../../src/features/adopt/failure.ts'
import { connectionTrouble, KmipTransportError, type Stage } from '../../../src/outside/kmip-client/errors.ts'

function told(stage: Stage, code: string): string {
  const what = connectionTrouble(new Error('broken'), code)
  const failure = failureOf(new KmipTransportError(stage, { host: 'kms', port: 5696 }, what, { code }))
  assert.ok(failure instanceof AdoptionFailed)
  return `${failure.message} / ${failure.hint ?? ''}`
}

test('an old server that does not answer is asked again, and one that was never reached is looked for', () => {
  for (const code of ['ECONNREFUSED', 'ECONNRESET', 'TIMEOUT', 'EAI_AGAIN']) {
    assert.match(told('answer', code), /^the old server does not answer: kms:5696: .* \/ Do the same again/)
    assert.match(told('connect', code), / \/ Compare the address and the port .* Do the same again/)
  }
})

test('another server is not asked again: somebody may be in between', () => {
  const codes = [
    'WRONG_CERTIFICATE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_HAS_EXPIRED',
  ]
  for (const code of codes)
    assert.match(
      told('handshake', code),
      /^this is not the old server that was named: .* \/ Compare its certificate/,
      code,
    )
})

test('a certificate too weak for a CA to vouch for leads to its fingerprint, and TLS 1.0 is named', () => {
  assert.match(told('handshake', 'WEAK_CERTIFICATE'), /cannot be recognized: .* \/ .*--fingerprint SHA256/)
  for (const code of ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'ERR_SSL_UNSUPPORTED_PROTOCOL'])
    assert.match(told('handshake', code), /has no TLS 1\.2: .* \/ Switch TLS 1\.2 on/)
})

test('a client certificate that is refused, and a port that is not of KMIP, are told as that', () => {
  for (const code of ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN'])
    assert.match(
      told('handshake', code),
      /refuses the connection: .* \/ It must trust the client certificate/,
    )
  for (const code of ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'])
    assert.match(told('handshake', code), /^what answers is not a KMIP server: .* \/ Give the address/)
  assert.match(told('protocol', 'ANY'), /^what answers is not a KMIP server/)
})
