// `mortise support-bundle`: what a supporter elsewhere needs, in one file: versions, configuration, conditions, metrics, logs.
// Secrets and names of keys are hidden (redact.ts). It works also while the server does not answer, and says then what is missing.

import { certificateRoutes } from '../certificates/routes.ts'
import { execFile } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { release } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { AdminClient } from '../../doors/http/client.ts'
import { listsOfAllKeys } from './all-keys.ts'
import { forceFlag, verb, type Run } from '../../doors/cli/command.ts'
import { mustBeFree, readNamed, writeWhole } from '../../doors/cli/files.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import { batches } from '../../doors/cli/text/list.ts'
import { jsonText, plain, sizeText, table } from '../../doors/cli/text/output.ts'
import { Redactor } from './redact.ts'
import { tarOf, type TarFile } from './tar.ts'
import { CommandError, UsageError, type Flags, type World } from '../../doors/cli/world.ts'
import { readConfiguration } from '../../host/installation.ts'
import { secretFiles } from '../../outside/config/config.ts'
import type { Config } from '../../outside/config/options.ts'
import type { CommandPlugs } from '../../doors/cli/plugs.ts'
import { instanceRoutes } from '../instances/routes.ts'
import { statusRoutes } from '../status/routes.ts'

/** A bundle has the last part of each log. */
const supportLogBytesMax = 8 * 1024 * 1024
const supportJournalLines = 20_000
/** Names of keys that are looked for, of each instance. */
const supportNamesMax = 100_000
/** The length of a file that holds a secret. */
const supportSecretCharactersMax = 64 * 1024

/** Shorter words of a file with secrets are also those of other texts. */
const wordCharactersMin = 16

interface BundleOptions {
  readonly config?: string
  readonly data?: string
  readonly log?: readonly string[]
  readonly force?: boolean
  readonly yes?: boolean
}

export const supportBundleCommand = ({ bundle: offered }: Pick<CommandPlugs, 'bundle'>) =>
  verb<BundleOptions>({
    words: 'support-bundle [file]',
    summary:
      'collect logs, configuration, conditions and metrics for support, without secrets and names of keys',
    flags: [
      [
        '--log <file...>',
        'log files to add, their last part (default: the journal of the unit mortise, if there is one)',
      ],
      forceFlag,
      ['--yes', 'do not ask'],
    ],
    examples: [
      'support-bundle',
      'support-bundle mortise.tar.gz --log /var/log/mortise.log',
      'support-bundle --yes --json',
    ],
    action: (run, options, file) => bundle(run, options, offered, file),
  })

async function bundle(
  run: Run,
  options: BundleOptions,
  offered: CommandPlugs['bundle'],
  named?: string,
): Promise<void> {
  const { world, json } = run
  const { force = false, yes = false } = options
  const top = `mortise-support-${new Date(world.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}`
  const file = named ?? `${top}.tar.gz`
  if (file === '-') throw new UsageError('a bundle is written to a file, not to standard output')
  if (!yes && (json || world.stdin.isTTY !== true))
    throw new UsageError('without a terminal you cannot look at the list and confirm it: add --yes')
  await mustBeFree([file], force)
  const { files, redactor, missing } = await collect(run, options, offered)
  const contents = files.map(({ name, content }) => ({ name, bytes: content.length }))
  const redacted = Object.fromEntries(redactor.counts)
  if (!json) world.stdout.write(contentsText(contents, redacted, missing))
  if (!yes && !(await confirmTyped(world, plain`\nWrite this to ${file}? Type yes: `, ['yes'])))
    throw new CommandError('nothing was written')
  // In a folder, so that unpacking does not scatter them.
  const inFolder = files.map(({ name, content }) => ({ name: `${top}/${name}`, content }))
  const archive = gzipSync(tarOf(inFolder, world.now()))
  await writeWhole(
    file,
    () => mustBeFree([file], force),
    (handle) => handle.writeFile(archive),
  )
  run.show({ file, bytes: archive.length, files: contents, redacted, missing }, () => {
    return plain`\nWritten: ${file} (${sizeText(archive.length)}). Look into it before you send it: tar -xzf ${file}\n`
  })
}

