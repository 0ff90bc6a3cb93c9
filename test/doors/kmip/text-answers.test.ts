// Messages in XML and JSON: they take turns with those of others, and their client pays for what reading them took.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRequest } from '../../../src/wire/kmip/client-message.ts'
import { fromText, toText } from '../../../src/wire/kmip/encodings.ts'
import { Fault } from '../../../src/wire/kmip/fault.ts'
import { encodeRequestPayload } from '../../../src/wire/kmip/payload.ts'
import type { Exchange } from '../../../src/doors/kmip/contract.ts'
import { inEachEncoding } from '../../../src/doors/kmip/text-answers.ts'
import { messageBytesMax } from '../../../src/base/bounds.ts'
import { textPerTtlvBytesMax } from '../../../src/doors/kmip/bounds.ts'
import { answeringOn, peerOf } from '../../support/server/answering.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { makeInstance, openCore, trustClient } from '../../support/server/core.ts'

const xml = {
  abandoned: new AbortController().signal,
  encoding: 'xml',
  host: undefined,
  canReverse: false,
  reserve: () => true,
} as const

const message = (text: string) =>
  Buffer.from(`<RequestMessage><UniqueIdentifier type="TextString" value="${text}"/></RequestMessage>`)

/** The largest text that there is, of references. */
const largest = () => message('&#65;'.repeat((messageBytesMax * textPerTtlvBytesMax - 200) / 5))

/** Answers each message with itself. Time passes by 1 ms whenever it is looked at, and by a second in each turn of others. */
function build() {
  const paid: number[] = []
  let turns = 0
  let nowMs = 0
  const pace = {
    spent: true,
    turn: async () => {
      turns++
      nowMs += 1_000
    },
  }
  const answering = inEachEncoding({
    answer: async (bytes) => ({ bytes: Buffer.from(bytes), close: false }),
    answerMalformed: () => fromText('xml', message('malformed')),
    answerUnreadable: () => null,
    begin: () => pace,
    worked: (_peer, ms) => void paid.push(ms),
    now: () => nowMs++,
  })
  return { answering, pace, paid, turns: () => turns }
}

test('a large message is read in many turns, and what it took is charged, without the turns of others', async () => {
  const { answering, paid, turns } = build()
  const peer = peerOf(await clientCertificate('self-signed'))
  const text = largest()
  const { bytes } = await answering.answer(text, peer, xml)
  assert.ok(fromText('xml', bytes).equals(fromText('xml', largest())))
  assert.ok(turns() > 500, `${turns()} turns`)
  const [readMs = 0, writtenMs = 0, ...others] = paid
  assert.deepEqual(others, [])
  assert.ok(Math.abs(readMs + writtenMs - turns()) <= 4, `${readMs} and ${writtenMs} ms in ${turns()} turns`)
  assert.ok(text.every((byte) => byte === 0))
})

test('a small message is not charged, nor is one that is refused charged less than it took', async () => {
  const { answering, paid } = build()
  const peer = peerOf(await clientCertificate('self-signed'))
  await answering.answer(message('a'), peer, xml)
  assert.deepEqual(paid, [])
  const broken = Buffer.concat([largest(), Buffer.from('<')])
  const { bytes } = await answering.answer(broken, peer, xml)
  assert.match(bytes.toString(), /malformed/)
  assert.equal(paid.length, 1)
  assert.ok((paid[0] ?? 0) > 500)
})

test('the message of a peer that has left is read no further, and not answered', async () => {
  const { answering, pace, paid } = build()
  const peer = peerOf(await clientCertificate('self-signed'))
  const leaving = new AbortController()
  let left = 5
  pace.turn = async () => {
    if (--left > 0) return
    leaving.abort()
    throw new Fault('OperationCanceledByRequester', 'left')
  }
  const exchange: Exchange = { ...xml, abandoned: leaving.signal }
  const text = largest()
  const { bytes, close } = await answering.answer(text, peer, exchange)
  assert.deepEqual([bytes.length, close, left, paid.length], [0, true, 0, 1])
  assert.ok(text.every((byte) => byte === 0))
})

/** Turns end by it. */
class RunningClock extends MovableClock {
  override monotonic(): number {
    return performance.now()
  }
}

test('another instance’s client is answered while a large message is read', async (t) => {
  const core = await openCore(t)
  const [one, other] = [await makeInstance(core, 'one'), await makeInstance(core, 'other')]
  const [sender, asker] = [await trustClient(core, one), await trustClient(core, other)]
  const { callbacks, close } = answeringOn({ ...core, clock: new RunningClock() })
  t.after(close)
  const [busy, quick] = [peerOf(sender.identity), peerOf(asker.identity)]
  for (const peer of [busy, quick])
    await callbacks.onHandshake({ ok: true, peer, waitedMs: 0, durationMs: 0 })
  const payload = encodeRequestPayload('Query', { QueryFunction: ['QueryOperations'] }, '1.4')
  const query = toText('xml', encodeRequest({ version: '1.4', items: [{ operation: 'Query', payload }] }))
  await callbacks.answer(Buffer.from(query), quick, xml)
  const order: string[] = []
  const large = callbacks.answer(largest(), busy, xml).then(() => order.push('large'))
  for (let asked = 0; asked < 3; asked++) {
    await callbacks.answer(Buffer.from(query), quick, xml)
    order.push('quick')
  }
  await large
  // How many come before it depends on the machine.
  assert.equal(order[0], 'quick', order.join())
})
