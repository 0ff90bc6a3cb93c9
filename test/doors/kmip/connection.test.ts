// One connection: messages and answers in order, clients that leave as they please, clients that are
// slow, too much or broken, and the bounds that keep them from hurting anyone. Limits are tightened where a test
// would otherwise wait; no test asserts that something is faster than a slow machine can be.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer, Unreadable } from '../../../src/doors/kmip/contract.ts'
import { clientCertificate } from '../../support/certificates/certificates.ts'
import { echo, messageOf, numberOf, openListener } from '../../support/server/kmip-listener.ts'
import { MovableClock } from '../../support/time/movable-clock.ts'
import { until } from '../../support/time/until.ts'
import { connectClient, connectRaw } from '../../support/clients/tls-client.ts'

const MiB = 1024 * 1024

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** What the server says to bytes that it does not read: a message whose number tells the reason. */
const lastWords: Record<Unreadable, number> = {
  malformed: 101,
  'too-large': 102,
  untrusted: 103,
  busy: 104,
  unavailable: 105,
}
const answerUnreadable = (reason: Unreadable): Buffer => messageOf(lastWords[reason])

// ---------------------------------------------------------------- clients that come and go

test('a client that handshakes and leaves without a byte is normal, as often as it likes', async () => {
  await using listener = await openListener()
  for (let time = 0; time < 20; time += 1) {
    const client = await connectClient({ port: listener.port })
    client.end()
    assert.equal(await client.ended, null)
  }
  const working = await connectClient({ port: listener.port })
  assert.equal(numberOf(await working.ask(messageOf(1))), 1)
  working.close()
  await until(() => listener.count('connections_closed') === 21, 'all are gone')
  assert.deepEqual(listener.loud(), [])
})

test('a reset right after the handshake is normal', async () => {
  await using listener = await openListener()
  for (let time = 0; time < 10; time += 1) (await connectClient({ port: listener.port })).reset()
  await until(() => listener.gauge('connections') === 0, 'all are gone')
  assert.deepEqual(listener.loud(), [])
})

for (const [how, leave] of [
  ['FIN', 'end'],
  ['RST', 'resetAndDestroy'],
] as const) {
  test(`a TCP connection that ends by ${how} before the handshake, or inside it, is normal`, async () => {
    await using listener = await openListener()
    const silent = await connectRaw({ port: listener.port })
    const halfway = await connectRaw({ port: listener.port })
    // A whole record that is no whole ClientHello: TLS waits for more.
    halfway.write(Buffer.from('16030100040100010003', 'hex').subarray(0, 9))
    await until(() => listener.gauge('connections') === 2, 'both are in')
    await until(() => listener.gauge('handshakes_active') === 1, 'one is in TLS')
    silent[leave]()
    halfway[leave]()
    await until(() => listener.gauge('connections') === 0, 'both are gone')
    assert.equal(listener.count('connections_without_hello', { reason: 'gone' }), 1)
    assert.equal(listener.count('handshakes', { result: 'failed' }), 1)
    assert.equal(listener.gauge('handshakes_active'), 0)
    assert.deepEqual(listener.loud(), [])
    const client = await connectClient({ port: listener.port })
    assert.equal(numberOf(await client.ask(messageOf(1))), 1)
    client.close()
  })
}

test('a reset in the middle of a message is normal', async () => {
  await using listener = await openListener()
  const client = await connectClient({ port: listener.port })
  client.send(messageOf(1, 4_000).subarray(0, 2_000))
  await until(() => listener.handshakes.length === 1, 'the server has it')
  client.reset()
  await until(() => listener.gauge('connections') === 0, 'it is gone')
  assert.deepEqual(listener.loud(), [])
})

