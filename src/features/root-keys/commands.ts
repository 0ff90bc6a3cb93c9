// `mortise root-key ...`: copies of root key files, the root keys in a service, to choose one for an instance, and a trial of one.

import { rootKeyRoutes } from './routes.ts'
import { command } from '../../doors/cli/route-command.ts'
import { realpath } from 'node:fs/promises'
import path from 'node:path'
import type { Output } from '../../doors/http/route.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import { noun, verb, type CommandLine, type MakeCommand } from '../../doors/cli/command.ts'
import { limitFlag, onePage, writeList, type Columns, type ListOptions } from '../../doors/cli/text/list.ts'
import { instanceOf } from '../../doors/cli/text/names.ts'
import { facts, plain } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { orAdvice } from '../../doors/cli/advice.ts'
import { readApiKey, readNamed } from '../../doors/cli/files.ts'
import { openInstallation } from '../../host/installation.ts'
import { forgetLeftCommand, leftCommand } from './left-command.ts'
import { isRootKeyFile } from '../../base/root-key-file.ts'
import { CommandError, UsageError, type World } from '../../doors/cli/world.ts'
import { instanceRoutes } from '../instances/routes.ts'

const rootKeyFlag = ['--root-key <uri>', 'a root key file in use (default: that of the server)'] as const
const anyRootKeyFlag = [
  '--root-key <uri>',
  'a root key file in use (default: whichever of them the copy is of)',
] as const

interface CopyOptions {
  readonly rootKey?: string
  readonly data?: string
  readonly config?: string
}

const copiedCommand = command(rootKeyRoutes.recordRootKeyCopy, {
  words: 'copied',
  summary: 'record that you keep a copy of the root key file elsewhere; the audit says who recorded it',
  fields: { rootKey: rootKeyFlag, challenge: false },
  examples: ['root-key copied', 'root-key copied --root-key file:production.key'],
  view: ({ by, rootKey }) => plain`Recorded: ${by} keeps a copy of ${rootKey} elsewhere.\n`,
})

const verifyCopyCommand = verb<CopyOptions>({
  words: 'verify-copy <file>',
  summary: 'prove that a copy of the root key file opens this server, and record it; the copy is not sent',
  flags: [anyRootKeyFlag],
  examples: ['root-key verify-copy /media/usb/root.key'],
  action: async ({ world, client, show }, options, file = '') => {
    await refuseBeside(world.dataFolder({ config: options.config, data: options.data }), file)
    const admin = await client()
    const candidates = await copiedFrom(admin, options)
    await readNamed(file)
    const recorded = await firstThatHolds(candidates, (body) => prove(world, admin, body, file))
    show(recorded, () => plain`The copy ${file} opens this server (${recorded.rootKey}).\n`)
  },
})

type CopyBody = ReturnType<typeof bodyOf>

/** The root keys that a file may be a copy of: the named one, or the server's and then those of instances. */
async function copiedFrom(admin: AdminClient, options: CopyOptions): Promise<CopyBody[]> {
  if (options.rootKey !== undefined) return [bodyOf(options)]
  const instances = await admin.call(instanceRoutes.listInstances)
  const files = instances.map(({ rootKey }) => rootKey).filter(isRootKeyFile)
  return [{}, ...[...new Set(files)].map((rootKey) => ({ rootKey }))]
}

/** Rejects as the first attempt did if all of them fail. */
async function firstThatHolds<T, R>(values: readonly T[], attempt: (value: T) => Promise<R>): Promise<R> {
  const failures: unknown[] = []
  for (const value of values)
    try {
      return await attempt(value)
    } catch (error) {
      failures.push(error)
    }
  throw failures[0]
}

async function prove(
  world: World,
  admin: AdminClient,
  body: CopyBody,
  file: string,
): Promise<Output<typeof rootKeyRoutes.recordRootKeyCopy>> {
  const challenge = await admin.call(rootKeyRoutes.challengeRootKeyCopy, { body })
  const installation = await openInstallation(world, {})
  const { answerWithRootKey } = await import('../../host/root-keys/answer-challenge.ts')
  const answer = await orAdvice(
    'this is no copy of a root key in use',
    installation.config,
    answerWithRootKey(installation, file, challenge),
  )
  return admin.call(rootKeyRoutes.recordRootKeyCopy, {
    body: { ...body, challenge: { id: challenge.id, answer } },
  })
}

/** A file in the data folder is lost with it, so it is no copy. */
async function refuseBeside(folder: string, file: string): Promise<void> {
  const [own, other] = await Promise.all(
    [folder, file].map((place) => realpath(place).catch(() => path.resolve(place))),
  )
  if (own === undefined || other === undefined || !other.startsWith(`${own}${path.sep}`)) return
  throw new CommandError(
    `${file} is in the data folder ${folder}: it would be lost with it`,
    'Copy it elsewhere.',
  )
}

