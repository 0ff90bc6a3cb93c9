// After a restart everybody asks at once, as hosts do that boot: each key is asked for once however many want it, never
// more than 16 calls are in flight, and all are served. The real server and the fake with 50 ms for each call; the
// 5,000 keys of the same thing are in bench/key-protect.ts.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { rootKeyCallsMax } from '../../src/base/bounds.ts'
import { openSite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { digestOf } from '../support/clients/kmip-talk.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())

const keys = 80
const connections = 20

test('custody keyprotect: 80 different keys at once after a restart, each asked for by two', async (t) => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const identifiers: string[] = []
  const maker = await site.talk()
  for (let made = 0; made < keys; made++) identifiers.push(await maker.create())
  maker.close()
  await site.restart()
  await fake.forgetCalls()
  await fake.control('POST', 'traffic', { latencyMs: 50, perSecond: null })
  const begun = performance.now()
  const wanted = [...identifiers, ...identifiers].values()
  const digests = new Map<string, Set<string | undefined>>(identifiers.map((id) => [id, new Set()]))
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const talk = await site.talk()
      for (const identifier of wanted) {
        const answer = await talk.get(identifier)
        assert.ok(answer.ok, answer.message)
        digests.get(identifier)?.add(digestOf(answer))
      }
      talk.close()
    }),
  )
  t.diagnostic(`${Math.round(performance.now() - begun)} ms`)
  const inFlightMax = await fake.inFlightMax()
  assert.ok(inFlightMax <= rootKeyCallsMax, `${inFlightMax} calls at once`)
  assert.ok(inFlightMax > 1, 'one after the other')
  assert.equal((await fake.calls('get')).length, keys, 'each is read once')
  const unwraps = (await fake.calls('unwrap')).length
  // The look at the root key of the instance is one of its own.
  assert.ok(unwraps >= keys && unwraps <= keys + 5, `${unwraps} unwraps`)
  assert.ok([...digests.values()].every((own) => own.size === 1))
})

test('requests for one key at the same time are one call, and the audit names it', async () => {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const maker = await site.talk()
  const identifier = await maker.create()
  maker.close()
  await site.restart()
  await fake.forgetCalls()
  await fake.control('POST', 'traffic', { latencyMs: 200, perSecond: null })
  const talks = await Promise.all(Array.from({ length: 10 }, () => site.talk()))
  const answers = await Promise.all(talks.map((talk) => talk.get(identifier)))
  for (const talk of talks) talk.close()
  await fake.calm()
  assert.ok(answers.every(({ ok }) => ok))
  const reads = await fake.calls('get')
  assert.equal(reads.length, 1)
  const gets = await site.audit('--action', 'key.get')
  assert.equal(gets.length, 10)
  const named = gets.filter(({ detail }) =>
    String(detail?.['correlationIds'])
      .split(' ')
      .includes(reads[0]?.correlationId ?? ''),
  )
  assert.ok(named.length >= 1, 'those who waited for the call name it')
})
