// Debian's rsyslog takes the audit log over TLS, while it and the server are killed at any moment. Afterwards it has every entry:
// the numbers of each writer have no gap, and the chain of each can be checked from what rsyslog wrote.

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { chainHash, chainStart } from '../../../src/audit/chain.ts'
import { issueClient, issueServer, privateKeyPem, type Identity } from '../../../src/pki/issue.ts'
import type { AuditEntry } from '../../../src/ports/audit.ts'
import { testAuthority } from '../../support/certificates.ts'
import { freePort } from '../../support/postgresql.ts'
import { Random } from '../../support/fuzz/random.ts'
import { startServer } from '../../support/server.ts'
import { gapsIn } from '../../support/syslog-receiver.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'mortise-rsyslog-'))
const output = path.join(folder, 'received.log')
const files = {
  ca: path.join(folder, 'ca.pem'),
  cert: path.join(folder, 'server.pem'),
  key: path.join(folder, 'server.key'),
  clientCert: path.join(folder, 'client.pem'),
  clientKey: path.join(folder, 'client.key'),
}
let rsyslog: ChildProcess | undefined
after(async () => {
  await end('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

function write({ certificate, privateKey }: Identity, cert: string, key: string): void {
  writeFileSync(cert, certificate.pem)
  writeFileSync(key, privateKeyPem(privateKey), { mode: 0o600 })
}

async function configure(port: number): Promise<string> {
  const ca = await testAuthority()
  const nowMs = Date.now()
  writeFileSync(files.ca, ca.certificate.pem)
  write(await issueServer({ ca, names: ['127.0.0.1'], nowMs }), files.cert, files.key)
  write(await issueClient({ ca, commonName: 'mortise', nowMs }), files.clientCert, files.clientKey)
  const work = path.join(folder, 'work')
  mkdirSync(work)
  const file = path.join(folder, 'rsyslog.conf')
  writeFileSync(
    file,
    `global(workDirectory="${work}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
  defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="${files.ca}"
  defaultNetstreamDriverCertFile="${files.cert}" defaultNetstreamDriverKeyFile="${files.key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="whole" type="string" string="%structured-data% %msg%\\n")
ruleset(name="audit") { action(type="omfile" file="${output}" template="whole") }
input(type="imtcp" address="127.0.0.1" port="${port}" ruleset="audit")
`,
  )
  return file
}

async function start(configuration: string): Promise<void> {
  const pid = path.join(folder, 'rsyslog.pid')
  rmSync(pid, { force: true })
  rsyslog = spawn('/usr/sbin/rsyslogd', ['-n', '-f', configuration, '-i', pid], { stdio: 'ignore' })
  await once(rsyslog, 'spawn')
}

async function end(signal: NodeJS.Signals): Promise<void> {
  if (!rsyslog || rsyslog.exitCode !== null || rsyslog.signalCode !== null) return
  const gone = once(rsyslog, 'close')
  rsyslog.kill(signal)
  await gone
}

interface Received {
  readonly writer: string
  readonly number: number
  readonly hash: string
  readonly body: string
}

/** Whole lines: a killed rsyslog leaves half a one, which it gets again. */
function received(): readonly Received[] {
  const text = existsSync(output) ? readFileSync(output, 'utf8') : ''
  return text.split('\n').flatMap((line) => {
    const [, writer = '', number, json = ''] =
      /writer="([^"]+)" number="(\d+)".*?\] (\{.*\})$/.exec(line) ?? []
    if (number === undefined) return []
    const { time, hash, ...entry } = JSON.parse(json) as AuditEntry & { time: string; hash: string }
    assert.equal(time, new Date(entry.atMs).toISOString())
    return [{ writer, number: Number(number), hash, body: JSON.stringify(entry) }]
  })
}

function chainsHold(entries: readonly Received[]): void {
  for (const [writer, own] of Map.groupBy(entries, (entry) => entry.writer)) {
    const byNumber = new Map(own.map((entry) => [entry.number, entry]))
    let last = chainStart
    for (let number = 1; number <= byNumber.size; number++) {
      const entry = byNumber.get(number) ?? assert.fail(`${writer} lacks ${number}`)
      assert.equal(chainHash(last, entry.body), entry.hash, `${writer} ${number}`)
      last = entry.hash
    }
  }
}

test('rsyslog has every entry after both it and the server were killed again and again', async (t) => {
  const seed = Number(process.env['MORTISE_SEED'] ?? Date.now() % 1_000_000)
  t.diagnostic(`MORTISE_SEED=${seed}`)
  const random = new Random(seed)
  const port = await freePort()
  const configuration = await configure(port)
  const data = path.join(folder, 'data')
  const env = {
    MORTISE_SIEM_SYSLOG: `tls://127.0.0.1:${port}`,
    MORTISE_SIEM_CA_FILE: files.ca,
    MORTISE_SIEM_CERTIFICATE_FILE: files.clientCert,
    MORTISE_SIEM_KEY_FILE: files.clientKey,
  }
  for (let round = 0; round < 4; round++) {
    const server = await startServer({ data, env })
    await start(configuration)
    for (let act = 0; act < 4; act++) {
      await server.json('key', 'create')
      // Moments of no event: wherever it is then, it is cut off.
      await sleep(random.below(1_500))
      if (random.below(2) === 0) continue
      await end('SIGKILL')
      await server.json('key', 'create')
      await start(configuration)
    }
    if (round % 2 === 0) await server.kill()
    else await server.stop()
    await end('SIGKILL')
  }
  await start(configuration)
  await using server = await startServer({ data, env })
  const told = (await server.json('siem', 'test')) as { readonly ok: boolean }
  assert.equal(told.ok, true)
  await end('SIGTERM')
  const entries = received()
  assert.deepEqual(gapsIn(entries), [])
  chainsHold(entries)
  const log = (await server.json('audit', 'list', '--limit', '10000')) as readonly {
    writer: string
    number: number
  }[]
  const has = new Set(entries.map(({ writer, number }) => `${writer} ${number}`))
  const upTo = log.findIndex((entry) => (entry as { action?: string }).action === 'siem.test')
  const lacks = log.slice(upTo).filter(({ writer, number }) => !has.has(`${writer} ${number}`))
  assert.deepEqual(lacks, [])
  t.diagnostic(`${entries.length} lines for ${has.size} entries`)
})
