// mortise-setup: configures the appliance, from OVF properties or by questions on its console, and then starts the server.
//
//   mortise-setup from-ovf   at each start until it is configured, before the network: takes the properties if there are any
//   mortise-setup console    before each login on a console: asks what nobody has answered, and has root's password set
//   mortise-setup            asks again, for instance for another address
//
// What is written last, `configured`, says that all of it was written, and that the server starts with the machine. Killed before, it
// begins again.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { createInterface, type Interface } from 'node:readline/promises'
import { readProperties } from './ovf-environment.ts'
import {
  answerOf,
  filesOf,
  problemsOf,
  questions,
  serverConfiguration,
  settingsOf,
  type Answers,
} from './settings.ts'
import { tryOut } from './tryout.ts'

const folder = '/etc/mortise-appliance'
const configured = path.join(folder, 'configured')
const say = (text: string): void => void process.stdout.write(`${text}\n`)

const [mode] = process.argv.slice(2)
if (mode === 'from-ovf') fromOvf()
else if (mode === 'console') await onConsole()
else if (mode === undefined) await answerAnew()
else throw new Error(`mortise-setup: ${mode} is neither from-ovf nor console`)

/** True if the properties answered everything. */
function fromOvf(): boolean {
  const properties = readProperties()
  const key = properties?.get('sshKey') ?? ''
  if (key !== '') trustKey(key)
  // Empty where whoever deployed it left it to the console.
  if ((properties?.get('address') ?? '') === '') return false
  const given = (name: keyof Answers, usual: string) => answerOf(properties?.get(name) ?? '', usual)
  const answers: Answers = {
    hostname: given('hostname', 'mortise'),
    address: given('address', ''),
    gateway: given('gateway', ''),
    dns: given('dns', ''),
    ntp: given('ntp', ''),
  }
  const problems = problemsOf(answers)
  for (const problem of problems) say(`The OVF property ${problem}`)
  if (problems.length > 0) return false
  apply(answers)
  return true
}

async function onConsole(): Promise<void> {
  if (!existsSync(configured) && !fromOvf()) {
    say('\nMortise: a key management server that speaks KMIP.\n')
    say('This appliance does not know its address yet.\n')
    await askAll()
  }
  if (hasPassword()) return
  await sayWhatAnswers()
  say('\nNobody can log in here yet: root has no password. Choose one, for this console.\n')
  while (spawnSync('passwd', ['root'], { stdio: 'inherit' }).status !== 0) if (hasPassword()) return
  using terminal = open()
  if (!(await agrees(terminal, 'May root log in by ssh with this password?', false))) return
  put('/etc/ssh/sshd_config.d/40-mortise-password.conf', 'PermitRootLogin yes\nPasswordAuthentication yes\n')
  system('systemctl', 'enable', '--now', 'ssh.service')
}

async function answerAnew(): Promise<void> {
  await askAll()
  say('Done. mortise.toml and the server certificate keep their names; how to change these:')
  say('/usr/share/doc/mortise/docs/move.md, "To another address"')
  await sayWhatAnswers()
}

/** A mistyped address is seen here, and not only in vCenter. */
async function sayWhatAnswers(): Promise<void> {
  const answers = known()
  if (answers === undefined) return
  say('\nTrying the network, for half a minute at most …')
  const found = await tryOut(settingsOf(answers))
  for (const { works, text } of found) say(`${works ? '  ' : '! '}${text}`)
  if (found.every(({ works }) => works)) return
  say('Mend what is marked with "!" where it is; or log in and answer again: mortise-setup')
}

async function askAll(): Promise<void> {
  const first = !existsSync(configured)
  say('An empty answer takes what stands in brackets; a single "-" stands for none.\n')
  for (let usual: Partial<Answers> = known() ?? {}; ;) {
    using terminal = open()
    const answers: Record<string, string> = {}
    for (const { key, asks, usual: otherwise, problem, open: isOpen } of questions) {
      const suggested = usual[key] ?? otherwise
      const shown = suggested === '' ? '' : ` [${suggested}]`
      for (let asked = isOpen?.(answers) ?? true; asked;) {
        const answer = answerOf(await terminal.question(`${asks}${shown}: `), suggested)
        const wrong = problem(answer, answers)
        if (wrong !== undefined) say(wrong)
        else answers[key] = answer
        asked = wrong !== undefined
      }
      answers[key] ??= ''
    }
    // Somebody at another console was faster.
    if (first && existsSync(configured)) return say('Another console has answered meanwhile.')
    usual = answers
    if (!(await agrees(terminal, 'Is that right?', true))) continue
    return apply(answers as Answers)
  }
}

/** Writes what follows from the answers, and starts what needs them. */
function apply(answers: Answers): void {
  const first = !existsSync(configured)
  const settings = settingsOf(answers)
  for (const [file, text] of filesOf(settings)) put(file, text)
  // Later it belongs to the administrator.
  if (first) put('/etc/mortise/mortise.toml', serverConfiguration(settings))
  system('systemctl', 'enable', '--quiet', 'mortise.service')
  put(configured, `${JSON.stringify(answers, null, 2)}\n`)
  system('hostname', settings.hostname)
  // Those that do not run yet read it when they start.
  system('networkctl', 'reload')
  system('systemctl', 'try-restart', '--no-block', 'systemd-timesyncd.service')
  system('systemctl', 'start', '--no-block', 'mortise.service')
}

/** The answers of the last time. */
function known(): Answers | undefined {
  return existsSync(configured) ? (JSON.parse(readFileSync(configured, 'utf8')) as Answers) : undefined
}

/** Root logs in by ssh with this key, and with nothing else. */
function trustKey(key: string): void {
  if (existsSync('/root/.ssh/authorized_keys')) return
  if (!/^(?:ssh-|ecdsa-|sk-)[\w@.-]+ [A-Za-z0-9+/=]+(?: [^\n\r]*)?$/.test(key))
    return say('The OVF property sshKey: it is no line of a file such as id_ed25519.pub')
  mkdirSync('/root/.ssh', { recursive: true, mode: 0o700 })
  put('/root/.ssh/authorized_keys', `${key}\n`, 0o600)
  system('systemctl', 'enable', '--quiet', 'ssh.service')
  system('systemctl', 'start', '--no-block', 'ssh.service')
}

function hasPassword(): boolean {
  const line = readFileSync('/etc/shadow', 'utf8')
    .split('\n')
    .find((one) => one.startsWith('root:'))
  return /^root:[^*!:]/.test(line ?? '')
}

function open(): Interface & Disposable {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  // The terminal is gone: whoever comes next is asked again.
  terminal.once('SIGINT', () => process.exit(1))
  return Object.assign(terminal, { [Symbol.dispose]: () => terminal.close() })
}

async function agrees(terminal: Interface, question: string, usual: boolean): Promise<boolean> {
  const answer = (await terminal.question(`${question} [${usual ? 'Y/n' : 'y/N'}] `)).trim().toLowerCase()
  return answer === '' ? usual : answer.startsWith('y')
}

/** Whole or not at all, and on the disk. */
function put(file: string, text: string, mode = 0o644): void {
  mkdirSync(path.dirname(file), { recursive: true })
  const descriptor = openSync(`${file}.new`, 'w', mode)
  writeSync(descriptor, text)
  fsyncSync(descriptor)
  closeSync(descriptor)
  renameSync(`${file}.new`, file)
}

/** What fails says so, and the rest is done all the same: a console with half of it is better than none. */
function system(program: string, ...args: readonly string[]): void {
  try {
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 })
  } catch (error) {
    say(`${program} ${args.join(' ')}: ${(error as Error).message}`)
  }
}
