// Long batches through the mTLS listener: nothing is done once the client has left, and whatever was done is whole.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Output } from '../../../src/doors/http/route.ts'
import { encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import { cryptoWaitingPerPartyMax } from '../../../src/core/crypto/pool.ts'
import { metricIn } from '../../support/server/metrics.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { until } from '../../support/time/until.ts'
import {
  aes,
  attribute,
  batch,
  locate,
  openSession,
  template,
  type Asked,
  type KmipSession,
} from '../../support/clients/kmip-session.ts'
import { useServer, type RunningServer } from '../../support/server/running.ts'
import { auditRoutes } from '../../../src/features/audit/routes.ts'
import { statusRoutes } from '../../../src/features/status/routes.ts'

let server: RunningServer
let session: KmipSession
useServer((started, opened) => {
  server = started
  session = opened
})

/**
 * The size of one batch, of which each client sends several: even a fast machine cannot finish all before the client
 * leaves.
 */
const creates = 1_000
const batches = 4

async function identifiers(): Promise<readonly string[]> {
  return (await session.ask('1.4', 'Locate', locate([]))).UniqueIdentifier
}

/** The number of such entries in the audit. */
async function entries(action: string, result?: string): Promise<number> {
  let count = 0
  let after: string | null = null
  do {
    const query = { action, limit: 1_000, ...(after !== null && { after }) }
    const page: Output<typeof auditRoutes.listAudit> = await server.admin.call(auditRoutes.listAudit, {
      query,
    })
    count += page.entries.filter((entry) => result === undefined || entry.result === result).length
    after = page.after
  } while (after !== null)
  return count
}

/** Sends the batch on a connection of its own and leaves once work has begun. */
async function leaveMidway(option: 'Continue' | 'Undo', underWay: () => Promise<boolean>): Promise<void> {
  const payload = encodeRequestPayload('Create', aes(), '1.4')
  const items = Array.from({ length: creates }, (_, index) => ({
    operation: 'Create' as const,
    payload,
    uniqueBatchItemId: Buffer.from(String(index)),
  }))
  const other = await openSession(server.port, await clientCertificate('self-signed'))
  const request = encodeRequest({ version: '1.4', batchErrorContinuationOption: option, items })
  other.client.send(Buffer.concat(Array.from({ length: batches }, () => request)))
  await until(underWay)
  other.client.reset()
}

/** Some work of the server, so that what it has begun has time to end. */
async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await server.admin.call(statusRoutes.metrics)
}

async function idle(): Promise<void> {
  let running = 1
  const look = async () => {
    const text = await server.admin.call(statusRoutes.metrics)
    running = metricIn(text, 'mortise_kmip_requests_running') ?? NaN
  }
  await until(() => {
    void look()
    return running === 0
  }, 'nothing runs')
}

test('a batch ends when its client leaves; everything done until then is whole', async () => {
  const [before, enteredBefore] = [await identifiers(), await entries('key.create', 'success')]
  await leaveMidway('Continue', async () => (await identifiers()).length > before.length)
  await idle()
  // The item that was under way may still commit.
  let after = await identifiers()
  for (let seen = -1; seen !== after.length; after = await identifiers()) {
    seen = after.length
    await someTurns()
  }
  const made = after.slice(0, after.length - before.length)
  assert.ok(made.length > 0 && made.length < batches * creates, `${made.length} were made`)
  for (const UniqueIdentifier of made) await session.ask('1.4', 'Get', { UniqueIdentifier })
  assert.equal((await entries('key.create', 'success')) - enteredBefore, made.length)
})

test('of batches with Undo whose client leaves, each is done whole or not at all, and not all are done', async () => {
  const before = await identifiers()
  let looks = 0
  // Nothing of the first is visible while it runs; a fast machine may have done it before the client leaves.
  await leaveMidway('Undo', async () => (looks += 1) > 2)
  await idle()
  const made = (await identifiers()).length - before.length
  assert.ok(made % creates === 0 && made < batches * creates, `${made} were made`)
})

const pair = (algorithm: string, bits: number) => ({
  CommonTemplateAttribute: template([
    attribute('Cryptographic Algorithm', algorithm),
    attribute('Cryptographic Length', bits),
  ]).TemplateAttribute,
  PrivateKeyTemplateAttribute: template([attribute('Cryptographic Usage Mask', 1)]).TemplateAttribute,
  PublicKeyTemplateAttribute: template([attribute('Cryptographic Usage Mask', 2)]).TemplateAttribute,
})

test('computations that wait for a thread are dropped when their client leaves, so that it may ask again', async () => {
  const payload = encodeRequestPayload('CreateKeyPair', pair('RSA', 4_096), '1.4')
  const message = encodeRequest({ version: '1.4', items: [{ operation: 'CreateKeyPair', payload }] })
  const identity = await clientCertificate('self-signed')
  // One more than may wait, beside the one that a thread has: the last is refused when all others wait.
  const sessions = await Promise.all(
    Array.from({ length: cryptoWaitingPerPartyMax + 2 }, () => openSession(server.port, identity)),
  )
  const refused = Promise.race(sessions.map((one) => one.exchange(message).catch(() => undefined)))
  assert.ok(await refused)
  for (const one of sessions) one.client.reset()
  await idle()
  await session.ask('1.4', 'CreateKeyPair', pair('ECDSA', 384))
})

test('once the discarded answers reach the maximum size of one answer, no more items begin', async () => {
  const material = Buffer.alloc(200 * 1024, 7)
  const { UniqueIdentifier } = await session.ask('1.4', 'Register', {
    ObjectType: 'OpaqueObject',
    TemplateAttribute: { Name: [], Attribute: [] },
    OpaqueObject: { OpaqueDataType: 0x80000000, OpaqueDataValue: material },
  })
  const before = await entries('key.get')
  const get: Asked = { operation: 'Get', request: { UniqueIdentifier } }
  const asked = batch(...Array.from({ length: 100 }, () => get))
  const answers = await session.send('1.4', asked, { batchErrorContinuationOption: 'Continue' })
  assert.deepEqual(
    answers.map(({ status, reason }) => reason ?? status),
    answers.map((_, index) => (index < 5 ? 'Success' : 'ResponseTooLarge')),
  )
  assert.equal(answers.length, 100)
  const begun = (await entries('key.get')) - before
  assert.ok(begun >= 10 && begun <= 12, `${begun} were begun`)
})

test('nothing in this file made the server log an error', () => {
  assert.deepEqual(
    server.log.filter((line) => line.includes('"level":"error"')),
    [],
  )
})
