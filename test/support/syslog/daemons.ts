// Real receivers of syslog over TLS, as processes of their own that can be killed and paused: Debian's rsyslog, and its syslog-ng
// from an extracted package, since the two cannot be installed together. Each writes what it gets into a file.

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { chainHash, chainStart } from '../../../src/core/audit/chain.ts'
import { issueClient, issueServer, privateKeyPem, type SigningIdentity } from '../../../src/core/pki/issue.ts'
import type { AuditEntry } from '../../../src/core/ports/audit.ts'
import { testAuthority } from '../certificates/certificates.ts'
import { freePort } from '../server/free-port.ts'

export type DaemonKind = 'rsyslog' | 'syslog-ng'

interface Place {
  readonly folder: string
  readonly output: string
  readonly port: number
  readonly ca: string
  readonly cert: string
  readonly key: string
}

interface Program {
  /** Is there once it is installed or extracted. */
  readonly file: string
  readonly configuration: (place: Place) => string
  readonly args: (configuration: string, folder: string) => readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Where scripts/test.ts extracts packages that it cannot install. */
const extracted = path.resolve(import.meta.dirname, '../../../node_modules/.cache/debian')

export class SyslogDaemon implements AsyncDisposable {
  readonly place: Place
  /** What the server needs to send there. */
  readonly env: Readonly<Record<string, string>>
  readonly #program: Program
  readonly #configuration: string
  #process: ChildProcess | undefined
  #said = ''

