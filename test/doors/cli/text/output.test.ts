// Names come from strangers, clients and other operators. Whatever they are, no command prints them as a second line, in
// another direction, or so that they steer the terminal, neither as text nor as JSON; and in JSON they stay what they are.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { makeRequest } from '../../../../src/core/pki/make-request.ts'
import { clientCertificate } from '../../../support/certificates/certificates.ts'
import { command } from '../../../support/server/command.ts'
import { begin, end, hostileText, startHostileAdmin, type HostileAdmin } from './hostile-admin.ts'
import type { CommandResult } from '../../../support/server/server.ts'

let server: HostileAdmin
const folder = mkdtempSync(path.join(tmpdir(), 'mortise-hostile-cli-'))
const file = (name: string): string => path.join(folder, name)
before(async () => {
  server = await startHostileAdmin()
  writeFileSync(file('cert.pem'), (await clientCertificate('self-signed')).certificate.pem)
  writeFileSync(file('request.csr'), (await makeRequest({ commonName: 'vcenter' })).request)
  writeFileSync(file('api.key'), 'an-api-key\n')
  writeFileSync(file('keys.csv'), 'kind,name,keyId\nvm,x,k\n')
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const sha256 = 'a'.repeat(64)
const recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'
const uri = 'keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6/02fd6835'
let made = 0
const fresh = (): string => file(`new-${++made}`)

/** Every command that asks a server, by noun and verb, with the words that it needs. */
const commands: Readonly<Record<string, () => readonly string[]>> = {
  status: () => [],
  'instance create': () => ['x'],
  'instance list': () => [],
  'instance show': () => ['x'],
  'instance set': () => ['x', '--cache-seconds', '60'],
  'instance set-root-key': () => ['x', '--root-key', 'file:x.key', '--no-wait'],
  'instance rewrap': () => ['x', '--no-wait'],
  'instance defaults': () => ['x'],
  'instance constraints': () => ['x', '--clear'],
  'instance restrictions': () => ['x'],
  'instance close': () => ['x', '--reason', 'y'],
  'instance open': () => ['x'],
  'server close': () => ['--reason', 'y'],
  'server open': () => [],
  'instance delete': () => ['x', '--shred', 'x'],
  'vcenter add': () => ['x', '--fingerprint', sha256],
  'vcenter connect': () => ['x', '--user', 'x', '--password-file', file('api.key')],
  'vcenter inventory': () => ['x', '--user', 'x', '--password-file', file('api.key')],
  'vcenter trial-report': () => ['x', '--user', 'x', '--password-file', file('api.key')],
  'vcenter switch': () => ['x', '--from', 'x', '--user', 'x', '--password-file', file('api.key'), '--yes'],
  'vcenter switch-back': () => ['x', '--user', 'x', '--password-file', file('api.key'), '--yes'],
  'vcenter switch-finish': () => ['x', '--yes'],
  'vcenter rekey': () => [
    'x',
    '--machines',
    'y',
    '--user',
    'x',
    '--password-file',
    file('api.key'),
    '--dry-run',
  ],
  'vcenter rekey-show': () => ['x'],
  'vcenter rekey-report': () => ['x'],
  'vcenter rekey-pause': () => ['x'],
  'vcenter rekey-resume': () => ['x', '--retry'],
  'vcenter rekey-end': () => ['x'],
  'vcenter list': () => [],
  'vcenter show': () => ['x'],
  'vcenter set': () => ['x', '--name', 'y'],
  'vcenter remove': () => ['x'],
  'client trust': () => ['--name', 'x', '--cert', file('cert.pem')],
  'client issue': () => ['--name', 'x', '--out', fresh()],
  'client sign': () => ['--name', 'x', '--csr', file('request.csr'), '--out', fresh()],
  'client list': () => [],
  'client show': () => ['x'],
  'client set': () => ['x', '--name', 'y'],
  'client pending': () => [],
  'client block': () => [sha256],
  'client blocks': () => [],
  'client unblock': () => [sha256],
  'client remove': () => ['x', '--certificate', sha256],
  'key list': () => ['--limit', '50'],
  'key show': () => ['x'],
  'key create': () => [],
  'key activate': () => ['x'],
  'key revoke': () => ['x'],
  'key destroy': () => ['x'],
  'key undestroy': () => ['x'],
  'key set': () => ['x', '--wraps-sensitive', 'yes'],
  'inventory import': () => [file('keys.csv')],
  'inventory show': () => [],
  'inventory report': () => [],
  'inventory remove': () => [],
  'key export': () => [fresh(), '--recipient', recipient, '--yes'],
  'token create': () => ['--role', 'viewer'],
  'token list': () => [],
  'token revoke': () => ['x'],
  whoami: () => [],
  'session list': () => [],
  'session end': () => ['x'],
  'approval list': () => [],
  'approval show': () => ['x'],
  'approval approve': () => ['x', '--yes'],
  'approval refuse': () => ['x'],
  'approval cancel': () => ['x'],
  'audit list': () => ['--limit', '30'],
  'audit verify': () => [],
  'audit export': () => [],
  'audit prune': () => ['--before', '2026-01-01', '--yes'],
  'support-bundle': () => [fresh(), '--yes'],
  report: () => ['--from', '2026-01-01', '--to', '2026-06-01'],
  'alert list': () => [],
  'alert test': () => [],
  'siem status': () => [],
  'siem test': () => ['--no-wait'],
  'backup create': () => [],
  'backup list': () => [],
  'server-cert show': () => [],
  'server-cert csr': () => ['--out', fresh()],
  'server-cert import': () => ['--cert', file('cert.pem')],
  'server-cert renew': () => [],
  'server-cert activate': () => [],
  'server-cert discard': () => [],
  reload: () => [],
  'root-key list': () => ['--root-key', uri, '--ibm-api-key-file', file('api.key')],
  'root-key copied': () => [],
  'root-key verify-copy': () => [file('root-copy.key')],
  'root-key left': () => [],
  'root-key forget-left': () => ['12e8c9c2-a162-472d-b7d6-8b9a86b815a6', '--left', '3'],
  'adopt status': () => [],
  restore: () => ['--from-key-protect', '--root-key', uri],
}
/** Programs that speak to a KMIP server, to a browser, or to nobody. */
const others = [
  'client products',
  'serve',
  'login',
  'logout',
  'doctor',
  'hardening',
  'fips setup',
  'fips convert',
  'conformance',
  'simulate',
  'bench',
  'dev',
  'health',
  'completion',
  'restore-accept',
  'backup verify',
  'backup drill',
  'token recover',
  'root-key check',
  'root-key create',
  'adopt kmip',
  'adopt check',
  'adopt probe',
  'adopt ibm-standard-keys',
  'store copy',
]

const run = (name: string, ...more: readonly string[]): Promise<CommandResult> =>
  command([...name.split(' '), ...(commands[name]?.() ?? []), ...inInstance(name), ...more], {
    data: server.data,
    terminal: true,
    input: hostileText,
  })

/** Where the server has several instances, one is to be chosen. */
function inInstance(name: string): readonly string[] {
  return /^(client (?!pending|block|unblock)|key |inventory |vcenter |adopt )/.test(name)
    ? ['--instance', 'x']
    : []
}

/** As a terminal would show it. */
function assertHarmless(text: string, what: string): void {
  const found = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u.exec(text)
  const around = JSON.stringify(text.slice(Math.max(0, (found?.index ?? 0) - 300)).slice(0, 600))
  assert.ok(
    !found,
    `${what} prints what cannot be seen; write it by \`plain\` or \`table\` of doors/cli/text/output.ts: ${around}`,
  )
  for (const line of text.split('\n'))
    assert.ok(
      !line.includes(end) || line.indexOf(begin) < line.indexOf(end),
      `${what} makes a second line: ${line}`,
    )
}

for (const [index, name] of Object.keys(commands).entries())
  test(`mortise ${name} shows no name in a way that deceives`, async () => {
    let told = 0
    // A refusal shows the same texts with each code: another one for each command.
    const refusal = { refuses: true, choice: index }
    for (const mood of [...[0, 1, 2, 3].map((choice) => ({ refuses: false, choice })), refusal]) {
      Object.assign(server.mood, mood)
      const { stdout, stderr } = await run(name)
      for (const text of [stdout, stderr]) assertHarmless(text, name)
      told += (stdout + stderr).split(begin).length - 1
      // All JSON is printed in one place: half of the choices will do.
      if (!mood.refuses && mood.choice % 2 === 1) continue
      const asJson = await run(name, '--json')
      for (const text of [asJson.stdout, asJson.stderr]) assertHarmlessJson(text, name)
    }
    assert.ok(told > 0, 'something hostile was printed')
  })

function assertHarmlessJson(text: string, name: string): void {
  assertHarmless(text, `${name} --json`)
  const [first = ''] = text
  if (!'[{'.includes(first) || first === '') return
  const whole = JSON.stringify(JSON.parse(text))
  if (whole.includes(begin))
    assert.ok(whole.includes(JSON.stringify(hostileText).slice(1, -1)), 'the value is the same')
}

/** The commands in a help text. */
async function listed(...words: string[]): Promise<string[]> {
  const { stdout } = await command([...words, '--help'])
  const [, list = ''] = stdout.split('Commands:\n')
  return [...list.matchAll(/^ {2}([\w-]+) /gm)].map(([, one = '']) => one).filter((one) => one !== 'help')
}

test('every command is among these', async () => {
  const all: string[] = []
  for (const noun of await listed()) {
    const verbs = await listed(noun)
    all.push(...(verbs.length === 0 ? [noun] : verbs.map((verb) => `${noun} ${verb}`)))
  }
  const missing = all.filter(
    (name) => !(name in commands) && !others.includes(name) && !others.includes(name.split(' ')[0] ?? ''),
  )
  assert.ok(
    missing.length === 0,
    `give ${missing.join(', ')} the words that it needs in \`commands\` above; a command that asks no server: in \`others\``,
  )
})
