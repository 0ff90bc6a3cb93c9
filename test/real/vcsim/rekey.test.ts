// Rekey campaigns against vcsim and the proxy before it: a whole Mortise server with its command line, and keys that are really made and
// fetched by KMIP.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { startEmbedded, startServer } from '../../support/server/server.ts'
import { until } from '../../support/time/until.ts'
import { SoapClient } from '../../support/vcenter/client.ts'
import { reference, type Ref } from '../../support/vcenter/soap.ts'
import { startVcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { reportName } from '../../support/vcenter/client.ts'
import { element, textAt } from '../../support/vcenter/xml.ts'
import { encrypt } from './proxy-site.ts'
import { copied, provider, RekeySite } from './rekey-site.ts'

/** As UTC has it: 22:05. */
function hourAhead(hours: number): string {
  return new Date(Date.now() + hours * 3600_000).toISOString().slice(11, 16)
}

function rekeyTest(
  name: string,
  { arguments: words, env = copied }: { readonly arguments: readonly string[]; readonly env?: object },
  run: (site: RekeySite) => Promise<void>,
): void {
  test(name, { timeout: vcsimTestTimeoutMs }, async (t) => {
    const vcenter = await startVcenter(t, { arguments: ['-autostart=false', ...words] })
    if (!vcenter) return
    await using server = await startEmbedded({ env: { ...env } })
    const site = new RekeySite(vcenter, await SoapClient.logIn(vcenter), server)
    await site.connect()
    await site.encryptAll()
    await run(site)
  })
}

rekeyTest(
  'machines get new keys, home and disks in one call, once a backup elsewhere has them',
  { arguments: ['-vm', '3'] },
  async (site) => {
    const { vcenter, server } = site
    await vcenter.forgetCalls()
    const dry = await site.rekey('*', '--dry-run')
    assert.equal(dry.code, 0, dry.stderr)
    assert.match(
      dry.stdout,
      /6 machines would get new keys at the key provider mortise-default, by a shallow/,
    )
    assert.deepEqual(
      (await vcenter.calls()).filter((call) => /Generate|Reconfig/.test(call)),
      [],
    )

    const done = await site.rekey('*', '--yes')
    assert.equal(done.code, 0, done.stdout + done.stderr)
    assert.match(done.stdout, /Campaign: +done/)
    await site.assertDone()
    assert.equal((await site.machines()).length, 6)
    const calls = await vcenter.calls()
    for (const method of ['GenerateKey', 'ReconfigVM_Task'])
      assert.equal(calls.filter((call) => call === method).length, 6, method)
    assert.deepEqual(await vcenter.violations(), [])
    // One backup for all of them, since they are one part.
    const backups = (await server.json('backup', 'list')) as readonly { readonly elsewhere: boolean }[]
    assert.deepEqual(
      backups.map(({ elsewhere }) => elsewhere),
      [true],
    )
    const audit = await server.cli('audit', 'list', '--action', 'vcenter.rekey', '--json')
    const states = [...audit.stdout.matchAll(/"state": ?"(\w+)"/g)].map(([, state = '']) => state)
    assert.deepEqual(new Set(states), new Set(['begun', 'done']))
    assert.equal(states.length, 2)
    const changes = (await server.cli('audit', 'list', '--action', 'vcenter.change', '--json')).stdout
    assert.match(changes, /"oldKeys"/)
    assert.doesNotMatch(changes, new RegExp(vcenter.password))
  },
)

rekeyTest(
  'switch with another key provider plans new keys for the machines of the old one alone',
  { arguments: ['-vm', '1'] },
  async (site) => {
    const { server } = site
    const move = (to: string, ...words: readonly string[]) =>
      server.cli('vcenter', 'switch', 'vc', '--from', provider, '--provider', to, ...words, ...site.login)
    const unknown = await move('second')
    assert.equal(unknown.code, 1)
    assert.match(
      unknown.stderr,
      /no connect has made the key provider second.*vcenter connect vc --provider second/s,
    )
    assert.match((await move(provider)).stderr, /leave out --provider/)
    assert.match((await move('second', '--without-upstream')).stderr, /do not belong to --provider/)
    const connected = await server.cli('vcenter', 'connect', 'vc', '--provider', 'second', ...site.login)
    assert.equal(connected.code, 0, connected.stderr)
    const [moved, left] = await site.client.find('VirtualMachine')
    assert.ok(moved && left)
    const key = { keyId: await site.newKey('second'), providerId: 'second' }
    await encrypt(site, moved, 'CryptoSpecShallowRecrypt', key)

    const planned = await move('second')
    assert.equal(planned.code, 0, planned.stderr)
    assert.match(
      planned.stdout,
      /^1 machine would get new keys at the key provider second, by a shallow rekey: DC0/,
    )
    assert.match(
      planned.stdout,
      /vcenter rekey vc --machines '\*' --from mortise-default --provider second --user USER/,
    )
    const done = await site.rekey('*', '--from', provider, '--provider', 'second', '--yes')
    assert.equal(done.code, 0, done.stdout + done.stderr)
    assert.match(done.stdout, /Machines: +\*, with keys of mortise-default/)
    const [only, ...others] = await site.machines()
    assert.deepEqual([only?.id, only?.state, others], [left.value, 'done', []])
    assert.deepEqual(await site.keysOf(moved), [key.keyId])
    const id = (await site.client.properties(left, 'config.keyId')).get('config.keyId')
    assert.deepEqual([textAt(id, 'keyId'), textAt(id, 'providerId', 'id')], [only?.newKey, 'second'])
    assert.match((await move('second')).stderr, /no encrypted machine, host or cluster fits \*/)
  },
)

rekeyTest(
  'a machine in which this server runs is left out, unless it is named',
  { arguments: ['-vm', '1'] },
  async (site) => {
    const [vm] = await site.client.find('VirtualMachine')
    assert.ok(vm)
    await reportName(site.client, vm, hostname())
    const all = await site.rekey('*', '--dry-run')
    assert.match(all.stdout, /1 machine would get new keys/)
    assert.match(all.stdout, /Left out: \S+: this server runs in it: name it with --machines/)
    const named = await site.rekey(vm.value, '--dry-run')
    assert.match(named.stdout, /1 machine would get new keys/)
    assert.doesNotMatch(named.stdout, /Left out/)
  },
)

rekeyTest(
  'without a copy elsewhere no new key is used, unless the person says so',
  { arguments: ['-vm', '1'], env: {} },
  async (site) => {
    const begun = site.rekey('*', '--yes')
    await until(async () => (await site.shown().catch(() => null))?.trouble != null)
    const { trouble, counts } = await site.shown()
    assert.match(trouble?.message ?? '', /no backup elsewhere: no command copies backups elsewhere/)
    assert.deepEqual([counts['keyed'], counts['done']], [2, 0])
    const second = await site.rekey('*', '--yes')
    assert.match(second.stderr, /a rekey campaign of this vCenter is running/)
    await site.server.json('vcenter', 'rekey-end', 'vc')
    assert.equal((await begun).code, 1)

    const done = await site.rekey('*', '--yes', '--without-copy')
    assert.equal(done.code, 0, done.stderr)
    await site.assertDone()
  },
)

rekeyTest(
  'five failures in a row pause it; it goes on with those that failed when it is told to',
  { arguments: ['-vm', '4'] },
  async (site) => {
    const refusal = { on: 'ReconfigVM_Task', kind: 'fault', fault: 'InvalidState', times: null } as const
    await site.vcenter.trouble({ ...refusal, message: 'no' })
    const paused = await site.rekey('*', '--yes', '--width', '1')
    assert.equal(paused.code, 1)
    assert.match(paused.stdout, /paused: 5 machines failed one after the other/)
    const { counts } = await site.shown()
    assert.deepEqual([counts['failed'], counts['keyed']], [5, 3])
    await site.vcenter.calm()
    await site.vcenter.forgetCalls()
    await site.server.json('vcenter', 'rekey-resume', 'vc', '--retry')
    await until(async () => (await site.shown()).state === 'done')
    await site.assertDone()
    // Each has the key that was made for it at first.
    assert.ok(!(await site.vcenter.calls()).includes('GenerateKey'))
  },
)

rekeyTest(
  'a password that vCenter refuses pauses it, and is not tried again; a new one goes on',
  { arguments: ['-vm', '2', '-method-delay', 'ReconfigVm:500,LockHandoff:0'] },
  async (site) => {
    const { vcenter, server } = site
    await vcenter.forgetCalls()
    const begun = site.rekey('*', '--yes', '--width', '1')
    await until(async () => (await vcenter.calls()).includes('ReconfigVM_Task'))
    await vcenter.forgetCalls()
    await vcenter.trouble({ on: 'Login', kind: 'fault', fault: 'InvalidLogin', message: 'no', times: null })
    await vcenter.trouble({ on: 'ReconfigVM_Task', kind: 'end-session' })
    const paused = await begun
    assert.equal(paused.code, 1)
    assert.match(paused.stdout, /Campaign: +paused: .*InvalidLogin/)
    const without = await server.cli('vcenter', 'rekey-resume', 'vc')
    assert.match(without.stderr, /no login is stored for the campaign any more.*rekey-resume vc --user USER/s)
    assert.equal((await vcenter.calls()).filter((call) => call === 'Login').length, 1)
    await vcenter.calm()
    const resumed = await server.cli('vcenter', 'rekey-resume', 'vc', ...site.login)
    assert.equal(resumed.code, 0, resumed.stderr)
    // The session of the test ended too.
    site.client = await SoapClient.logIn(vcenter)
    await until(async () => (await site.shown()).state === 'done')
    await site.assertDone()
  },
)

rekeyTest(
  'it waits while its window is closed, and can be paused and ended',
  { arguments: ['-vm', '1'] },
  async (site) => {
    const { vcenter, server } = site
    const window = ['--window', `${hourAhead(2)}-${hourAhead(3)}`, '--time-zone', 'UTC']
    await vcenter.forgetCalls()
    const begun = site.rekey('*', '--yes', ...window)
    await until(async () => (await site.shown().catch(() => null))?.state === 'running')
    assert.equal((await site.shown()).waits, true)
    await server.json('vcenter', 'rekey-pause', 'vc')
    assert.equal((await begun).code, 1)
    assert.match((await server.cli('vcenter', 'rekey-pause', 'vc')).stderr, /the campaign is paused/)
    await server.json('vcenter', 'rekey-end', 'vc')
    assert.equal((await site.shown()).state, 'ended')
    assert.ok(!(await vcenter.calls()).includes('GenerateKey'))
    assert.match(
      (await site.rekey('no-such-*')).stderr,
      /no encrypted machine, host or cluster fits no-such-\*/,
    )
    const bad = await site.rekey('*', '--window', '22:00-05:00', '--time-zone', 'Europe/Nowhere')
    assert.match(bad.stderr, /time zone/)
  },
)

test(
  'a server that is killed in the middle goes on with the campaign when it starts again',
  { timeout: vcsimTestTimeoutMs },
  async (t: TestContext) => {
    const words = ['-autostart=false', '-vm', '2', '-method-delay', 'ReconfigVm:700,LockHandoff:0']
    const vcenter = await startVcenter(t, { arguments: words })
    if (!vcenter) return
    const data = mkdtempSync(path.join(tmpdir(), 'mortise-rekey-'))
    t.after(() => rmSync(data, { recursive: true, force: true }))
    const first = await startServer({ data, env: copied })
    t.after(() => first.kill())
    const site = new RekeySite(vcenter, await SoapClient.logIn(vcenter), first)
    await site.connect()
    await site.encryptAll()
    await vcenter.forgetCalls()
    const begun = site.rekey('*', '--yes', '--width', '1')
    await until(async () => (await vcenter.calls()).filter((call) => call === 'ReconfigVM_Task').length === 2)
    await first.kill()
    assert.notEqual((await begun).code, 0)
    const port = new URL(`https://${first.kmip.host}:${first.kmip.port}`).port
    await using second = await startServer({ data, env: copied, args: ['--kmip', `127.0.0.1:${port}`] })
    site.server = second
    await until(async () => (await site.shown()).state === 'done')
    await site.assertDone()
    assert.equal((await vcenter.calls()).filter((call) => call === 'GenerateKey').length, 4)
  },
)

rekeyTest(
  'hosts get a key, and a vSAN cluster has vCenter make its keys, where the person takes the risk',
  { arguments: ['-vm', '1'] },
  async (site) => {
    const { client, server } = site
    const [host] = await client.find('HostSystem')
    const [cluster] = await client.find('ClusterComputeResource')
    assert.ok(host && cluster)
    await site.vcenter.setHost(host, 'safe', { keyId: await site.newKey(), providerId: provider })
    const configSystem: Ref = { type: 'VsanVcClusterConfigSystem', value: 'vsan-cluster-config-system' }
    const encryption = element('dataEncryptionConfig', [
      element('encryptionEnabled', true),
      element('kmsProviderId', [element('id', provider)]),
    ])
    await client.task(
      'VsanClusterReconfig',
      [reference('cluster', cluster), element('vsanReconfigSpec', [element('modify', true), encryption])],
      configSystem,
    )
    const copying = await site.rekey(host.value, cluster.value, '--dry-run')
    assert.match(copying.stdout, /1 machine would get new keys/)
    assert.match(copying.stdout, /Left out: .*: vCenter makes its new keys and uses them in one step/)
    const done = await site.rekey(host.value, cluster.value, '--without-copy', '--yes')
    assert.equal(done.code, 0, done.stdout + done.stderr)
    const shown = await site.machines()
    assert.deepEqual(
      shown.map(({ kind, state }) => [kind, state]),
      [
        ['host', 'done'],
        ['vsan-cluster', 'done'],
      ],
    )
    for (const { newKey, oldKeys } of shown) assert.ok(newKey !== null && !oldKeys.includes(newKey))
    assert.match((await server.cli('vcenter', 'rekey-report', 'vc')).stdout, /vsan-cluster/)
  },
)
