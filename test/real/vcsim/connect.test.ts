// `vcenter add` and `vcenter connect` against vcsim and the proxy before it: a whole Mortise server, its command line, and real KMIP from
// vCenter's side.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { createKey } from '../../../src/outside/kmip-client/calls.ts'
import { connectKmip } from '../../../src/outside/kmip-client/client.ts'
import {
  runCli,
  startEmbedded,
  type CommandResult,
  type EmbeddedServer,
} from '../../support/server/server.ts'
import { until } from '../../support/time/until.ts'
import { providerId, serverSpec, SoapClient } from '../../support/vcenter/client.ts'
import { startVcenter, type Vcenter } from '../../support/vcenter/vcenter.ts'
import { vcsimTestTimeoutMs } from '../../support/vcenter/vcsim.ts'
import { textAt } from '../../support/vcenter/xml.ts'

interface Site {
  readonly vcenter: Vcenter
  readonly mortise: EmbeddedServer
  /** Runs `vcenter connect vc` with the login of vcsim. */
  readonly connect: (...more: string[]) => Promise<CommandResult>
}

function connectTest(name: string, run: (site: Site, t: TestContext) => Promise<void>): void {
  test(name, { timeout: vcsimTestTimeoutMs }, async (t) => {
    const vcenter = await startVcenter(t, { arguments: ['-vm', '0'] })
    if (!vcenter) return
    await using mortise = await startEmbedded()
    const host = `${vcenter.host}:${vcenter.port}`
    await mortise.json('vcenter', 'add', host, '--name', 'vc', '--fingerprint', vcenter.shown.sha256)
    const file = path.join(mortise.data, 'password')
    writeFileSync(file, `${vcenter.password}\n`)
    const login = ['--user', vcenter.username, '--password-file', file]
    const connect = (...more: string[]) => mortise.cli('vcenter', 'connect', 'vc', ...login, ...more)
    await run({ vcenter, mortise, connect }, t)
  })
}

const writes = /^(?:Register|Update|Upload|Generate|Mark|Remove|Set)/

async function writtenCalls(vcenter: Vcenter): Promise<readonly string[]> {
  return (await vcenter.calls()).filter((call) => writes.test(call))
}

async function actions({ mortise }: Site, action: string): Promise<readonly Record<string, unknown>[]> {
  const entries = (await mortise.json('audit', 'list', '--action', action)) as { entries?: unknown }
  return (Array.isArray(entries) ? entries : entries.entries) as Record<string, unknown>[]
}

connectTest(
  'one command, from nothing to a key that vCenter made; a second run changes nothing',
  async (site) => {
    const { vcenter, mortise, connect } = site
    await vcenter.forgetCalls()
    const dry = await connect('--dry-run')
    assert.equal(dry.code, 0, dry.stderr)
    assert.match(
      dry.stdout,
      /would register the key provider mortise-default with 127\.0\.0\.1:\d+\. It is vCenter's first, and so becomes its default/,
    )
    assert.match(dry.stdout, /Nothing was changed/)
    assert.deepEqual(await writtenCalls(vcenter), [])
    assert.match((await mortise.cli('client', 'list')).stdout, /No client/)

    const first = await connect('--default')
    assert.equal(first.code, 0, first.stdout + first.stderr)
    const lines = first.stdout.split('\n').filter((line) => line.startsWith('['))
    assert.deepEqual(
      lines.map((line) => line.slice(0, 6)),
      ['[done]', '[done]', '[done]', '[done]', '[ ok ]', '[done]', '[done]'],
      first.stdout,
    )
    assert.deepEqual(await writtenCalls(vcenter), [
      'RegisterKmipServer',
      'UploadKmipServerCert',
      'GenerateKey',
    ])
    assert.deepEqual(await vcenter.violations(), [])
    const [, key = ''] = /made the key (\S+) here, and finds it/.exec(first.stdout) ?? []
    assert.match((await mortise.cli('key', 'show', key)).stdout, new RegExp(key))

    await vcenter.forgetCalls()
    const second = await connect('--default')
    assert.equal(second.code, 0, second.stderr)
    assert.deepEqual(await writtenCalls(vcenter), [])
    assert.match(second.stdout, new RegExp(`vCenter finds the key ${key} that it made here`))
    const shown = (await mortise.json('vcenter', 'show', 'vc')) as {
      provider: { proof: string; connected: string }
    }
    assert.equal(shown.provider.proof, key)
    assert.ok(Date.parse(shown.provider.connected))

    // Each call that changes something stands in the audit log before and after it.
    const before = await actions(site, 'vcenter.change')
    const after = await actions(site, 'vcenter.changed')
    assert.equal(before.length, 3)
    assert.equal(after.length, 3)
    assert.doesNotMatch(JSON.stringify([before, after]) + mortise.stderr(), new RegExp(vcenter.password))
  },
)

