// Relations between bounds that stand in different files: a change of one must not break another.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bufferedBytesMax,
  conflictRetriesMax,
  connectionsMax,
  connectionsPerAddressMax,
  messageBytesMax,
  objectAttributesBytesMax,
  untrustedMessageBytesMax,
} from '../../src/base/bounds.ts'
import { cryptoJobMsMax } from '../../src/core/crypto/pool.ts'
import { objectMaterialBytesMax } from '../../src/core/keys/forms/brought-object.ts'
import {
  standardKeyFailuresApartMs,
  standardKeyLeftAfterMs,
} from '../../src/core/sealing/standard-key-troubles.ts'
import { trustChangesAtOnce } from '../../src/core/trust/change-pace.ts'
import {
  adminConnectionsMax,
  adminConnectionsPerAddressMax,
  adminHeadersTimeoutMs,
  adminRequestTimeoutMs,
} from '../../src/doors/http/server.ts'
import { httpHeadBytesMax } from '../../src/doors/kmip/http-framer.ts'
import { listenerLimits } from '../../src/doors/kmip/listener-limits.ts'
import { rootKeyCallTimeoutMs } from '../../src/outside/rootkey/bounds.ts'

test('bounds keep what others rely on', () => {
  assert.ok(untrustedMessageBytesMax <= messageBytesMax, 'untrusted > message')
  assert.ok(
    objectMaterialBytesMax + objectAttributesBytesMax <= messageBytesMax,
    'an object would not fit a message',
  )
  assert.ok(trustChangesAtOnce < conflictRetriesMax, 'changes of trust at once >= retries')
  assert.ok(bufferedBytesMax >= 4 * messageBytesMax, 'message and answer > what one may hold')
  assert.ok(httpHeadBytesMax < untrustedMessageBytesMax, 'HTTP head > message')
  assert.ok(
    listenerLimits.handshakesPerAddressMax <= listenerLimits.costlyHandshakesMax,
    'handshakes of one > all',
  )
  assert.ok(connectionsPerAddressMax <= connectionsMax, 'address > all')
  assert.ok(adminConnectionsPerAddressMax <= adminConnectionsMax, 'admin connections of one address > all')
  assert.ok(adminHeadersTimeoutMs <= adminRequestTimeoutMs, 'headers > request')
  assert.ok(
    standardKeyLeftAfterMs <= standardKeyFailuresApartMs,
    'left standard keys > pause between failures',
  )
  assert.ok(listenerLimits.taskPauseMs <= listenerLimits.closeGraceMs, 'pause in a task > grace of a stop')
  assert.ok(cryptoJobMsMax <= listenerLimits.answerTimeoutMs, 'computation > answer')
  assert.ok(rootKeyCallTimeoutMs <= listenerLimits.answerTimeoutMs, 'call of a root key > answer')
})