function contentsText(
  contents: readonly { readonly name: string; readonly bytes: number }[],
  redacted: Readonly<Record<string, number>>,
  missing: readonly string[],
): string {
  const hidden = Object.entries(redacted).map(([what, count]) => `${what} (${count})`)
  return (
    table(
      ['FILE', 'SIZE'],
      contents.map(({ name, bytes }) => [name, sizeText(bytes)]),
    ) +
    plain`\nHidden: ${hidden.length === 0 ? 'nothing was found that is secret' : hidden.join(', ')}.\n` +
    'Not hidden: names of machines, instances, clients and administrators, addresses, and paths.\n' +
    missing.map((one) => plain`Missing: ${one}\n`).join('')
  )
}

interface Collected {
  readonly files: readonly TarFile[]
  readonly redactor: Redactor
  /** The parts that could not be had, and why. */
  readonly missing: readonly string[]
}

async function collect(
  run: Run,
  options: BundleOptions,
  offered: CommandPlugs['bundle'],
): Promise<Collected> {
  const { world } = run
  const logs = await Promise.all((options.log ?? []).map(namedLog))
  const missing: string[] = []
  const texts: [name: string, text: string][] = []
  const add = async (name: string, read: () => Promise<string>): Promise<void> => {
    try {
      texts.push([name, await read()])
    } catch (error) {
      missing.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const { version } = world
  const { versions, platform, arch } = process
  await add('about.json', async () => {
    const made = new Date(world.now()).toISOString()
    return jsonText({
      made,
      version,
      node: versions.node,
      openssl: versions.openssl,
      platform,
      arch,
      kernel: release(),
    })
  })
  const flags: Flags = { config: options.config, data: options.data }
  const configuration = configurationOf(world, flags, missing)
  if (configuration !== undefined) texts.push(['configuration.json', jsonText(configuration)])
  const redactor = new Redactor(
    await secretsIn(configuration ? secretFiles(configuration, world.configuration.features) : []),
  )
  await addServer(run, { offered, add, redactor, missing })
  texts.push(...logs)
  if (options.log === undefined) await add('logs/journal', journal)
  if (missing.length > 0) texts.push(['missing.txt', `${missing.join('\n')}\n`])
  const files = texts.map(([name, text]) => ({ name, content: Buffer.from(redactor.redact(text)) }))
  return { files, redactor, missing }
}

function configurationOf(world: World, flags: Flags, missing: string[]): Config | undefined {
  try {
    return readConfiguration(world, flags)
  } catch (error) {
    missing.push(
      `configuration.json: ${error instanceof Error ? error.message : String(error)}`,
      'secrets: without the configuration the bundle does not know their files, so they are hidden only where they look like secrets. Read the logs before you send them',
    )
    return undefined
  }
}

type Add = (name: string, read: () => Promise<string>) => Promise<void>

async function addServer(
  { client }: Run,
  {
    offered,
    add,
    redactor,
    missing,
  }: {
    readonly offered: CommandPlugs['bundle']
    readonly add: Add
    readonly redactor: Redactor
    readonly missing: string[]
  },
): Promise<void> {
  let admin: AdminClient
  try {
    admin = await client()
    const status = await admin.call(statusRoutes.status)
    await add('status.json', async () => jsonText(status))
  } catch (error) {
    missing.push(
      `status, metrics and settings of the server: ${error instanceof Error ? error.message : String(error)}`,
      'names of keys: the server did not give them, so they are hidden only where they look like identifiers. Read the logs before you send them',
    )
    return
  }
  await add('instances.json', async () => jsonText(await admin.call(instanceRoutes.listInstances)))
  for (const { name, read } of offered) await add(name, async () => jsonText(await read(admin)))
  await add('server-certificate.json', async () =>
    jsonText(await admin.call(certificateRoutes.showServerCertificate)),
  )
  await add('metrics.txt', () => admin.call(statusRoutes.metrics))
  const left = await addNames(admin, redactor)
  if (left > 0)
    missing.push(`names of keys: only the newest ${supportNamesMax} of an instance are known and hidden`)
}

/** Adds every name of a key. Returns how many instances have more of them than are looked up. */
async function addNames(admin: AdminClient, redactor: Redactor): Promise<number> {
  let left = 0
  for (const { id: instance } of await admin.call(instanceRoutes.listInstances))
    for (const read of listsOfAllKeys(admin, instance)) {
      const pages = batches(read, { limit: supportNamesMax })
      let step = await pages.next()
      for (; step.done !== true; step = await pages.next()) redactor.addNames(step.value.flatMap(namesOf))
      if (step.value !== null) left++
    }
  return left
}

interface NamedKey {
  readonly id: string
  readonly name: string | null
  readonly vsphere: { readonly name: string | null; readonly identifier: string | null }
}

function namesOf({ id, name, vsphere }: NamedKey): readonly string[] {
  return [id, name, vsphere.name, vsphere.identifier].filter((one) => one !== null)
}

/** The lines of files that hold secrets, and their long words; one that cannot be read cannot be in a log of this user either. */
async function secretsIn(files: readonly string[]): Promise<readonly string[]> {
  const contents = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
  return contents.flatMap((content) => {
    const text = content.slice(0, supportSecretCharactersMax)
    // The address of an alert's target stands behind its kind, the key of AWS behind its name.
    const words = text.split(/[\s=]+/).filter((word) => word.length >= wordCharactersMin)
    return [...text.split(/\r?\n/), ...words]
  })
}

/** Returns the name of a log in the bundle, and the end of its text. Throws if the file cannot be read, since the user named it. */
async function namedLog(file: string, at: number): Promise<[name: string, text: string]> {
  // Short, since tar has little room for a name.
  const short = path
    .basename(file)
    .replaceAll(/[^\w.-]/g, '_')
    .slice(0, 50)
  try {
    return [`logs/${at + 1}-${short}`, await lastPart(file)]
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    throw new CommandError(error.message, '--log takes every word after it: name the bundle before it.', {
      cause: error,
    })
  }
}

async function lastPart(file: string): Promise<string> {
  // Also where it says that there is none, and why.
  if (!path.isAbsolute(file)) return lastPart(path.resolve(file))
  await using handle = await open(file, 'r').catch(async () => {
    await readNamed(file)
    throw new CommandError(`${file} cannot be read`)
  })
  const about = await handle.stat()
  if (about.isDirectory()) throw new CommandError(`${file} is a folder`)
  const { size } = about
  const from = Math.max(0, size - supportLogBytesMax)
  const bytes = Buffer.alloc(size - from)
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, from)
  const text = bytes.subarray(0, bytesRead).toString('utf8')
  // Half a line may be half a secret.
  return from === 0 ? text : text.slice(text.indexOf('\n') + 1)
}

async function journal(): Promise<string> {
  const args = ['--unit=mortise', '--no-pager', '--output=short-iso', `--lines=${supportJournalLines}`]
  const options = { maxBuffer: supportLogBytesMax * 2, encoding: 'utf8' } as const
  const { stdout } = await promisify(execFile)('journalctl', args, options).catch((error: unknown) => {
    const exists = error instanceof Error && 'code' in error && error.code !== 'ENOENT'
    throw new CommandError(
      exists ? 'journalctl failed' : 'there is no journal on this machine: name files with --log',
    )
  })
  if (/^-- No entries --\s*$/.test(stdout))
    throw new CommandError('the journal has nothing of the unit mortise: name files with --log')
  return stdout.slice(-supportLogBytesMax)
}
