// Servers whose root keys are on SoftHSM2: the server's own and those of instances, over restarts, losses, wrong PINs and hung modules,
// while a client fetches keys.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf, openTalk } from '../../support/clients/kmip-talk.ts'
import { Memory, randomFrom, runClient } from '../../support/load/load.ts'
import { spawnCli, startServer, type ClientFiles, type TestServer } from '../../support/server/server.ts'
import { SoftHsm } from './site.ts'
import { until } from '../../support/time/until.ts'

const hsm = new SoftHsm()
after(() => hsm.remove())
const env = { ...hsm.env, MORTISE_PKCS11_MODULES: hsm.module }
hsm.makeToken('main')
const uri = hsm.uri('main', 'aes')
const other = hsm.uri('main', 'other')

function folder(t: TestContext): string {
  const made = mkdtempSync(path.join(tmpdir(), 'mortise-hsm-server-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return path.join(made, 'data')
}

const talkTo = (server: TestServer, { tls }: ClientFiles) => openTalk({ ...server.kmip, tls })
const rootKeyOf = async (server: TestServer, name: string) => {
  // Its exit code is 1 while no key is served.
  const { stdout } = await server.cli('status', '--json')
  const status = JSON.parse(stdout) as { instances: { name: string; rootKey: string }[] }
  return status.instances.find((instance) => instance.name === name)?.rootKey
}

/** The processes in which the server has loaded the module. */
function helpersOf({ process: { pid } }: TestServer): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const parent = /\) \S (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[1]
        return Number(parent) === pid && readFileSync(`/proc/${name}/maps`, 'utf8').includes(hsm.module)
      } catch {
        return false
      }
    })
    .map(Number)
}

test('the command line makes a key on the token, and tries it', async (t) => {
  const data = folder(t)
  mkdirSync(data, { recursive: true })
  for (const name of [uri, other]) {
    const made = await spawnCli(['root-key', 'create', name, '--data', data, '--json'], env)
    assert.equal(made.code, 0, made.stderr)
  }
  const checked = await spawnCli(['root-key', 'check', uri, '--data', data], env)
  assert.equal(checked.code, 0, checked.stderr)
  assert.match(checked.stdout, /seals and opens/)
  const again = await spawnCli(['root-key', 'create', uri, '--data', data], env)
  assert.equal(again.code, 1)
  assert.match(again.stderr, /has a key of this name already/)
})

test('everything under the token: a server starts, serves, starts again, and does not start without it', async (t) => {
  const data = folder(t)
  const own = { ...env, MORTISE_ROOT_KEY: uri }
  const server = await startServer({ data, env: own })
  t.after(() => server.kill())
  assert.equal(readdirSync(data).includes('root.key'), false)
  const files = await server.issue('vcenter')
  const talk = await talkTo(server, files)
  const identifier = await talk.create()
  const digest = digestOf(await talk.get(identifier))
  talk.close()
  // The doctor tries the token as `root-key check` does.
  const doctor = async () => {
    const address = `${server.kmip.host}:${server.kmip.port}`
    const { stdout } = await spawnCli(['doctor', address, '--data', data, '--json'], own)
    const { findings } = JSON.parse(stdout) as { findings: { check: string; what: string }[] }
    return findings.flatMap(({ check, what }) => (check === 'root key' ? [what] : []))
  }
  assert.deepEqual(await doctor(), [])
  // Before the token is away: a look of the server at that time would end it.
  const [helper] = helpersOf(server)
  assert.ok(helper !== undefined)
  const bringTokenBack = hsm.takeAway()
  assert.match((await doctor()).join(), /did not pass the check on this machine/)
  bringTokenBack()
  await server.kill()
  await until(() => helpersOf(server).length === 0, 'the helper process has gone with its server')
  await until(() => {
    try {
      return !process.kill(helper, 0)
    } catch {
      return true
    }
  }, 'and does not run on')

  const bringBack = hsm.takeAway()
  await assert.rejects(startServer({ data, env: own }), /pkcs11:token=main/)
  bringBack()
  const again = await startServer({ data, env: own })
  t.after(() => again.kill())
  const talkAgain = await talkTo(again, files)
  assert.equal(digestOf(await talkAgain.get(identifier)), digest)
  talkAgain.close()
})