function bodyOf({ rootKey }: CopyOptions) {
  return rootKey === undefined ? {} : { rootKey }
}

interface RootKeyListOptions extends ListOptions {
  readonly rootKey: string
  readonly instance?: string
  readonly ibmApiKeyFile?: string
}

export const rootKeyCommands = noun(
  'root-key',
  'root keys: try one, make one on a token, copies of files, and those in Key Protect and HPCS',
  () => [
    listCommand,
    tryCommand({
      words: 'check <uri>',
      summary:
        'try a root key from this machine, with the configuration of the server: it must seal and open',
      examples: [
        "root-key check 'pkcs11:token=prod;object=mortise?pin-source=file:/etc/mortise/hsm.pin'",
        'root-key check vault:transit/mortise',
      ],
      create: false,
    }),
    tryCommand({
      words: 'create <uri>',
      summary: 'make an AES key on a token (HSM) that never leaves it, from this machine, and try it',
      examples: ["root-key create 'pkcs11:token=prod;object=mortise?pin-source=file:/etc/mortise/hsm.pin'"],
      create: true,
    }),
    copiedCommand,
    verifyCopyCommand,
    leftCommand,
    forgetLeftCommand,
  ],
)

/** Works without a server, so that a person with access to its API alone cannot make it try modules and PINs. */
function tryCommand({
  create,
  ...line
}: Pick<CommandLine<unknown>, 'words' | 'summary' | 'examples'> & { readonly create: boolean }): MakeCommand {
  return verb<{ readonly config?: string; readonly data?: string }>({
    ...line,
    flags: [
      ['--data <dir>', 'data folder (default: as configured, else ./mortise-data)'],
      [
        '--config <file>',
        'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
      ],
    ],
    offline: true,
    action: async ({ world, show }, { config, data }, uri = '') => {
      const installation = await openInstallation(world, { config, data })
      const { tryRootKey } = await import('../../host/root-keys/try-root-key.ts')
      const trial = tryRootKey(installation, { uri, create })
      const tried = await orAdvice('this root key cannot be used', installation.config, trial)
      show(tried, () => {
        const warnings = tried.warnings.map((warning) => plain`WARNING: ${warning}\n`).join('')
        const made = create ? 'Made. ' : ''
        return `${made}The root key seals and opens.\n${warnings}${facts([
          ['Root key', tried.uri],
          ['Id', tried.id],
        ])}`
      })
    },
  })
}

const listCommand = verb<RootKeyListOptions>({
  words: 'list',
  summary:
    "the root keys of a service instance, as the server's service ID or another one may list them; or those on a token",
  required: [
    [
      '--root-key <uri>',
      'keyprotect://HOST/INSTANCE or hpcs://HOST/INSTANCE, with ?key-ring=RING those of one key ring; or pkcs11:token=LABEL',
    ],
  ],
  flags: [
    ['--ibm-api-key-file <file>', 'a file with the API key to list them with; it is not kept'],
    ['--instance <name>', 'list them with the API key of this instance'],
    limitFlag,
  ],
  examples: [
    'root-key list --root-key keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6',
    'root-key list --root-key hpcs://HOST/INSTANCE --ibm-api-key-file tenant.key',
  ],
  action: async (run, options) => {
    const { rootKey, instance, ibmApiKeyFile } = options
    if (instance !== undefined && ibmApiKeyFile !== undefined)
      throw new UsageError('give --instance or --ibm-api-key-file, not both')
    await writeList(run, options, rootKeyColumns, async () => {
      const admin = await run.client()
      if (ibmApiKeyFile !== undefined) {
        const body = { rootKey, ibmApiKey: await readApiKey(run.world, ibmApiKeyFile) }
        return onePage(await admin.call(rootKeyRoutes.listRootKeysWith, { body }))
      }
      const asking = instance === undefined ? {} : { instance: await instanceOf(admin, instance) }
      return onePage(await admin.call(rootKeyRoutes.listRootKeys, { query: { rootKey, ...asking } }))
    })
  },
})

const rootKeyColumns: Columns<Output<typeof rootKeyRoutes.listRootKeys>[number]> = {
  headings: ['NAME', 'STATE', 'RING', 'CREATED', 'ROTATED', 'URI'],
  rows: ({ name, state, keyRing, lastRotated, created, uri }) => [
    [name, state, keyRing, shortTime(created), shortTime(lastRotated), uri],
  ],
  empty: 'There are no root keys, or none that the service ID may list.\n',
}
