// What every root key in a cloud does when its service does not answer as it should: repeats within bounds what may succeed, and
// says 'unreachable', never a refusal.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { rootKeyTriesMax } from '../../../src/outside/rootkey/https/repeats.ts'
import type { Clock } from '../../../src/core/ports/clock.ts'
import type { RootKey } from '../../../src/core/ports/root-key.ts'
import { MovableClock } from '../time/movable-clock.ts'
import { reaches } from '../root-keys/rootkey-contract.ts'
import type { CloudFake } from './fake.ts'
import type { CloudFault } from './listener.ts'
import { failsInTime } from '../time/passing-time.ts'

export interface OutageSubject {
  readonly fake: () => CloudFake
  /** The same root key each time, with connections of its own; to be closed. */
  readonly open: (clock?: Clock) => Promise<{ readonly key: RootKey; readonly close: () => void }>
  /** The fake's names of the calls. */
  readonly encrypt: string
  readonly decrypt: string
}

const place = Buffer.from('place')

const passing: Readonly<Record<string, CloudFault>> = {
  'a 500 twice': { kind: 'status', status: 500, times: 2 },
  'a 503': { kind: 'status', status: 503 },
  'too many requests': { kind: 'status', status: 429 },
  'a reset before the work': { kind: 'reset-before' },
  'a reset after the work': { kind: 'reset-after' },
  'half an answer': { kind: 'half' },
  'an answer that is no JSON': { kind: 'garbage' },
  'a page of a proxy that forbids': { kind: 'proxy', status: 403 },
}

const lasting: Readonly<Record<string, CloudFault>> = {
  'trouble at the service': { kind: 'status', status: 500, times: null },
  'too many requests': { kind: 'status', status: 429, times: null },
  'pages of a proxy that finds nothing': { kind: 'proxy', status: 404, times: null },
  'answers that mean nothing': { kind: 'nonsense', times: null },
}

export function outageContract(kind: string, subject: OutageSubject): void {
  const { open, encrypt, decrypt } = subject
  const tell = (command: string, body?: object) => subject.fake().tell(command, body)

  /** With a root key, something that it sealed, and a fake where nothing goes wrong yet. */
  async function within(
    work: (key: RootKey, wrapped: Uint8Array, secret: Buffer) => Promise<void>,
    clock?: Clock,
  ): Promise<void> {
    const { key, close } = await open(clock)
    try {
      const secret = randomBytes(32)
      const wrapped = await key.wrap(secret, place)
      await tell('forget-calls')
      await work(key, wrapped, secret)
    } finally {
      await tell('calm')
      close()
    }
  }

  suite(`${kind}: the service does not answer as it should`, () => {
    for (const [what, fault] of Object.entries(passing))
      test(`${what}: both calls are repeated and succeed`, () =>
        within(async (key, wrapped, secret) => {
          await subject.fake().fault({ ...fault, on: decrypt })
          assert.deepEqual(Buffer.from(await key.unwrap(wrapped, place)), secret)
          await subject.fake().fault({ ...fault, on: encrypt })
          await key.unwrap(await key.wrap(secret, place), place)
        }))

    for (const [what, fault] of Object.entries(lasting))
      test(`${what}: it is unreachable, after a bounded number of calls`, () =>
        within(async (key, wrapped, secret) => {
          await subject.fake().fault(fault)
          await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable'))
          await assert.rejects(key.wrap(secret, place), reaches('unreachable'))
          const made = await subject.fake().calls()
          assert.ok(made.length >= 2 && made.length <= 2 * rootKeyTriesMax, `${made.length} calls`)
        }))

    for (const kindOfFault of ['hang', 'drip'] as const)
      test(`an answer that ${kindOfFault === 'hang' ? 'never comes' : 'comes by one byte a minute'}: bounded in time`, () => {
        const clock = new MovableClock()
        return within(async (key, wrapped) => {
          await subject.fake().fault({ kind: kindOfFault, on: decrypt, times: null })
          const ended = await failsInTime(clock, key.unwrap(wrapped, place))
          reaches('unreachable', /no (answer|connection) within/)(ended)
        }, clock)
      })

    test('while it asks not to be called, it is not', () =>
      within(async (key, wrapped, secret) => {
        await subject.fake().fault({ kind: 'status', status: 429, retryAfter: 50, on: decrypt })
        await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable'))
        await assert.rejects(key.unwrap(wrapped, place), reaches('unreachable', /asked not to be called/))
        await assert.rejects(key.wrap(secret, place), reaches('unreachable', /asked not to be called/))
        assert.equal((await subject.fake().calls()).length, 1)
      }))
  })
}