test('a reset while the answer is made ends the connection and nothing else', async () => {
  const gate = Promise.withResolvers<void>()
  await using listener = await openListener({
    answer: async (message, peer) => {
      await gate.promise
      return echo(message, peer)
    },
  })
  const client = await connectClient({ port: listener.port })
  client.send(messageOf(1))
  await until(() => listener.gauge('requests_running') === 1, 'it is being answered')
  client.reset()
  await until(() => listener.gauge('connections') === 0, 'it is gone')
  gate.resolve()
  await later(20)
  assert.deepEqual(listener.loud(), [])
})

test('a client that ends its side after the request still gets the answer, then the end', async () => {
  await using listener = await openListener({
    answer: async (message, peer) => {
      await later(50)
      return echo(message, peer)
    },
  })
  const client = await connectClient({ port: listener.port })
  client.send(messageOf(5))
  client.end()
  assert.equal(numberOf(await client.message()), 5)
  assert.equal(await client.ended, null)
})

test('the same message over and over is answered over and over', async () => {
  await using listener = await openListener()
  const client = await connectClient({ port: listener.port })
  for (let time = 0; time < 200; time += 1) assert.equal(numberOf(await client.ask(messageOf(9))), 9)
  client.close()
  assert.deepEqual(listener.loud(), [])
})

test('one certificate from many addresses at once is one peer as good as another', async () => {
  await using listener = await openListener()
  const identity = await clientCertificate('self-signed')
  for (const from of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) {
    const client = await connectClient({ port: listener.port, from, ...identity.tls })
    assert.equal(numberOf(await client.ask(messageOf(1))), 1)
    client.close()
  }
  const peers = listener.handshakes.flatMap((outcome) => (outcome.ok ? [outcome.peer] : []))
  assert.deepEqual(
    peers.map(({ address }) => address),
    ['127.0.0.2', '127.0.0.3', '127.0.0.4'],
  )
  assert.equal(new Set(peers.map(({ certificate }) => certificate?.sha256)).size, 1)
  assert.equal(new Set(peers.map(({ connectionId }) => connectionId)).size, 3)
})

// ---------------------------------------------------------------- order and back-pressure

test('requests sent at once are answered one at a time and in order', async () => {
  let running = 0
  let mostRunning = 0
  await using listener = await openListener({
    answer: async (message, peer) => {
      running += 1
      mostRunning = Math.max(mostRunning, running)
      await later((numberOf(message) ?? 0) % 3)
      running -= 1
      return echo(message, peer)
    },
  })
  const client = await connectClient({ port: listener.port })
  const numbers = Array.from({ length: 100 }, (_, number) => number)
  client.send(Buffer.concat(numbers.map((number) => messageOf(number))))
  for (const number of numbers) assert.equal(numberOf(await client.message()), number)
  assert.equal(mostRunning, 1)
  client.close()
})

