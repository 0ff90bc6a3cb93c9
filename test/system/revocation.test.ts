// The root key in the customer's hands: whatever takes it away closes the instance within cacheSeconds and one call,
// in both custodies, says so in words to clients, in readiness and in the audit, and giving it back brings the keys
// back. The real server and the Key Protect fake.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, afterEach, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SimulationReport } from '../../src/tools/vsphere/report.ts'
import { custodies, openSite, type Custody, type CustodySite } from '../support/root-keys/custody.ts'
import { KeyProtectFake } from '../support/key-protect/fake.ts'
import { digestOf, type KmipTalk } from '../support/clients/kmip-talk.ts'
import { runCli } from '../support/server/server.ts'

const fake = await KeyProtectFake.start()
after(() => fake.stop())
afterEach(() => fake.calm())

const cacheSeconds = 2
/** A busy machine may be slow to notice; unwrap-rule.test.ts holds the rule to the millisecond. */
const patienceMs = 8_000

interface Deed {
  readonly name: string
  readonly take: (site: CustodySite) => Promise<unknown>
  readonly giveBack: (site: CustodySite) => Promise<unknown>
}

const roles: Record<Custody, string> = { database: 'Reader', keyprotect: 'Manager' }

const deeds: readonly Deed[] = [
  {
    name: 'the CRK disabled',
    take: ({ rootKey }) => fake.admin('POST', `/keys/${rootKey}/actions/disable`),
    giveBack: ({ rootKey }) => fake.admin('POST', `/keys/${rootKey}/actions/enable`),
  },
  {
    name: 'the CRK deleted',
    take: ({ rootKey }) => fake.admin('DELETE', `/keys/${rootKey}`),
    giveBack: ({ rootKey }) => fake.admin('POST', `/keys/${rootKey}/restore`),
  },
  {
    name: 'the policy of the service ID taken away',
    take: ({ serviceId }) => fake.control('PUT', `service-ids/${serviceId}/policies`, { policies: [] }),
    giveBack: ({ serviceId, custody }) =>
      fake.control('PUT', `service-ids/${serviceId}/policies`, {
        policies: [{ instance: fake.about.instance, roles: [roles[custody]] }],
      }),
  },
  {
    name: 'the API key deleted, and its token ended',
    take: async ({ serviceId }) => {
      await fake.control('DELETE', `service-ids/${serviceId}/api-key`)
      await fake.control('DELETE', 'tokens')
    },
    giveBack: (site) => site.renewApiKey(),
  },
]

/** Asks for the keys in turn until each was refused; how long after `since` the last one came, and the words. */
async function untilRefused(talk: KmipTalk, identifiers: readonly string[], since: number) {
  let lastMs = 0
  const words = new Set<string>()
  const open = new Set(identifiers)
  while (open.size > 0) {
    assert.ok(performance.now() - since < cacheSeconds * 1000 + patienceMs, 'keys are still handed out')
    for (const identifier of open) {
      const answer = await talk.get(identifier)
      if (answer.ok) lastMs = performance.now() - since
      else {
        open.delete(identifier)
        words.add(answer.message ?? '')
      }
    }
    await sleep(20)
  }
  return { lastMs, words: [...words] }
}

async function untilServed(talk: KmipTalk, identifier: string): Promise<string | undefined> {
  const begun = performance.now()
  for (;;) {
    const answer = await talk.get(identifier)
    if (answer.ok) return digestOf(answer)
    assert.ok(performance.now() - begun < patienceMs, `still refused: ${answer.message}`)
    await sleep(50)
  }
}

interface Health {
  readonly ready: boolean
  readonly withdrawn: readonly string[]
  readonly unreachable: readonly string[]
}

interface Status {
  readonly conditions: readonly { readonly id: string; readonly message: string }[]
}

