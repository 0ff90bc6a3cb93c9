// `mortise vcenter connect`: asks for the login, begins the connect, and prints each step as the server takes it.

import { readAuthority } from '../../doors/cli/client-pair.ts'
import { instanceFlag, oneOfWords, verb, type Run } from '../../doors/cli/command.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { looksUntilEnded } from '../../doors/cli/watch-work.ts'
import { CommandError, UsageError, type World } from '../../doors/cli/world.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import type { Output } from '../../doors/http/route.ts'
import { loginFlags, loginOf, sameVcenter, vcenterOf, type LoginFlags } from './login.ts'
import { clientWays, vcenterRoutes } from './routes.ts'

const lookEveryMs = 250

interface ConnectFlags extends LoginFlags {
  readonly provider?: string
  readonly address?: readonly string[]
  readonly client?: string
  readonly clientCa?: string
  readonly default?: boolean
  readonly dryRun?: boolean
}

type Connect = Output<typeof vcenterRoutes.showConnect>
type Place = Awaited<ReturnType<typeof vcenterOf>>['place']

export const connectCommand = verb<ConnectFlags>({
  words: 'connect <vcenter>',
  summary:
    'make a key provider with this server in vCenter, have both trust each other, and prove the way with a key; run again, it changes only what is missing',
  flags: [
    instanceFlag,
    ...loginFlags('a user of vCenter with Cryptographer.ManageKeyServers and Cryptographer.ManageKeys'),
    [
      '--provider <name>',
      'name of the key provider; machines remember it for good (default: that of the last connect, or mortise-INSTANCE)',
    ],
    ['--address <address...>', 'where vCenter reaches this server: HOST or HOST:PORT (default: its nodes)'],
    [
      '--client <certificate|authority|request|issued>',
      "how this server trusts vCenter: the provider's certificate (default), a CA, a request that this server signs, or a key pair that it makes",
    ],
    ['--client-ca <pem>', 'with --client authority: the CA of vCenter'],
    ['--default', "make it vCenter's default provider"],
    ['--dry-run', 'only say what would be done'],
  ],
  guarded: true,
  examples: [
    'vcenter connect vc.example.com --user administrator@vsphere.local --dry-run',
    'vcenter connect vc.example.com --user administrator@vsphere.local --default',
    'vcenter connect berlin --user setup@vsphere.local --password-file ./password --address kms-1.example.com kms-2.example.com',
  ],
  action: async (run, options, word = '') => {
    const { admin, place } = await vcenterOf(run, options, word)
    const body = { ...(await bodyOf(run.world, options)), ...(await loginOf(run.world, options)) }
    const begun = await admin.call(vcenterRoutes.connectVcenter, { ...place, body })
    return watchSteps(run, admin, place, begun, (last) => endText(run, last, sameVcenter(word, options)))
  },
})

async function bodyOf(
  world: World,
  { provider, address, client, clientCa, default: makeDefault, dryRun }: ConnectFlags,
) {
  const way = client === undefined ? undefined : oneOfWords('--client', client, clientWays)
  if ((way === 'authority') !== (clientCa !== undefined))
    throw new UsageError('--client authority and --client-ca PEM belong together')
  return {
    ...(provider !== undefined && { provider }),
    ...(address && { addresses: [...address] }),
    ...(way !== undefined && { client: way }),
    ...(clientCa !== undefined && { authority: await readAuthority(world, clientCa) }),
    ...(makeDefault === true && { default: true }),
    ...(dryRun === true && { dryRun: true }),
  }
}

/** Prints each step of the work, and the text at its end. Returns the exit code. */
export async function watchSteps(
  run: Run,
  admin: AdminClient,
  place: Place,
  begun: Connect,
  endOf: (last: Connect) => string,
): Promise<number> {
  const last = await watch(run, begun, () =>
    admin.call(vcenterRoutes.showConnect, { ...place, connect: begun.id }),
  )
  if (run.json) run.show(last, () => '')
  if (last.error) throw new CommandError(last.error.message, last.error.hint ?? undefined)
  if (last.state === 'running') return 1
  run.tell(endOf(last))
  return 0
}

/** Prints each step as it ends; returns the last look, which is still running if the user pressed Ctrl-C. */
async function watch(
  { world: { stderr, stdout }, json }: Run,
  begun: Connect,
  look: () => Promise<Connect>,
): Promise<Connect> {
  const output = json ? stderr : stdout
  let [shown, warned] = [0, 0]
  const last = await looksUntilEnded(begun, {
    everyMs: lookEveryMs,
    look,
    tell: ({ warnings, steps }) => {
      for (const warning of warnings.slice(warned)) output.write(plain`! ${warning}\n`)
      warned = warnings.length
      const ended = steps.filter(({ state }) => state !== 'running')
      for (const { state, text } of ended.slice(shown)) output.write(plain`${marks[state]} ${text}\n`)
      shown = ended.length
    },
    gone: (error) =>
      new CommandError(
        `the server went away: ${error.message}`,
        'When the server is back, give the same command again: it changes only what is missing.',
        { cause: error },
      ),
  })
  if (last.state === 'running')
    stderr.write('The server goes on with it. Give the same command again to see how far it came.\n')
  return last
}

const marks: Readonly<Record<Connect['steps'][number]['state'], string>> = {
  running: '[....]',
  done: '[done]',
  already: '[ ok ]',
  would: '[plan]',
  skipped: '[skip]',
  failed: '[FAIL]',
}

function endText({ next }: Run, { dryRun, provider }: Connect, words: string): string {
  if (dryRun)
    return plain`\nNothing was changed. Leave out --dry-run to do it: ${next(`vcenter connect ${words}`)}\n`
  return plain`\nThe key provider ${provider} works. Encrypt a machine in vCenter with it, and see its key: ${next('key list')}\n`
}