test('a message in pieces of one byte is one message', async () => {
  await using listener = await openListener()
  const client = await connectClient({ port: listener.port })
  for (const byte of messageOf(3)) {
    client.send(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(numberOf(await client.message()), 3)
  client.close()
})

test('while requests wait no more is read, and all are answered in the end', async () => {
  let answered = 0
  const gate = Promise.withResolvers<void>()
  await using listener = await openListener({
    answer: async () => {
      await gate.promise
      answered += 1
      return { bytes: messageOf(answered), close: false }
    },
  })
  const client = await connectClient({ port: listener.port })
  const messages = 3_200
  const message = messageOf(0, 8 * 1024 - 8)
  for (let sent = 0; sent < messages; sent += 1) client.send(message)
  await until(() => listener.gauge('requests_running') === 1, 'one is being answered')
  for (let before = -1; before !== client.raw.bytesWritten; await later(50)) before = client.raw.bytesWritten
  // 25 MiB were sent; kernel buffers hold a few MiB and the listener hardly anything.
  assert.ok(client.socket.writableLength > 8 * MiB, `${client.socket.writableLength} bytes still to be sent`)
  gate.resolve()
  for (let number = 1; number <= messages; number += 1) assert.equal(numberOf(await client.message()), number)
  client.close()
})

test('a peer that takes no answers is cut off after the write time-out', async () => {
  let answered = 0
  await using listener = await openListener({
    limits: { writeTimeoutMs: 300 },
    answer: async () => {
      answered += 1
      return { bytes: messageOf(1, MiB - 8), close: false }
    },
  })
  const client = await connectClient({ port: listener.port })
  client.socket.pause()
  client.raw.pause()
  for (let sent = 0; sent < 64; sent += 1) client.send(messageOf(0))
  await until(() => listener.count('connections_closed', { reason: 'write-timeout' }) === 1, 'it is cut off')
  client.close()
  // Kernel buffers take some MiB; beyond them nothing is made that nobody takes.
  assert.ok(answered < 32, `${answered} answers were made`)
  assert.deepEqual(listener.loud(), [])
})

test('a peer that never ends its side, or goes on sending, is cut off after our last word', async () => {
  await using listener = await openListener({
    limits: { lingerMs: 200, lingerBytesMax: 100_000 },
    answer: async (message, peer) => ({ ...(await echo(message, peer)), close: true }),
  })
  const still = await connectClient({ port: listener.port, staysOpen: true })
  assert.equal(numberOf(await still.ask(messageOf(1))), 1)
  const sending = await connectClient({ port: listener.port, staysOpen: true })
  const more = setInterval(() => sending.send(messageOf(2, 8_000)), 5)
  await until(() => listener.count('connections_closed', { reason: 'answered' }) === 2, 'both are gone')
  clearInterval(more)
  for (const client of [still, sending]) client.close()
})

test('an answer that says so is the last, and arrives whole even if more was sent', async () => {
  await using listener = await openListener({
    answer: async () => ({ bytes: messageOf(77, MiB - 8), close: true }),
  })
  const client = await connectClient({ port: listener.port })
  client.send(Buffer.concat(Array.from({ length: 50 }, (_, number) => messageOf(number, 10_000 - 8))))
  const answer = await client.message()
  assert.equal(answer?.length, MiB)
  assert.equal(numberOf(answer), 77)
  assert.equal(await client.message(), undefined)
  assert.equal(await client.ended, null)
  client.close()
})

test('the bytes of an answer are overwritten once they are sent', async () => {
  const sent: Buffer[] = []
  await using listener = await openListener({
    answer: async () => {
      const bytes = messageOf(42)
      sent.push(bytes)
      return { bytes, close: sent.length === 2 }
    },
  })
  const client = await connectClient({ port: listener.port })
  assert.equal(numberOf(await client.ask(messageOf(1))), 42)
  assert.equal(numberOf(await client.ask(messageOf(2))), 42)
  await client.ended
  await until(() => sent.every((bytes) => bytes.every((byte) => byte === 0)), 'both are zeros')
  assert.equal(sent.length, 2)
  client.close()
})

// ---------------------------------------------------------------- too slow

test('half a message ends after the message time-out, also when a byte comes now and then', async () => {
  await using listener = await openListener({ limits: { messageTimeoutMs: 300 } })
  const still = await connectClient({ port: listener.port })
  still.send(messageOf(1).subarray(0, 13))
  const dripping = await connectClient({ port: listener.port })
  const drip = setInterval(() => dripping.send(Buffer.from([0x42])), 50)
  dripping.send(messageOf(1, 8_000).subarray(0, 20))
  assert.equal(await still.ended, null)
  await dripping.ended
  clearInterval(drip)
  await until(
    () => listener.count('connections_closed', { reason: 'message-timeout' }) === 2,
    'both are counted',
  )
  assert.equal(listener.count('messages'), 0)
  still.close()
  dripping.close()
})

test('a connection that says nothing ends after the idle time-out, and one that works does not', async () => {
  await using listener = await openListener({ limits: { idleTimeoutMs: 1_500 } })
  const idle = await connectClient({ port: listener.port })
  const busy = await connectClient({ port: listener.port })
  while (listener.count('connections_closed', { reason: 'idle' }) === 0) {
    assert.equal(numberOf(await busy.ask(messageOf(4))), 4)
    await later(20)
  }
  assert.equal(await idle.ended, null)
  assert.equal(numberOf(await busy.ask(messageOf(5))), 5)
  assert.equal(listener.count('connections_closed'), 1)
  idle.close()
  busy.close()
})

test('a peer that never shows a ClientHello, or never ends its handshake, is cut off', async () => {
  await using listener = await openListener({ limits: { handshakeTimeoutMs: 300 } })
  const silent = await connectRaw({ port: listener.port })
  const dripping = await connectRaw({ port: listener.port })
  const halfway = await connectRaw({ port: listener.port })
  dripping.write(Buffer.from('1603010200', 'hex'))
  halfway.write(Buffer.from('160301000401000100', 'hex'))
  const drip = setInterval(() => dripping.write(Buffer.from([0])), 60)
  await Promise.all(
    [silent, dripping, halfway].map(
      (raw) =>
        new Promise((resolve) => {
          raw.on('close', resolve)
          raw.on('end', () => raw.end())
          raw.resume()
        }),
    ),
  )
  clearInterval(drip)
  await until(() => listener.gauge('connections') === 0, 'all are gone')
  assert.equal(listener.count('connections_without_hello', { reason: 'timeout' }), 2)
  const [outcome] = listener.handshakes
  assert.ok(outcome !== undefined && !outcome.ok)
  assert.equal(outcome.code, 'ERR_TLS_HANDSHAKE_TIMEOUT')
})

test('a request that hangs does not hold its connection for ever', async () => {
  await using listener = await openListener({
    limits: { answerTimeoutMs: 1_500, idleTimeoutMs: 1_000 },
    answer: () => new Promise<Answer>(() => {}),
  })
  const client = await connectClient({ port: listener.port })
  client.send(messageOf(1))
  await client.ended
  await until(() => listener.count('connections_closed', { reason: 'answer-timeout' }) === 1, 'it is counted')
  client.close()
})

// ---------------------------------------------------------------- too much, or broken

test('a length of 4 GiB is answered and closed from the header alone', async () => {
  for (const last of [true, false]) {
    await using listener = await openListener(last ? { answerUnreadable } : {})
    const client = await connectClient({ port: listener.port })
    client.send(Buffer.from('42007801fffffff8', 'hex'))
    assert.equal(numberOf(await client.message()), last ? lastWords['too-large'] : undefined)
    assert.equal(await client.ended, null)
    assert.equal(listener.count('messages'), 0)
    client.close()
  }
})

test('bytes that are no message are answered and closed; whole messages before them are answered first', async () => {
  await using listener = await openListener({ answerUnreadable })
  const client = await connectClient({ port: listener.port })
  client.send(Buffer.concat([messageOf(1), messageOf(2), Buffer.from('GET / HTTP/1.1\r\n\r\n')]))
  assert.equal(numberOf(await client.message()), 1)
  assert.equal(numberOf(await client.message()), 2)
  assert.equal(numberOf(await client.message()), lastWords.malformed)
  assert.equal(await client.message(), undefined)
  client.close()
  assert.deepEqual(listener.loud(), [])
})

test('more than 8 KiB from an untrusted peer is refused unread, and its last words arrive', async () => {
  let asked = 0
  await using listener = await openListener({
    answerUnreadable,
    whyUnread: async () => {
      asked += 1
      return 'untrusted'
    },
  })
  const client = await connectClient({ port: listener.port })
  // Exactly 8 KiB is read, and nobody is asked.
  assert.equal(numberOf(await client.ask(messageOf(1, 8 * 1024 - 8))), 1)
  assert.equal(asked, 0)
  client.send(messageOf(2, MiB - 8))
  assert.equal(numberOf(await client.message()), lastWords.untrusted)
  assert.equal(await client.ended, null)
  assert.equal(asked, 1)
  assert.equal(listener.count('messages'), 1)
  client.close()
})

test('the header alone is enough to refuse an untrusted peer', async () => {
  await using listener = await openListener({ answerUnreadable, whyUnread: async () => 'untrusted' })
  const client = await connectClient({ port: listener.port })
  client.send(messageOf(2, 8 * 1024).subarray(0, 8))
  assert.equal(numberOf(await client.message()), lastWords.untrusted)
  client.close()
})

test('trust that comes later on the same connection holds for the next message, and is asked again each time', async () => {
  let why: 'untrusted' | 'busy' | null = null
  await using listener = await openListener({ answerUnreadable, whyUnread: async () => why })
  const client = await connectClient({ port: listener.port })
  for (let number = 1; number <= 3; number += 1) {
    assert.equal(numberOf(await client.ask(messageOf(number, MiB - 8))), number)
  }
  why = 'untrusted'
  assert.equal(numberOf(await client.ask(messageOf(4))), 4)
  assert.equal(numberOf(await client.ask(messageOf(5, 9_000))), lastWords.untrusted)
  client.close()
})

test('large messages between small ones, in one stream, are answered in order', async () => {
  await using listener = await openListener()
  const client = await connectClient({ port: listener.port })
  const sizes = [16, 9_000, 0, 8 * 1024 - 8, 8 * 1024, 200_000, 16, 16, 70_000, 8]
  client.send(Buffer.concat(sizes.map((bytes, number) => messageOf(number, bytes))))
  for (const bytes of sizes) assert.equal((await client.message())?.length, 8 + bytes)
  // What waited when the listener last looked counts until it looks again.
  await until(() => listener.gauge('bytes_buffered') === 0, 'no bytes are held')
  client.close()
})

test('a large message for which a client would have to wait too long is refused as busy', async () => {
  await using listener = await openListener({ answerUnreadable, whyUnread: async () => 'busy' })
  const client = await connectClient({ port: listener.port })
  assert.equal(numberOf(await client.ask(messageOf(5, 9_000))), lastWords.busy)
  client.close()
})

test('when whether a peer is trusted cannot be told, its large message is not read, and it hears so', async () => {
  await using listener = await openListener({
    answerUnreadable,
    whyUnread: () => Promise.reject(new Error('the store is away')),
  })
  const client = await connectClient({ port: listener.port })
  assert.equal(numberOf(await client.ask(messageOf(5, 9_000))), lastWords.unavailable)
  assert.deepEqual(
    listener.loud().map(({ level }) => level),
    ['error'],
  )
  client.close()
})

test('large messages beyond what the listener may hold are refused as busy, and room is given back', async () => {
  await using listener = await openListener({ answerUnreadable, limits: { bufferedBytesMax: 2 * MiB } })
  const [holding, refused, after] = await Promise.all(
    [1, 2, 3].map(() => connectClient({ port: listener.port })),
  )
  assert.ok(holding && refused && after)
  holding.send(messageOf(1, 700_000).subarray(0, 600_000))
  await until(() => listener.gauge('bytes_buffered') > 0, 'it is held')
  assert.equal(numberOf(await refused.ask(messageOf(2, 700_000))), lastWords.busy)
  holding.reset()
  await until(() => listener.gauge('bytes_buffered') === 0, 'it is given back')
  assert.equal(numberOf(await after.ask(messageOf(3, 700_000))), 3)
  for (const client of [holding, refused, after]) client.close()
})

test('an answer that throws or rejects is logged and closes its connection; nobody else notices', async () => {
  await using listener = await openListener({
    answer: (message, peer) => {
      if (numberOf(message) === 1) throw new Error('thrown')
      if (numberOf(message) === 2) return Promise.reject(new Error('rejected'))
      return echo(message, peer)
    },
  })
  const bystander = await connectClient({ port: listener.port })
  for (const number of [1, 2]) {
    const client = await connectClient({ port: listener.port })
    assert.equal(await client.ask(messageOf(number)), undefined)
    client.close()
  }
  assert.equal(numberOf(await bystander.ask(messageOf(3))), 3)
  assert.equal(listener.count('answers_failed'), 2)
  assert.equal(listener.loud().filter(({ level }) => level === 'error').length, 2)
  bystander.close()
})

test('a handshake that cannot be noted is logged, and the client is served', async () => {
  await using listener = await openListener({
    onHandshake: () => {
      throw new Error('no')
    },
  })
  const client = await connectClient({ port: listener.port })
  assert.equal(numberOf(await client.ask(messageOf(3))), 3)
  assert.equal(listener.loud().length, 1)
  client.close()
})

// ---------------------------------------------------------------- the end

test('closing answers what has arrived, also behind the running request, says goodbye to the idle, and takes nobody new', async () => {
  const gate = Promise.withResolvers<void>()
  await using listener = await openListener({
    answer: async (message, peer) => {
      await gate.promise
      return echo(message, peer)
    },
  })
  const { port } = listener
  const idle = await connectClient({ port })
  const busy = await connectClient({ port })
  busy.send(Buffer.concat([messageOf(1), messageOf(2), messageOf(3, 20_000)]))
  const half = await connectClient({ port })
  half.send(messageOf(4).subarray(0, 10))
  const halfway = await connectRaw({ port })
  await until(() => listener.gauge('requests_running') === 1, 'it is being answered')
  // This thread writes and closes in one turn: the bytes are in the kernel, and the listener has not read them.
  const unread = await connectClient({ port })
  await until(() => listener.gauge('connections') === 5, 'all are in')
  unread.send(messageOf(5))
  const closed = listener.opened.close()
  assert.equal(await idle.ended, null)
  await assert.rejects(connectClient({ port }))
  gate.resolve()
  for (const number of [1, 2, 3]) assert.equal(numberOf(await busy.message()), number)
  assert.equal(await busy.message(), undefined)
  assert.equal(await busy.ended, null)
  assert.equal(numberOf(await unread.message()), 5)
  half.send(messageOf(4).subarray(10))
  assert.equal(numberOf(await half.message()), 4)
  for (const client of [unread, half]) assert.equal(await client.ended, null)
  await closed
  await listener.opened.close()
  assert.equal(listener.gauge('connections'), 0)
  for (const client of [idle, busy, unread, half]) client.close()
  halfway.destroy()
})

test('closing lets a peer that came just now do its task, and ends at once who has been idle', async () => {
  const clock = new MovableClock()
  const taskPauseMs = 60_000
  await using listener = await openListener({ clock, limits: { taskPauseMs, closeGraceMs: 2 * taskPauseMs } })
  const idle = await connectClient({ port: listener.port })
  await idle.ask(messageOf(1))
  clock.pass(taskPauseMs)
  const fresh = await connectClient({ port: listener.port })
  const closed = listener.opened.close()
  assert.equal(await idle.ended, null)
  for (const number of [1, 2]) assert.equal(numberOf(await fresh.ask(messageOf(number))), number)
  fresh.close()
  await closed
  idle.close()
})

test('closing does not wait for ever for a request that hangs', async () => {
  const listener = await openListener({
    limits: { closeGraceMs: 200 },
    answer: () => new Promise<Answer>(() => {}),
  })
  const client = await connectClient({ port: listener.port })
  client.send(messageOf(1))
  await until(() => listener.gauge('requests_running') === 1, 'it is being answered')
  await listener.opened.close()
  await client.ended
  client.close()
})

test('a port that is taken is told with its number', async () => {
  await using listener = await openListener()
  await assert.rejects(openListener({ port: listener.port }), new RegExp(`port ${listener.port}`))
})

test('keys for tickets of another length are refused', async () => {
  await assert.rejects(openListener({ ticketKeys: Buffer.alloc(32) }), /48 bytes/)
})
