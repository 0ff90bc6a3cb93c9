// The simulator against the real server: each scenario once and fast, its connections, and its command. That it finds
// what is wrong is in vsphere-assertions.test.ts.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, suite, test } from 'node:test'
import { Fault } from '../../src/wire/kmip/fault.ts'
import { profiles, type ProfileName } from '../../src/tools/vsphere/profiles.ts'
import type { SimulationReport } from '../../src/tools/vsphere/report.ts'
import { scenarios } from '../../src/tools/vsphere/scenarios/all.ts'
import type { SimulationOptions } from '../../src/tools/vsphere/simulate.ts'
import { openOldKmipServer, textOf } from '../support/old-kmip-server/fake.ts'
import { openAlteringProxy, openWire } from '../support/clients/proxy.ts'
import { alter, withoutTag } from './broken.ts'
import { overridden, runCli, startEmbedded } from '../support/server/server.ts'
import { playVsphere } from '../support/clients/vsphere.ts'
import { operations, tags } from '../support/clients/wire.ts'

const server = await startEmbedded()
const { tls, certFile, keyFile, caFile } = await server.issue('vcenter-simulated')
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-simulator-'))
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server[Symbol.asyncDispose]()
})

const loopback = (port: number) => ({ host: '127.0.0.1', port })

function play(scenario: string, more: Partial<SimulationOptions> = {}): Promise<SimulationReport> {
  return playVsphere(tls, [server.kmip], scenario, more)
}

function assertFine({ ok, failures, violations, remarks }: SimulationReport): void {
  const unexpected = remarks.filter(({ where }) => where !== 'addresses')
  assert.deepEqual(
    { failures, violations, remarks: unexpected },
    { failures: [], violations: [], remarks: [] },
  )
  assert.ok(ok)
}

suite('scenarios against the real server', { concurrency: false }, () => {
  for (const { id, name, title } of scenarios)
    test(`(${id}) ${title}`, async () => {
      const report = await play(name)
      assertFine(report)
      assert.deepEqual(
        report.scenarios.map((scenario) => scenario.id),
        [id],
      )
      assert.ok(report.pieces.done > 0)
    })

  for (const profile of Object.keys(profiles) as ProfileName[])
    test(`profile ${profile}: virtual machines and vSAN`, async () => {
      const report = await play('b,e,f,g,i', { profile })
      assertFine(report)
      // Two hosts, three machines, two for vSAN.
      assert.equal(report.keys.length, 7)
      assert.ok(report.keys.every(({ state }) => state === 'Active'))
    })

  test('8.0.1 with user and password, which a server without one for this client ignores', async () => {
    const credential = {
      CredentialType: 'UsernameAndPassword',
      CredentialValue: { Username: 'vSphere', Password: 'secret' },
    } as const
    assertFine(await play('e', { profile: '8.0.1', credential }))
  })

  test('a client that may ask for no more than vsphere has everything that vSphere needs', async () => {
    const set = ['client', 'set', 'vcenter-simulated', '--allow']
    await server.json(...set, 'vsphere')
    try {
      // All but the scenario that revokes and destroys to see what is refused then.
      assertFine(await play('a,b,c,d,e,f,g,h,i,j,k,m,n,o,p'))
      const refusals = await play('l')
      assert.match(JSON.stringify(refusals.remarks), /refused: what happens to a deactivated key/)
    } finally {
      await server.json(...set, 'all')
    }
  })

  test('the same seed names the same machines', async () => {
    const [first, again, other] = [await namesNoted(11), await namesNoted(11), await namesNoted(12)]
    assert.equal(first.length, 4)
    assert.deepEqual(again, first)
    assert.notDeepEqual(other, first)
  })
})

/** Identifiers of hosts and machines that a run with this seed leaves on new keys. */
async function namesNoted(seed: number): Promise<readonly string[]> {
  const before = new Set((await keysListed()).map(({ id }) => id))
  assertFine(await play('e', { seed }))
  return (await keysListed())
    .filter(({ id }) => !before.has(id))
    .map(({ vsphere }) => vsphere.identifier ?? '')
    .toSorted((a, b) => a.localeCompare(b))
}

async function keysListed() {
  return (await server.json('key', 'list')) as readonly {
    readonly id: string
    readonly vsphere: { readonly identifier: string | null }
  }[]
}

