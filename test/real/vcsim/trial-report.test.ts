// `vcenter trial-report` against vcsim and the proxy before it: it counts, names the faults, and has no name or identifier in it.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { TrialReport } from '../../../src/features/vcenter/trial-report.ts'
import { command } from '../../support/server/command.ts'
import type { CryptoState } from '../../support/vcenter/hosts.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { encrypt, ProxySite } from './proxy-site.ts'

test('a report has counts and faults, and no names', { timeout: vcsimTestTimeoutMs }, async (t) => {
  const site = await ProxySite.start(t, { arguments: ['-vm', '2', '-autostart=false'] })
  if (!site) return
  await site.connect()
  const { vcenter } = site
  const { data } = site.mortise
  const [vm, ...others] = await site.client.find('VirtualMachine')
  assert.ok(vm && others.length > 0)
  const keyId = await site.newKey()
  await encrypt(site, vm, 'CryptoSpecEncrypt', { keyId, providerId: 'P' })

  const fingerprint = ['--fingerprint', vcenter.shown.sha256]
  const added = await command(
    ['vcenter', 'add', `${vcenter.host}:${vcenter.port}`, '--name', 'vc', ...fingerprint],
    { data },
  )
  assert.equal(added.code, 0, added.stderr)
  const file = path.join(data, 'password')
  writeFileSync(file, vcenter.password)
  const login = ['--user', vcenter.username, '--password-file', file]
  const report = async () => {
    const { code, stdout, stderr } = await command(['vcenter', 'trial-report', 'vc', ...login, '--json'], {
      data,
    })
    assert.equal(code, 0, stderr)
    const read = JSON.parse(stdout) as TrialReport
    const of = (question: string) => {
      const answer = read.answers.find((one) => one.question === question)
      assert.ok(answer, question)
      return answer
    }
    return { stdout, of }
  }

  const { stdout, of } = await report()
  assert.deepEqual(of('ListKmipServers').counts, { providers: 1, servers: 1, defaults: 1 })
  assert.deepEqual(of('RetrieveKmipServersStatus_Task').counts, {
    'provider green': 1,
    'server green': 1,
    'clientTrustServer true': 1,
    'serverTrustClient true': 1,
  })
  assert.deepEqual(of('RetrieveClientCert').counts, { certificates: 1 })
  const machines = of('VirtualMachine')
  assert.equal(machines.fault, null)
  assert.equal(machines.counts['objects'], 1 + others.length)
  assert.equal(machines.counts['config.keyId'], 1)
  assert.equal(machines.counts['disks with a key'], 1)
  assert.ok((of('HostSystem').counts['objects'] ?? 0) > 0)
  assert.ok((of('VsanClusterGetConfig').counts['clusters'] ?? 0) > 0)
  assert.deepEqual(of('ListVStorageObject').counts, { datastores: 1 })
  assert.deepEqual(of('WaitForUpdatesEx').counts, { followed: 1 })
  const secrets = [keyId, vcenter.username, vcenter.password, vcenter.host, vm.value, 'DC0_', 'mortise']
  for (const secret of secrets) assert.ok(!stdout.includes(secret), secret)

  // A state that is no word of the API is not repeated.
  const [host] = await site.client.find('HostSystem')
  assert.ok(host)
  await vcenter.setHost(host, 'a name of a host' as CryptoState)
  const odd = await report()
  assert.equal(odd.of('HostSystem').counts['runtime.cryptoState with another text'], 1)
  assert.ok(!odd.stdout.includes('a name of a host'))

  await vcenter.lackPrivileges(['Cryptographer.ManageKeyServers', 'Datastore.FileManagement'])
  const without = await report()
  assert.equal(without.of('ListKmipServers').fault, 'privilege: NoPermission')
  assert.equal(without.of('ListVStorageObject').fault, 'privilege: NoPermission')
  assert.equal(without.of('HasPrivilegeOnEntities, setup').counts['lacks Cryptographer.ManageKeyServers'], 1)
  assert.ok(!without.stdout.includes('RetrieveClientCert'))

  const shown = await command(['vcenter', 'trial-report', 'vc', ...login], { data })
  assert.match(shown.stdout, /ListKmipServers: privilege: NoPermission, \d+ ms/)
  assert.match(shown.stdout, /\n {2}1 disks with a key\n/)
})