for (const way of ['request', 'issued'] as const)
  connectTest(
    `this server trusts vCenter by a certificate that it makes: ${way}`,
    async ({ connect, mortise }) => {
      const connected = await connect('--client', way)
      assert.equal(connected.code, 0, connected.stdout + connected.stderr)
      assert.match(connected.stdout, /vCenter made the key/)
      assert.match((await mortise.cli('client', 'list')).stdout, /^vc .*vsphere/m)
      const again = await connect('--client', way)
      assert.match(again.stdout, /this server trusts vCenter/)
    },
  )

connectTest(
  'a client certificate that may be in use is not replaced, and other servers are left alone',
  async ({ vcenter, connect }) => {
    const client = await SoapClient.logIn(vcenter)
    const away = { name: 'away', address: 'kms.example.com', port: 5696 }
    await client.call('RegisterKmipServer', [serverSpec('old', away)])
    await vcenter.forgetCalls()
    const other = await connect('--provider', 'old')
    assert.equal(other.code, 1)
    assert.match(
      other.stderr,
      /the key provider old has other servers: kms\.example\.com:5696.*Give another name/s,
    )
    assert.deepEqual(await writtenCalls(vcenter), [])

    await connect('--provider', 'new', '--dry-run')
    const made = await connect('--provider', 'new')
    assert.equal(made.code, 0, made.stderr)
    assert.match(made.stdout, /new is not made vCenter's default provider/)
  },
)

connectTest('a provider that exists keeps its client certificate', async ({ vcenter, mortise, connect }) => {
  const client = await SoapClient.logIn(vcenter)
  const own = { name: 'one', address: mortise.kmip.host, port: mortise.kmip.port }
  await client.call('RegisterKmipServer', [serverSpec('P', own)])
  const inUse = async () => {
    const [value] = await client.call('RetrieveClientCert', [providerId('cluster', 'P')])
    return textAt(value) ?? value?.text
  }
  const before = await inUse()
  const refused = await connect('--provider', 'P', '--client', 'issued')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /has a client certificate already.*Leave out --client/s)
  assert.equal((await connect('--provider', 'P')).code, 0)
  assert.equal(await inUse(), before)
})

connectTest(
  'a wrong password is tried once; lacking privileges are named; nothing is changed',
  async (site) => {
    const { vcenter, mortise, connect } = site
    await vcenter.forgetCalls()
    const file = path.join(mortise.data, 'wrong')
    writeFileSync(file, 'not the password')
    const wrong = await mortise.cli(
      'vcenter',
      'connect',
      'vc',
      '--user',
      vcenter.username,
      '--password-file',
      file,
    )
    assert.equal(wrong.code, 1)
    assert.match(wrong.stderr, /InvalidLogin.*locks an account/s)
    assert.equal((await vcenter.calls()).filter((call) => call === 'Login').length, 1)

    await vcenter.lackPrivileges(['Cryptographer.ManageKeyServers'])
    const lacking = await connect()
    assert.equal(lacking.code, 1)
    assert.match(lacking.stderr, /the user lacks Cryptographer\.ManageKeyServers in vCenter/)
    assert.deepEqual(await writtenCalls(vcenter), [])
    assert.deepEqual(await actions(site, 'vcenter.change'), [])
  },
)

connectTest('another certificate ends everything before a login', async ({ vcenter, mortise, connect }) => {
  const next = await vcenter.changeCertificate()
  await vcenter.forgetCalls()
  const refused = await connect()
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /shows another certificate than the trusted one/)
  assert.deepEqual(await vcenter.calls(), [])
  assert.equal((await mortise.cli('vcenter', 'set', 'vc', '--fingerprint', next.sha256)).code, 0)
  assert.equal((await connect()).code, 0)
})

connectTest(
  'a run that is broken off is run again, and makes no second key',
  async ({ vcenter, mortise, connect }) => {
    await vcenter.trouble({ on: 'QueryCryptoKeyStatus', kind: 'reset-before' })
    const broken = await connect()
    assert.equal(broken.code, 1)
    assert.match(broken.stdout, /\[FAIL\]/)
    const again = await connect()
    assert.equal(again.code, 0, again.stderr)
    assert.equal((await vcenter.calls()).filter((call) => call === 'GenerateKey').length, 1)
    const keys = (await mortise.json('key', 'list')) as unknown[]
    assert.equal(keys.length, 1)
  },
)