suite('connections', () => {
  test('a new one for each piece of work, at most three at once, vSAN hosts from their own addresses', async () => {
    await using wire = await openWire(server.kmip)
    const report = await play('e,i', { addresses: [loopback(wire.port)] })
    assertFine(report)
    // One more, to see whether the server is there at all.
    assert.equal(wire.connections(), report.pieces.done + 1)
    const sources = new Set(wire.sources())
    if (process.platform === 'linux') assert.equal(sources.size, 3, 'vCenter and two hosts')
  })

  test('one of two addresses is cut: work goes on at the other, and is counted as retried', async () => {
    await using one = await openWire(server.kmip)
    await using two = await openWire(server.kmip)
    await one.cut()
    const report = await play('e,g,j,k', {
      addresses: [loopback(one.port), loopback(two.port)],
    })
    assert.ok(report.pieces.retried > 0)
    assert.deepEqual(report.violations, [])
    // (k) insists on both: made at one, fetched at the other.
    assert.deepEqual(
      report.scenarios.filter(({ failed }) => failed > 0).map(({ id }) => id),
      ['k'],
    )
  })

  test('two addresses of one server: made at one, fetched at the other', async () => {
    await using one = await openWire(server.kmip)
    const report = await play('k', { addresses: [loopback(one.port), server.kmip] })
    assertFine(report)
    assert.deepEqual(report.remarks, [])
  })

  test('a server that is not there: nothing is played, and it says why', async () => {
    const wire = await openWire(server.kmip)
    await wire.cut()
    const report = await play('b,e,i,l', { addresses: [loopback(wire.port)] })
    assert.equal(report.ok, false)
    assert.deepEqual(report.pieces, { done: 0, failed: 1, retried: 0 })
    assert.match(report.failures[0]?.what ?? '', /nothing listens there; nothing was played/)
  })
})

// ---------------------------------------------------------------- The command

const runSimulator = (...args: readonly string[]) => runCli(args)