for (const custody of custodies)
  suite(`custody ${custody}`, () => {
    let site: CustodySite
    let talk: KmipTalk
    let identifiers: readonly [string, string, string]
    let first: string
    let digests: readonly (string | undefined)[]
    before(async () => {
      site = await openSite(fake, { custody, cacheSeconds, outageSeconds: 3600 })
      talk = await site.talk()
      identifiers = [await talk.create(), await talk.create(), await talk.create()]
      first = identifiers[0]
      digests = await Promise.all(identifiers.map(async (id) => digestOf(await talk.get(id))))
    })
    after(async () => {
      talk.close()
      await site[Symbol.asyncDispose]()
    })

    for (const { name, take, giveBack } of deeds)
      test(`${name}: closed within cacheSeconds and a call, open again when it is given back`, async (t) => {
        const before = (await site.audit()).length
        for (const id of identifiers) assert.ok((await talk.get(id)).ok)
        const since = performance.now()
        await take(site)
        const { lastMs, words } = await untilRefused(talk, identifiers, since)
        t.diagnostic(`the last key left ${Math.round(lastMs)} ms after the deed`)
        assert.ok(lastMs < cacheSeconds * 1000 + patienceMs)
        assert.deepEqual(words, [
          'the root key of this instance was withdrawn: mortise status on the key server says why',
        ])
        const health = (await site.health()) as Health
        assert.deepEqual([health.ready, health.withdrawn], [true, [site.instanceId]])
        await assert.rejects(talk.create(), /the root key of this instance was withdrawn/)
        await fake.advance(31)
        await giveBack(site)
        assert.equal(await untilServed(talk, first), digests[0])
        for (const [index, id] of identifiers.entries())
          assert.equal(digestOf(await talk.get(id)), digests[index])
        const told = (await site.audit()).slice(before).filter(({ action }) => action.startsWith('root-key.'))
        assert.deepEqual(
          told.map(({ action, object }) => [action, object]),
          [
            ['root-key.withdrawn', site.instanceId],
            ['root-key.answers', site.instanceId],
          ],
        )
        const { correlationId, reach } = told[0]?.detail ?? {}
        assert.equal(reach, 'root-key')
        const calls = await fake.calls()
        assert.ok(calls.some((made) => made.correlationId === correlationId && made.status >= 400))
      })

    if (custody === 'keyprotect')
      test('one key: its standard key deleted closes it and no other', async (t) => {
        const standardKey = await site.standardKeyOf(first)
        const since = performance.now()
        await fake.admin('DELETE', `/keys/${standardKey}`)
        const { lastMs, words } = await untilRefused(talk, [first], since)
        t.diagnostic(`the last key left ${Math.round(lastMs)} ms after the deed`)
        assert.deepEqual(words, [
          "this key does not open, though its root key answers: it was deleted at the root key's service, or its stored form was changed, and mortise status says which",
        ])
        for (const id of identifiers.slice(1)) assert.ok((await talk.get(id)).ok)
        assert.deepEqual(((await site.health()) as Health).withdrawn, [])
        const closedKeys = async () => {
          const status = (await site.server.json('status')) as Status
          return status.conditions.filter(({ id }) => id === 'closed-keys').map(({ message }) => message)
        }
        assert.deepEqual(await closedKeys(), [
          `a key of the instance vmware does not open (${first}): deleted at its root key's service, most likely`,
        ])
        const said = site.server.stderr().split('\n')
        const line = said.filter((text) => text.includes(first) && /does not open/.test(text))
        assert.equal(line.length, 1, 'told once')
        for (const part of ['warn', site.instanceId, `ibmcloud kp key restore ${standardKey}`])
          assert.ok(line[0]?.includes(part), line[0])
        const refused = (await site.audit('--action', 'key.get')).findLast(
          ({ object, result }) => object === first && result === 'refused',
        )
        assert.equal(refused?.detail?.['rootKey'], 'wrapped-form')
        const answers = await fake.calls('get')
        const calls = String(refused?.detail?.['correlationIds']).split(' ')
        assert.ok(
          answers.some(({ on, correlationId }) => on === standardKey && calls.includes(correlationId)),
        )
        await fake.advance(31)
        await fake.admin('POST', `/keys/${standardKey}/restore`)
        assert.equal(await untilServed(talk, first), digests[0])
        assert.deepEqual(await closedKeys(), [])
      })

    test('what vCenter would see: the simulator shows the words, as text and as JSON', async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'mortise-seen-'))
      const { host, port } = site.server.kmip
      const known = [
        '--server',
        `${host}:${port}`,
        '--cert',
        site.certFile,
        '--key',
        site.keyFile,
        '--insecure',
      ]
      const simulator = (...more: string[]) => runCli(['simulate', 'vsphere', ...known, ...more])
      try {
        const keys = path.join(folder, 'keys.json')
        const made = await simulator(
          '--scenario',
          'e',
          '--hosts',
          '1',
          '--vms',
          '1',
          '--speed',
          '200',
          '--save',
          keys,
        )
        assert.equal(made.code, 0, made.stdout + made.stderr)
        await fake.admin('POST', `/keys/${site.rootKey}/actions/disable`)
        await untilRefused(talk, identifiers, performance.now())
        const { code, stdout } = await simulator('--expect', keys)
        assert.equal(code, 1)
        assert.match(
          stdout,
          /What vCenter would show\n {2}Get: GeneralFailure: the root key of this instance was withdrawn/,
        )
        const report = JSON.parse((await simulator('--expect', keys, '--json')).stdout) as SimulationReport
        assert.equal(
          report.refusals[0]?.message,
          'the root key of this instance was withdrawn: mortise status on the key server says why',
        )
        const newer = await simulator('--scenario', 'e', '--hosts', '1', '--vms', '1', '--speed', '200')
        assert.match(newer.stdout, /Create: GeneralFailure: the root key of this instance was withdrawn/)
        const doctor = await runCli(['doctor', `${host}:${port}`, ...known.slice(2), '--write-test'])
        assert.match(doctor.stdout, /the root key of this instance was withdrawn/)
      } finally {
        rmSync(folder, { recursive: true, force: true })
        await fake.advance(31)
        await fake.admin('POST', `/keys/${site.rootKey}/actions/enable`)
      }
    })
  })