  private constructor(
    program: Program,
    place: Place,
    client: { readonly cert: string; readonly key: string },
  ) {
    this.#program = program
    this.place = place
    this.#configuration = path.join(place.folder, 'daemon.conf')
    writeFileSync(this.#configuration, program.configuration(place))
    this.env = {
      MORTISE_SIEM_SYSLOG: `tls://127.0.0.1:${place.port}`,
      MORTISE_SIEM_CA_FILE: place.ca,
      MORTISE_SIEM_CERTIFICATE_FILE: client.cert,
      MORTISE_SIEM_KEY_FILE: client.key,
    }
  }

  /** Where it is not: what to do for it. */
  static missing(kind: DaemonKind): string | null {
    const { file } = programs[kind]
    return existsSync(file) ? null : `no ${file}; npm run test:real -- siem --install brings it`
  }

  /** Not started yet. */
  static async prepare(kind: DaemonKind): Promise<SyslogDaemon> {
    const folder = mkdtempSync(path.join(tmpdir(), `mortise-${kind}-`))
    mkdirSync(path.join(folder, 'work'))
    const ca = await testAuthority()
    const nowMs = Date.now()
    const caFile = path.join(folder, 'ca.pem')
    writeFileSync(caFile, ca.certificate.pem)
    const server = written(await issueServer({ ca, names: ['127.0.0.1'], nowMs }), folder, 'server')
    const client = written(await issueClient({ ca, commonName: 'mortise', nowMs }), folder, 'client')
    const output = path.join(folder, 'received.log')
    const place = { folder, output, port: await freePort(), ca: caFile, ...server }
    return new SyslogDaemon(programs[kind], place, client)
  }

  async start(): Promise<void> {
    const { file, args, env } = this.#program
    rmSync(path.join(this.place.folder, 'pid'), { force: true })
    this.#process = spawn(file, args(this.#configuration, this.place.folder), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (text: Buffer) => (this.#said = (this.#said + text.toString()).slice(-10_000)))
    await once(this.#process, 'spawn')
  }

  /** SIGSTOP: its machine goes on to take bytes, and nobody reads them. */
  pause(): void {
    this.#process?.kill('SIGSTOP')
  }

  /** SIGTERM lets it write what it has read. Throws if it had ended by itself. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const daemon = this.#process
    if (!daemon) return
    this.#process = undefined
    assert.equal(daemon.exitCode ?? daemon.signalCode, null, `the receiver ended by itself: ${this.#said}`)
    const gone = once(daemon, 'close')
    daemon.kill(signal)
    await gone
  }

  said(): string {
    return this.#said
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process && (this.#process.exitCode ?? this.#process.signalCode) === null)
      await this.end('SIGKILL')
    rmSync(this.place.folder, { recursive: true, force: true })
  }
}

const rsyslog: Program = {
  file: '/usr/sbin/rsyslogd',
  args: (configuration, folder) => ['-n', '-f', configuration, '-i', path.join(folder, 'pid')],
  configuration: ({ folder, output, port, ca, cert, key }) =>
    `global(workDirectory="${folder}/work" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
  defaultNetstreamDriver="ossl" defaultNetstreamDriverCAFile="${ca}"
  defaultNetstreamDriverCertFile="${cert}" defaultNetstreamDriverKeyFile="${key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="whole" type="string" string="%structured-data% %msg%\\n")
ruleset(name="audit") { action(type="omfile" file="${output}" template="whole") }
input(type="imtcp" address="127.0.0.1" port="${port}" ruleset="audit")
`,
}

const libraries = path.join(extracted, 'usr/lib')
const multiarch = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'

/** As the package's own configuration states it: Debian 13 has 4.8, Debian 12 has 3.38. */
function syslogNgVersion(): string {
  const text = readFileSync(path.join(extracted, 'etc/syslog-ng/syslog-ng.conf'), 'utf8')
  const [, version] = /^@version: (\d+\.\d+)$/m.exec(text) ?? []
  assert.ok(version)
  return version
}

const syslogNg: Program = {
  file: path.join(extracted, 'usr/sbin/syslog-ng'),
  args: (configuration, folder) => [
    '--foreground',
    '--no-caps',
    `--cfgfile=${configuration}`,
    `--persist-file=${path.join(folder, 'persist')}`,
    `--pidfile=${path.join(folder, 'pid')}`,
    `--control=${path.join(folder, 'control')}`,
    `--module-path=${path.join(libraries, 'syslog-ng', syslogNgVersion())}`,
  ],
  // Debian 12 has a few libraries below /lib still.
  env: {
    LD_LIBRARY_PATH: [
      path.join(libraries, 'syslog-ng'),
      path.join(libraries, multiarch),
      path.join(extracted, 'lib', multiarch),
    ].join(':'),
  },
  configuration: ({ output, port, ca, cert, key }) => `@version: ${syslogNgVersion()}
options { log-msg-size(65536); };
source audit {
  syslog(ip("127.0.0.1") port(${port}) transport("tls") max-connections(100)
    tls(ca-file("${ca}") cert-file("${cert}") key-file("${key}") peer-verify(required-trusted)));
};
destination file { file("${output}" template("\${SDATA} \${MSG}\\n")); };
log { source(audit); destination(file); flags(flow-control); };
`,
}

const programs: Readonly<Record<DaemonKind, Program>> = { rsyslog, 'syslog-ng': syslogNg }

function written({ certificate, privateKey }: SigningIdentity, folder: string, name: string) {
  const files = { cert: path.join(folder, `${name}.pem`), key: path.join(folder, `${name}.key`) }
  writeFileSync(files.cert, certificate.pem)
  writeFileSync(files.key, privateKeyPem(privateKey), { mode: 0o600 })
  return files
}

/** Everything that a receiver wrote, held against the log. */
export interface Judged {
  readonly lines: number
  readonly entries: number
}

interface Line {
  readonly writer: string
  readonly number: number
  readonly hash: string
  readonly body: string
}

/**
 * Asserts that the file of a receiver has every entry of the log up to the test entry, in the log's order but for those that were
 * sent again, and that each writer's chain can be checked from the file alone. `log`: the lines of `audit export`.
 */
export async function judge(output: string, log: string): Promise<Judged> {
  const hashes = new Map<string, string>()
  const chains = new Map<string, { number: number; hash: string }>()
  const order: string[] = []
  let lines = 0
  for await (const { writer, number, hash, body } of linesOf(output)) {
    lines++
    const name = `${writer} ${number}`
    const known = hashes.get(name)
    if (known !== undefined) {
      assert.equal(hash, known, `${name} came twice, and not as the same`)
      continue
    }
    const last = chains.get(writer) ?? { number: 0, hash: chainStart }
    assert.equal(number, last.number + 1, `${name} came after ${last.number}`)
    assert.equal(chainHash(last.hash, body), hash, `${name} does not continue its chain`)
    chains.set(writer, { number, hash })
    hashes.set(name, hash)
    order.push(name)
  }
  let place = 0
  let tests = 0
  for await (const line of createInterface({ input: createReadStream(log) })) {
    const { entry } = JSON.parse(line) as { entry?: Omit<Line, 'body'> & { body: string } }
    if (!entry) continue
    if (place < order.length)
      assert.equal(order[place++], `${entry.writer} ${entry.number}`, 'the order is the log’s')
    else assert.equal(tests, 1, `it lacks ${entry.writer} ${entry.number}`)
    if ((JSON.parse(entry.body) as AuditEntry).action === 'siem.test') tests++
  }
  assert.equal(tests, 1)
  return { lines, entries: order.length }
}

/** Whole lines: a killed receiver leaves half a one, which it gets again, and may write the next one behind it. */
async function* linesOf(output: string): AsyncGenerator<Line> {
  for await (const text of createInterface({ input: createReadStream(output) })) {
    const [, named, json = ''] =
      /^\[mortise@\d+ [^\]]*?number="(\d+)"[^\]]*\] (\{.*\})$/.exec(
        text.slice(text.lastIndexOf('[mortise@')),
      ) ?? []
    if (named === undefined) continue
    const { time, hash, ...entry } = JSON.parse(json) as AuditEntry & Line & { time: string }
    assert.equal(time, new Date(entry.atMs).toISOString())
    assert.equal(entry.number, Number(named))
    yield { writer: entry.writer, number: entry.number, hash, body: JSON.stringify(entry) }
  }
}