suite('mortise simulate vsphere', { concurrency: false }, () => {
  const address = `${server.kmip.host}:${server.kmip.port}`
  const base = ['simulate', 'vsphere', '--server', address, '--cert', certFile, '--key', keyFile]
  const known = [...base, '--ca', caFile]
  const keysFile = path.join(folder, 'keys.json')
  test('plays, tells people, and saves the keys', async () => {
    const { code, stdout, stderr } = await runSimulator(
      ...known,
      '--scenario',
      'e,vsan-enable',
      '--speed',
      '200',
      '--hosts',
      '2',
      '--vms',
      '2',
      '--save',
      keysFile,
    )
    assert.equal(code, 0, stderr + stdout)
    assert.match(stderr, /\(e\) the first encrypted virtual machine on each host: \d+ done, /)
    assert.match(stdout, /Pieces of work: +\d+ done, 0 failed, 0 retried/)
    assert.match(stdout, /stay at the server until .* --cleanup/)
    assert.match(stdout, /All is as vSphere needs it/)
    const { keys } = JSON.parse(readFileSync(keysFile, 'utf8')) as { keys: { sha256: string }[] }
    assert.equal(keys.length, 6)
    assert.ok(keys.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256)))
  })

  test('a later run finds every key, and misses one that was destroyed', async () => {
    const fine = await runSimulator(...known, '--expect', keysFile)
    assert.equal(fine.code, 0, fine.stdout)
    assert.match(fine.stdout, /6 of 6 are still served/)
    const { keys } = JSON.parse(readFileSync(keysFile, 'utf8')) as { keys: { id: string; owner: string }[] }
    const lost = keys[0]
    assert.ok(lost)
    await server.json('key', 'revoke', lost.id)
    await server.json('key', 'destroy', lost.id, '--yes')
    const { code, stdout } = await runSimulator(...known, '--expect', keysFile, '--json')
    const report = JSON.parse(stdout) as SimulationReport
    assert.equal(code, 1)
    assert.deepEqual(
      report.expected?.missing.map(({ id }) => id),
      [lost.id],
    )
    assert.deepEqual(report.scenarios, [])
    assert.deepEqual(
      report.refusals.map(({ operation, count }) => [operation, count]),
      [['Get', 1]],
      "what vCenter would show is the server's own no",
    )
  })

  test('a key that changed is told from one that is missing', async () => {
    const content = JSON.parse(readFileSync(keysFile, 'utf8')) as { keys: { id: string; sha256: string }[] }
    const changed = content.keys.at(-1)
    assert.ok(changed)
    changed.sha256 = '0'.repeat(64)
    const file = path.join(folder, 'changed.json')
    writeFileSync(file, JSON.stringify({ ...content, keys: [changed] }))
    const { code, stdout } = await runSimulator(...known, '--expect', file)
    assert.equal(code, 1)
    assert.match(stdout, new RegExp(`CHANGED .*${changed.id}`))
  })

  test('a key without an answer is not called missing', async () => {
    await using failing = await openOldKmipServer({
      Get: () => {
        throw new Fault('GeneralFailure', 'try again')
      },
    })
    const server = `127.0.0.1:${failing.port}`
    const trusted = ['--insecure', '--cert', certFile, '--key', keyFile]
    const words = ['simulate', 'vsphere', '--server', server, ...trusted, '--expect', keysFile]
    const { code, stdout } = await runSimulator(...words)
    assert.equal(code, 1)
    assert.match(
      stdout,
      /0 of 6 are still served\n(  NOT ANSWERED  .+\n){6}Keys that were not answered may still be/,
    )
    assert.doesNotMatch(stdout, /MISSING/)
  })

  test('what it made is marked, and --cleanup removes it and nothing else', async () => {
    const other = (await server.json('key', 'create')) as { id: string }
    const present = async () => {
      const keys = (await server.json('key', 'list')) as { id: string }[]
      return keys.map(({ id }) => id)
    }
    assert.ok((await present()).length > 5)
    const misused = await runSimulator(...known, '--cleanup', '--scenario', 'a')
    assert.equal(misused.code, 2)
    const { code, stdout, stderr } = await runSimulator(...known, '--cleanup')
    assert.equal(code, 0, stderr + stdout)
    assert.match(stdout, /^\d+ keys were destroyed\.\n$/)
    const left = await present()
    assert.ok(left.includes(other.id))
    for (const { id } of (JSON.parse(readFileSync(keysFile, 'utf8')) as { keys: { id: string }[] }).keys)
      assert.ok(!left.includes(id))
    assert.match((await runSimulator(...known, '--cleanup')).stdout, /^0 keys were destroyed/)
  })

  test('--cleanup asks as the simulator does, until a server names no more', async () => {
    const keys = ['k1', 'k2', 'k3']
    await using old = await openOldKmipServer(
      {
        Locate: () => ({ UniqueIdentifier: keys.slice(0, 2) }),
        GetAttributes: ({ UniqueIdentifier }) => ({
          UniqueIdentifier: textOf(UniqueIdentifier),
          Attribute: [],
        }),
        Destroy: ({ UniqueIdentifier }) => {
          keys.splice(keys.indexOf(textOf(UniqueIdentifier)), 1)
          return { UniqueIdentifier: textOf(UniqueIdentifier) }
        },
      },
      { minor: 1 },
    )
    const trusted = ['--insecure', '--cert', certFile, '--key', keyFile]
    const words = ['simulate', 'vsphere', '--server', `127.0.0.1:${old.port}`, ...trusted, '--cleanup']
    const { code, stdout, stderr } = await runSimulator(...words)
    assert.deepEqual([code, stdout, stderr], [0, '3 keys were destroyed.\n', ''])
  })

  test('--json is one object', async () => {
    const { code, stdout } = await runSimulator(
      ...base,
      '--insecure',
      '--scenario',
      'c',
      '--speed',
      '200',
      '--json',
    )
    assert.equal(code, 0)
    const report = JSON.parse(stdout) as SimulationReport
    assert.deepEqual(
      [report.ok, report.profile, report.pieces.done, report.latencies.handshakeMs.count],
      [true, '7.0.3', 3, 3],
    )
  })

  test('a failed assertion is exit code 1', async () => {
    await using proxy = await openAlteringProxy({
      target: server.kmip,
      tls,
      alter: alter(operations.Get, withoutTag(tags.UniqueBatchItemID)),
    })
    const args = [...base, '--insecure', '--scenario', 'e', '--speed', '200']
    args[3] = `127.0.0.1:${proxy.port}`
    const { code, stdout } = await runSimulator(...args)
    assert.equal(code, 1)
    assert.match(stdout, /Answers that vSphere cannot use\n +\(e\) Get: Unique Batch Item ID is not echoed/)
  })

  const misuses: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['no way to know the server', base, /give one of --fingerprint/],
    ['two ways', [...known, '--insecure'], /give one of --fingerprint/],
    ['an unknown scenario', [...known, '--scenario', 'e,zz'], /no scenario zz/],
    ['an unknown profile', [...known, '--profile', '5.5'], /no profile 5\.5/],
    ['no hosts', [...known, '--hosts', '0'], /--hosts takes 1 to/],
    ['no speed', [...known, '--speed', '0'], /--speed takes a number above 0/],
    ['an address twice', overridden(known, ['--server', `${address},${address}`]), /twice/],
    ['no address', overridden(known, ['--server', 'https://kms']), /--server takes HOST/],
  ]
  for (const [what, args, said] of misuses)
    test(`wrong usage: ${what}`, async () => {
      const { code, stderr } = await runSimulator(...args)
      assert.equal(code, 2, stderr)
      assert.match(stderr, said)
    })

  test('files that are something else are named', async () => {
    const swapped = [...base, '--insecure', '--expect', certFile]
    assert.match((await runSimulator(...swapped)).stderr, /client\.pem: this is not JSON/)
    const wrongKey = base.map((word) => (word === keyFile ? certFile : word))
    const { code, stderr } = await runSimulator(...wrongKey, '--insecure')
    assert.equal(code, 1)
    assert.match(stderr, /mortise: the certificate or the private key is not PEM|mortise: .*private key/)
  })
})