connectTest('vCenter says no, and its words are shown', async ({ vcenter, connect }) => {
  await vcenter.trouble({
    on: 'RegisterKmipServer',
    kind: 'fault',
    fault: 'RuntimeFault',
    message: 'The disk of vCenter is full.',
  })
  const refused = await connect()
  assert.equal(refused.code, 1)
  assert.match(
    refused.stderr,
    /vCenter refuses RegisterKmipServer: RuntimeFault: The disk of vCenter is full\./,
  )
  assert.equal((await connect()).code, 0)
})

connectTest(
  'a stored login reads the inventory; no backup has it; a wrong one is not stored',
  async (site) => {
    const { vcenter, mortise, connect } = site
    assert.equal((await connect()).code, 0)
    const wrong = path.join(mortise.data, 'wrong')
    writeFileSync(wrong, 'not the password')
    const set = (file: string) =>
      mortise.cli('vcenter', 'set', 'vc', '--user', vcenter.username, '--password-file', file)
    assert.match((await set(wrong)).stderr, /InvalidLogin/)
    assert.match((await mortise.cli('vcenter', 'show', 'vc')).stdout, /Login: +none is stored/)
    await vcenter.lackPrivileges(['System.Read'])
    assert.match((await set(path.join(mortise.data, 'password'))).stderr, /the user lacks System\.Read/)
    await vcenter.lackPrivileges([])
    assert.equal((await set(path.join(mortise.data, 'password'))).code, 0)
    assert.match(
      (await mortise.cli('vcenter', 'show', 'vc')).stdout,
      /Login: +administrator.*, to read the inventory/,
    )

    await vcenter.forgetCalls()
    const empty = await mortise.cli('vcenter', 'inventory', 'vc')
    assert.match(empty.stderr, /the inventory is empty/)
    assert.equal((await vcenter.calls()).filter((call) => call === 'Login').length, 1)

    const backup = path.join(mortise.data, 'login.backup')
    await mortise.json('backup', 'create', backup)
    const restored = path.join(mortise.data, 'restored')
    const rootKey = ['--root-key', `file:${mortise.data}/root.key`]
    const restore = await runCli(['restore', backup, '--data', restored, ...rootKey, '--yes'])
    assert.equal(restore.code, 0, restore.stderr)
    const accepted = await runCli(['restore-accept', '--data', restored])
    assert.equal(accepted.code, 0, accepted.stderr)
    await using other = await startEmbedded({ data: restored })
    assert.match((await other.cli('vcenter', 'show', 'vc')).stdout, /OFF since a restore/)

    assert.equal((await mortise.cli('vcenter', 'set', 'vc', '--forget-login')).code, 0)
    const asked = await mortise.cli('vcenter', 'inventory', 'vc')
    assert.equal(asked.code, 2, asked.stderr)
    assert.match(asked.stderr, /--user is missing/)
  },
)

interface ShownInventory {
  readonly inventory: { readonly whole: boolean; readonly reasons: readonly string[] }
}

connectTest('the inventory is whole once all that could use a key is known', async (site) => {
  const { vcenter, mortise, connect } = site
  const inventory = async () => ((await mortise.json('vcenter', 'show', 'vc')) as ShownInventory).inventory
  const reasons = async () => (await inventory()).reasons.join('\n')
  assert.match(await reasons(), /^no login is stored for vc: mortise vcenter set vc --user USER$/)

  const file = path.join(mortise.data, 'password')
  await mortise.json('vcenter', 'set', 'vc', '--user', vcenter.username, '--password-file', file)
  await until(async () => (await inventory()).whole)

  // A client that is trusted by hand may be a vCenter that was not added.
  const { cert, key, ca } = (await mortise.issue('by-hand')).tls
  const kmip = connectKmip({
    addresses: [mortise.kmip],
    cert,
    key,
    trust: { by: 'authority', pem: ca },
  })
  await createKey(kmip, { name: 'by hand' })
  await kmip.close()
  await until(async () => (await reasons()).includes('by-hand, last seen at'))
  await mortise.json('client', 'remove', 'by-hand')

  // The client of a connect belongs to its vCenter, also once vCenter has made a key.
  const connected = await connect()
  assert.equal(connected.code, 0, connected.stdout + connected.stderr)
  assert.deepEqual(await inventory().then(({ whole, reasons: why }) => ({ whole, why })), {
    whole: true,
    why: [],
  })
  assert.match((await mortise.cli('vcenter', 'list')).stdout, /INVENTORY[^]*whole/)

  await vcenter.lackPrivileges(['Datastore.FileManagement'])
  await mortise.json('vcenter', 'set', 'vc', '--user', vcenter.username, '--password-file', file)
  await until(async () => (await reasons()).includes('give it Datastore.FileManagement on all datastores'))
  assert.match((await mortise.cli('vcenter', 'show', 'vc')).stdout, /PARTIAL: what relies on it refuses/)
})
