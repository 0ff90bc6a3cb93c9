// Change-overs against vcsim and the proxy before it: the old key server and this one are whole Mortise servers, and vCenter's machines have
// keys of the old one.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { startEmbedded, type CommandResult, type EmbeddedServer } from '../../support/server/server.ts'
import { SoapClient } from '../../support/vcenter/client.ts'
import { startVcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { childrenOf, textAt } from '../../support/vcenter/xml.ts'
import { encrypt } from './proxy-site.ts'
import { provider, RekeySite } from './rekey-site.ts'

class SwitchSite extends RekeySite {
  /** This server, which takes the place of `server`, the old one. */
  mine!: EmbeddedServer

  get addresses(): readonly string[] {
    const { port } = this.mine.kmip
    return [`127.0.0.1:${port}`, `localhost:${port}`]
  }

  /** This server knows the vCenter, with a stored login, and has the old server as its upstream. */
  async prepare(old: EmbeddedServer): Promise<void> {
    const { mine, vcenter } = this
    writeFileSync(path.join(mine.data, 'password'), `${vcenter.password}\n`)
    const host = `${vcenter.host}:${vcenter.port}`
    await mine.json(
      'vcenter',
      'add',
      host,
      '--name',
      'vc',
      '--fingerprint',
      vcenter.shown.sha256,
      ...this.myLogin,
    )
    const { certFile, keyFile, caFile } = await old.issue('taker')
    const files = ['--upstream-cert', certFile, '--upstream-key', keyFile, '--upstream-ca', caFile]
    const upstream = `kmip://127.0.0.1:${old.kmip.port}`
    await mine.json('instance', 'set', 'default', '--upstream', upstream, ...files)
  }

  get myLogin(): readonly string[] {
    return ['--user', this.vcenter.username, '--password-file', path.join(this.mine.data, 'password')]
  }

  switch(...words: readonly string[]): Promise<CommandResult> {
    const from = ['--from', provider, '--to', ...this.addresses]
    return this.mine.cli('vcenter', 'switch', 'vc', ...from, ...this.myLogin, ...words)
  }

  back(...words: readonly string[]): Promise<CommandResult> {
    return this.mine.cli('vcenter', 'switch-back', 'vc', ...this.myLogin, ...words)
  }

  finish(...words: readonly string[]): Promise<CommandResult> {
    return this.mine.cli('vcenter', 'switch-finish', 'vc', ...words)
  }

  /** HOST:PORT of the servers of the provider, as vCenter has them. */
  async servers(): Promise<readonly string[]> {
    const all = await this.client.call('ListKmipServers')
    const found = all.find((info) => textAt(info, 'clusterId', 'id') === provider)
    return childrenOf(found, 'servers').map(
      (server) => `${textAt(server, 'address') ?? ''}:${textAt(server, 'port') ?? ''}`,
    )
  }

  async written(): Promise<readonly string[]> {
    const calls = await this.vcenter.calls()
    return calls.filter((call) => /^(?:Register|Update|Upload|Generate|Mark|Remove|Set)/.test(call))
  }

  async hasUpstream(): Promise<boolean> {
    const { upstream } = (await this.mine.json('instance', 'show', 'default')) as {
      readonly upstream: unknown
    }
    return upstream !== null
  }
}

function switchTest(name: string, run: (site: SwitchSite, old: EmbeddedServer) => Promise<void>): void {
  test(name, { timeout: vcsimTestTimeoutMs }, async (t) => {
    const vcenter = await startVcenter(t, { arguments: ['-autostart=false', '-vm', '2'] })
    if (!vcenter) return
    await using old = await startEmbedded()
    await using mine = await startEmbedded()
    const site = new SwitchSite(vcenter, await SoapClient.logIn(vcenter), old)
    site.mine = mine
    await site.connect()
    const second = `localhost:${old.kmip.port}`
    const connected = await old.cli(
      'vcenter',
      'connect',
      'vc',
      ...site.login,
      '--address',
      `127.0.0.1:${old.kmip.port}`,
      second,
    )
    assert.equal(connected.code, 0, connected.stderr)
    await site.encryptAll()
    await site.prepare(old)
    await vcenter.forgetCalls()
    await run(site, old)
  })
}

function done({ code, stdout, stderr }: CommandResult): string {
  assert.equal(code, 0, stdout + stderr)
  return stdout
}

switchTest('one command, from the old server to this one; then the upstream goes', async (site, old) => {
  const { mine, vcenter } = site
  const before = await site.servers()
  assert.equal(before.length, 2)
  const dry = done(await site.switch('--dry-run'))
  for (const line of [
    /\[plan\] 4 keys would be adopted; this server would open all 4 keys/,
    /\[plan\] would put/,
  ])
    assert.match(dry, line)
  assert.deepEqual([await site.written(), await site.servers()], [[], before])

  const told = done(await site.switch('--yes'))
  assert.match(told, /\[done\] 4 machines, hosts and clusters use 4 keys of mortise-default/)
  assert.match(told, /\[done\] 4 keys and changes were adopted; this server has opened all 4 keys/)
  assert.match(told, /\[done\] vCenter finds 3 keys of .* here/)
  assert.deepEqual(await site.servers(), site.addresses)
  assert.deepEqual(await site.written(), [
    'UploadKmipServerCert',
    'RemoveKmipServer',
    'UpdateKmipServer',
    'RegisterKmipServer',
  ])
  const shown = (await mine.cli('vcenter', 'show', 'vc')).stdout
  assert.match(shown, /Change-over: +of mortise-default, not finished: mortise vcenter switch-finish/)

  // Run again, it changes nothing but the trust that is there already.
  await vcenter.forgetCalls()
  assert.match(
    done(await site.switch('--yes')),
    /\[ ok \] the key provider mortise-default has this server alone/,
  )
  assert.deepEqual(await site.written(), ['UploadKmipServerCert'])

  // vCenter makes its next key here, and a machine gets it.
  const made = await site.newKey()
  assert.match((await mine.cli('key', 'show', made)).stdout, /Active/)
  assert.notEqual((await old.cli('key', 'show', made)).code, 0)
  const back = await site.back('--yes')
  assert.equal(back.code, 1)
  assert.match(back.stderr, new RegExp(`1 key was made here since the change-over.*${made}`))
  assert.deepEqual(await site.servers(), site.addresses)

  assert.match(done(await site.finish('--dry-run')), /\[plan\] would remove the upstream/)
  assert.equal(await site.hasUpstream(), true)
  assert.match(done(await site.finish('--yes')), /\[done\] removed the upstream/)
  assert.equal(await site.hasUpstream(), false)
  assert.match((await site.finish('--yes')).stderr, /no change-over of vc is open/)
  assert.deepEqual(await vcenter.violations(), [])
})

switchTest('back to the old servers, while no key was made here', async (site, old) => {
  const before = await site.servers()
  done(await site.switch('--yes'))
  assert.match(done(await site.back('--dry-run')), /\[plan\] would put back/)
  assert.deepEqual(await site.servers(), site.addresses)
  assert.match(done(await site.back('--yes')), /\[done\] put back/)
  assert.deepEqual(await site.servers(), before)
  const made = await site.newKey()
  assert.match((await old.cli('key', 'show', made)).stdout, /Active/)
  assert.match((await site.back('--yes')).stderr, /no change-over of vc is open/)
  // And over again.
  assert.match(done(await site.switch('--yes')), /\[done\] put/)
  assert.deepEqual(await site.servers(), site.addresses)
})

switchTest(
  'nothing in vCenter is changed while a key is missing, or the inventory is not whole',
  async (site, old) => {
    const { client, mine, vcenter } = site
    const before = await site.servers()
    const [vm] = await client.find('VirtualMachine')
    assert.ok(vm)
    const lost = await site.newKey()
    await encrypt(site, vm, 'CryptoSpecShallowRecrypt', { keyId: lost, providerId: provider })
    await old.json('key', 'revoke', lost)
    await old.json('key', 'destroy', lost, '--yes')
    await vcenter.forgetCalls()
    const missing = await site.switch('--yes')
    assert.equal(missing.code, 1)
    assert.match(
      missing.stderr,
      new RegExp(`1 key that machines use cannot be opened here: ${lost} of \\S+: it is not here`),
    )

    await mine.json('vcenter', 'set', 'vc', '--forget-login')
    assert.match((await site.switch('--yes')).stderr, /the inventory is not whole.*no login is stored for vc/)
    const other = await mine.cli('vcenter', 'switch', 'vc', '--from', 'other', ...site.myLogin, '--yes')
    assert.match(other.stderr, /vCenter has no key provider other/)
    await mine.json('instance', 'set', 'default', '--no-upstream')
    assert.match((await site.switch('--yes')).stderr, /no upstream.*instance set default --upstream/s)
    assert.deepEqual([await site.written(), await site.servers()], [[], before])
    await vcenter.lackPrivileges(['Cryptographer.ManageKeyServers'])
    assert.match(
      (await site.switch('--yes', '--without-upstream')).stderr,
      /the user lacks Cryptographer\.ManageKeyServers/,
    )
  },
)

switchTest('a run that vCenter breaks off is run again', async (site) => {
  const { vcenter } = site
  for (const on of ['RemoveKmipServer', 'UpdateKmipServer', 'RegisterKmipServer']) {
    await vcenter.trouble({ on, kind: 'reset-after' })
    const broken = await site.switch('--yes')
    assert.equal(broken.code, 1, on)
    assert.match(broken.stdout, /\[FAIL\]/)
    assert.ok((await site.servers()).length > 0)
  }
  done(await site.switch('--yes'))
  assert.deepEqual((await site.servers()).toSorted(), [...site.addresses].toSorted())
})