test('the token is removed and comes back, the module hangs, the PIN is wrong: the rules of outages hold', async (t) => {
  const server = await startServer({ data: folder(t), env })
  t.after(() => server.kill())
  const times = ['--cache-seconds', '1', '--outage-seconds', '600']
  await server.json('instance', 'create', 'vmware', '--root-key', uri, ...times)
  const out = path.join(server.data, 'client')
  await server.json('client', 'issue', '--instance', 'vmware', '--name', 'vcenter', '--out', out)
  const [cert, key] = ['client.pem', 'client.key'].map((name) => readFileSync(path.join(out, name), 'utf8'))
  assert.ok(cert !== undefined && key !== undefined)
  const talk = await openTalk({ ...server.kmip, tls: { cert, key } })
  t.after(() => talk.close())
  const identifier = await talk.create()
  const digest = digestOf(await talk.get(identifier))
  const serves = async () => assert.equal(digestOf(await talk.get(identifier)), digest)

  await t.test('removed', async () => {
    const bringBack = hsm.takeAway()
    await until(async () => {
      await serves()
      return (await rootKeyOf(server, 'vmware')) === 'unreachable'
    }, 'it is noticed')
    await serves()
    bringBack()
    await until(async () => {
      await serves()
      return (await rootKeyOf(server, 'vmware')) === 'ok'
    }, 'it is found again')
  })

  await t.test('hangs', async () => {
    const [helper] = helpersOf(server)
    assert.ok(helper !== undefined)
    process.kill(helper, 'SIGSTOP')
    await until(async () => {
      await serves()
      const now = helpersOf(server)
      return now.length > 0 && !now.includes(helper)
    }, 'its process is replaced')
    await until(async () => {
      await serves()
      return (await rootKeyOf(server, 'vmware')) === 'ok'
    }, 'it answers')
    assert.match(server.stderr(), /so its process was killed/)
  })

  await t.test('another PIN than the file has', async () => {
    hsm.tell('fail C_Login 0xa0')
    const before = hsm.noted('logins')
    const [helper] = helpersOf(server)
    assert.ok(helper !== undefined)
    // A session that is there goes on; the PIN counts once the module starts again.
    process.kill(helper, 'SIGKILL')
    await until(async () => !(await talk.get(identifier)).ok, 'the refusal counts')
    const status = await server.cli('status')
    assert.match(status.stdout.replaceAll(/\s+/g, ' '), /PIN is wrong .*Put the right PIN into/)
    for (let turn = 0; turn < 5; turn++) await talk.get(identifier)
    await sleep(6_000)
    assert.equal((await talk.get(identifier)).ok, false)
    assert.equal(hsm.noted('logins'), before + 1)
    hsm.tell()
    rmSync(path.join(server.data, 'pkcs11/refused-pins.json'))
    await until(async () => (await talk.get(identifier)).ok, 'the keys are served again')
    await serves()
  })

  await t.test('locked', async () => {
    hsm.tell('flags 0x40000')
    const before = hsm.noted('logins')
    const [helper] = helpersOf(server)
    assert.ok(helper !== undefined)
    process.kill(helper, 'SIGKILL')
    await until(async () => !(await talk.get(identifier)).ok, 'the refusal counts')
    assert.match((await server.cli('status')).stdout.replaceAll(/\s+/g, ' '), /says that its PIN is locked/)
    assert.equal(hsm.noted('logins'), before)
    hsm.tell()
    await until(async () => (await talk.get(identifier)).ok, 'the keys are served again')
  })
})

test('from a file to the token, to another key on it, and back: nobody notices', async (t) => {
  const server = await startServer({ data: folder(t), env })
  t.after(() => server.kill())
  const files = await server.issue('vcenter')
  const memory = new Memory()
  const talk = { ...server.kmip, tls: files.tls }
  for (const [index, rootKey] of [uri, other, 'file:another.key'].entries()) {
    const over = { now: false }
    const client = runClient({ talk, memory, random: randomFrom(index), expected: () => over.now })
    client.catch(() => undefined)
    await until(() => memory.counts.created > (index + 1) * 10, 'there are keys')
    const moved = (await server.json('instance', 'set-root-key', 'default', '--root-key', rootKey)) as {
      readonly rootKey: string
      readonly result?: { readonly left: number }
    }
    assert.deepEqual([moved.rootKey, moved.result?.left], [rootKey, 0])
    over.now = true
    await client
  }
  const refused = await server.cli(
    'instance',
    'set-root-key',
    'default',
    '--root-key',
    uri,
    '--custody',
    'keyprotect',
  )
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /custody keyprotect/)
  // Nothing needs the token any more.
  hsm.tell('fail C_GetSlotList 0x30')
  const checking = await openTalk(talk)
  for (const key of memory.keys.values()) {
    const answer = await checking.get(key.id)
    assert.equal(answer.ok, key.state !== 'Destroyed', answer.message)
    if (answer.ok) memory.sent(key, answer)
  }
  checking.close()
  hsm.tell()
})

test('who may use the API cannot make the server load another module', async (t) => {
  const server = await startServer({ data: folder(t), env })
  t.after(() => server.kill())
  const module = '/usr/lib/x86_64-linux-gnu/libc.so.6'
  const asked = await server.cli('instance', 'create', 'x', '--root-key', `${uri}&module-path=${module}`)
  assert.equal(asked.code, 1)
  assert.match(asked.stderr, /is not among the modules/)
  assert.deepEqual(helpersOf(server), [])
  const listed = (await server.json('root-key', 'list', '--root-key', uri)) as readonly {
    name: string
    uri: string
  }[]
  assert.deepEqual(listed.map(({ name }) => name).toSorted(), ['aes', 'other'])
  const [first] = listed
  assert.match(first?.uri ?? '', /^pkcs11:token=main;object=\w+;id=%.*;type=secret-key\?pin-source=file:/)
  const withPin = await server.cli(
    'instance',
    'create',
    'x',
    '--root-key',
    'pkcs11:token=main;object=aes?pin-value=hush77',
  )
  assert.equal(withPin.code, 1)
  const told = [
    withPin.stderr,
    withPin.stdout,
    server.stderr(),
    JSON.stringify(await server.json('audit', 'list')),
  ]
  assert.ok(told.every((text) => !text.includes('hush77')))
})
