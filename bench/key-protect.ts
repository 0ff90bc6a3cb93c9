// Mortise with its root key in Key Protect, measured against the fake: how long after a root key was withdrawn the last
// key is handed out, and how long it takes until everybody has the keys after a restart, custody `keyprotect`.
// `node bench/key-protect.ts [KEYS] [LATENCY_MS] [ROUNDS]` (5000, 50, 10), prints Markdown.

import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { custodies, openSite, type Custody } from '../test/support/root-keys/custody.ts'
import { KeyProtectFake } from '../test/support/key-protect/fake.ts'
import type { KmipTalk } from '../test/support/clients/kmip-talk.ts'

const [keys = 5_000, latencyMs = 50, rounds = 10] = process.argv.slice(2).map(Number)
const cacheSeconds = 2
const connections = 64

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Milliseconds from disabling the CRK to the last key, at a random moment of the cache's time, `rounds` times. */
async function revoke(fake: KeyProtectFake, custody: Custody): Promise<readonly number[]> {
  await using site = await openSite(fake, { custody, cacheSeconds })
  const talk = await site.talk()
  const identifiers = await Promise.all(Array.from({ length: 5 }, () => talk.create()))
  const lastMs: number[] = []
  for (let round = 0; round < rounds; round++) {
    const until = performance.now() + ((round + 0.5) / rounds) * cacheSeconds * 1000
    while (performance.now() < until) await getAll(talk, identifiers)
    await fake.admin('POST', `/keys/${site.rootKey}/actions/disable`)
    const since = performance.now()
    let last = 0
    let served = await getAll(talk, identifiers)
    while (served > 0) {
      last = performance.now() - since
      served = await getAll(talk, identifiers)
    }
    lastMs.push(last)
    await fake.advance(31)
    await fake.admin('POST', `/keys/${site.rootKey}/actions/enable`)
    while ((await getAll(talk, identifiers)) < identifiers.length) await sleep(20)
  }
  talk.close()
  return lastMs
}

/** How many were handed out. */
async function getAll(talk: KmipTalk, identifiers: readonly string[]): Promise<number> {
  let served = 0
  for (const identifier of identifiers) if ((await talk.get(identifier)).ok) served++
  return served
}

async function storm(fake: KeyProtectFake) {
  await using site = await openSite(fake, { custody: 'keyprotect' })
  const identifiers: string[] = []
  await each(connections, async () => {
    const talk = await site.talk()
    while (identifiers.length < keys) {
      // Its place is taken at once, so that as many are made as were asked for.
      const place = identifiers.push('') - 1
      identifiers[place] = await talk.create()
    }
    talk.close()
  })
  await site.restart()
  await fake.forgetCalls()
  await fake.control('POST', 'traffic', { latencyMs, perSecond: null })
  const waiting = identifiers.values()
  const tookMs: number[] = []
  let failed = 0
  const begun = performance.now()
  await each(connections, async () => {
    const talk = await site.talk()
    for (const identifier of waiting) {
      const asked = performance.now()
      if (!(await talk.get(identifier)).ok) failed++
      tookMs.push(performance.now() - asked)
    }
    talk.close()
  })
  const seconds = (performance.now() - begun) / 1000
  const [reads, unwraps] = [(await fake.calls('get')).length, (await fake.calls('unwrap')).length]
  const inFlightMax = await fake.inFlightMax()
  await fake.calm()
  return { seconds, failed, reads, unwraps, inFlightMax, longestMs: Math.max(...tookMs) }
}

async function each(count: number, work: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, work))
}

const fake = await KeyProtectFake.start()
try {
  print('# With the root key in Key Protect\n')
  print(
    `Written by \`node bench/key-protect.ts ${keys} ${latencyMs} ${rounds}\` on ${new Date().toISOString().slice(0, 10)},`,
  )
  print(
    `server, fake and load on one machine. Node.js ${process.versions.node}, ${cpus()[0]?.model}, ${cpus().length} cores.\n`,
  )
  print(
    `From disabling the CRK to the last key that was handed out, cacheSeconds ${cacheSeconds}, ${rounds} rounds at evenly`,
  )
  print('spread moments, five keys asked for without a pause:\n')
  print('| custody | shortest ms | longest ms |\n| --- | --: | --: |')
  for (const custody of custodies) {
    const lastMs = await revoke(fake, custody)
    print(`| ${custody} | ${Math.round(Math.min(...lastMs))} | ${Math.round(Math.max(...lastMs))} |`)
  }
  const { seconds, failed, reads, unwraps, inFlightMax, longestMs } = await storm(fake)
  print(
    `\n${keys} different keys after a restart, custody keyprotect, ${latencyMs} ms for each call, ${connections} connections:\n`,
  )
  print(`- all handed out after **${seconds.toFixed(1)} s**; ${failed} refused`)
  print(`- ${reads} reads and ${unwraps} unwraps, never more than **${inFlightMax}** calls at once`)
  print(`- the request that waited longest: ${(longestMs / 1000).toFixed(1)} s`)
} finally {
  await fake.stop()
}
