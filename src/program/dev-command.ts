// `mortise dev`: a throw-away server for other projects' tests, with a client that it trusts, as variables that their clients
// take. It lives as long as this command, or as the command that it was given. What removes its folder is in program/dev.ts.

import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Command } from 'commander'
import { parseAddress } from '../base/kmip-address.ts'
import { makeRequest } from '../core/pki/make-request.ts'
import { shellWord } from '../base/text/shell-word.ts'
import { forceFlag, oneOfWords, verb, type CommandOutcome, type Run } from '../doors/cli/command.ts'
import { connectToFolder } from '../doors/cli/connect.ts'
import { commonVariables, devClients, devNeeds, type DevClientName, type DevFiles } from './dev-clients.ts'
import { mustBeFree, writeWhole } from '../doors/cli/files.ts'
import { plainJson } from '../doors/cli/text/output.ts'
import { CommandError, UsageError } from '../doors/cli/world.ts'
import type { TemporaryServer } from './dev.ts'
import type { ServingWorld } from './world.ts'
import { clientRoutes } from '../features/clients/routes.ts'
import { instanceRoutes } from '../features/instances/routes.ts'

interface DevOptions {
  readonly kmip?: string
  readonly for?: string
  readonly envOut?: string
  readonly force?: boolean
  readonly verbose?: boolean
}

const clientName = 'dev'
const names = Object.keys(devClients) as DevClientName[]

export function devCommand(world: ServingWorld, outcome: CommandOutcome): Command {
  return verb<DevOptions>({
    words: 'dev [command...]',
    summary: 'run a throw-away server for tests, or COMMAND with one; deletes everything at the end',
    flags: [
      [
        `--for <${names.join('|')}>`,
        'variables for this client alone, and the operations that it needs; or for several, separated by commas (default: for all)',
      ],
      ['--kmip <host:port>', 'where clients connect (default: a free port of 127.0.0.1)'],
      // Node.js would take --env-file for itself, wherever it stands.
      ['--env-out <file>', 'write the variables there, as NAME=VALUE, once it serves'],
      forceFlag,
      ['--verbose', 'log what the server does'],
    ],
    examples: ['dev', 'dev -- make test', 'dev --for pykmip -- pytest', 'dev --env-out kmip.env --json'],
    offline: true,
    action: async (run, options, ...words) => {
      const command = words.flat()
      const chosen = options.for?.split(',').map((name) => oneOfWords('--for', name, names)) ?? names
      const { envOut, force = false } = options
      if (envOut === '-') throw new UsageError('--env-out takes a file, not standard output')
      if (envOut !== undefined) await mustBeFree([envOut], force)
      // Made while the server starts.
      const pair = makeRequest({ commonName: clientName })
      pair.catch(() => undefined)
      const { kmip = '127.0.0.1:0', verbose = false } = options
      const { runTemporary } = await import('./dev.ts')
      return runTemporary(world, { kmip, verbose }, async (server) => {
        const files = await issue(server, await pair, options.for === undefined ? [] : chosen)
        const variables = await variablesOf(server, files, chosen)
        if (envOut !== undefined) await writeVariables(envOut, variables, force)
        try {
          if (command.length > 0) return await server.run(command, variables)
          tell(run, server, variables)
          await server.stopped
          return 0
        } finally {
          if (envOut !== undefined) await rm(envOut, { force: true })
        }
      })
    },
  })(world, outcome)
}

/** Makes the client's certificate and its files in the folder. `named`: the clients that `--for` names. */
async function issue(
  { folder, dataFolder }: TemporaryServer,
  { request, privateKey }: Awaited<ReturnType<typeof makeRequest>>,
  named: readonly DevClientName[],
): Promise<DevFiles> {
  const admin = await connectToFolder(dataFolder)
  const instance = 'default'
  const { allow, rules } = named.length === 0 ? { allow: ['all'], rules: {} } : devNeeds(named)
  const signed = await admin.call(clientRoutes.signClient, {
    instance,
    body: { name: clientName, request, allow },
  })
  if (Object.keys(rules).length > 0) await admin.call(instanceRoutes.setInstance, { instance, body: rules })
  const of = (name: string): string => path.join(folder, 'client', name)
  const files = {
    certificate: of('client.pem'),
    key: of('client.key'),
    pair: of('pair.pem'),
    ca: of('ca.pem'),
  }
  await mkdir(path.join(folder, 'client'), { mode: 0o700 })
  const both = Buffer.concat([Buffer.from(signed.certificate), privateKey])
  await writeFile(files.certificate, signed.certificate)
  await writeFile(files.ca, signed.authority)
  await writeFile(files.key, privateKey, { mode: 0o600 })
  await writeFile(files.pair, both, { mode: 0o600 })
  for (const secret of [privateKey, both]) secret.fill(0)
  return files
}

type Variables = Readonly<Record<string, string>>

/** Makes the clients' configuration files, too. */
async function variablesOf(
  { folder, kmip, dataFolder }: TemporaryServer,
  files: DevFiles,
  chosen: readonly DevClientName[],
): Promise<Variables> {
  const address = parseAddress(kmip)
  if (!address) throw new CommandError(`the server says that it is at ${kmip}`)
  const server = { ...files, host: address.host, port: String(address.port) }
  let variables: Variables = commonVariables(server)
  for (const name of chosen) {
    const client = devClients[name]
    const made = 'file' in client ? path.join(folder, 'client', client.file.name) : ''
    if ('file' in client) await writeFile(made, client.file.content(server))
    variables = { ...variables, ...client.variables(server, made) }
  }
  // With this, `mortise key list` and the like ask the throw-away server.
  return { ...variables, MORTISE_DATA: dataFolder }
}

async function writeVariables(file: string, variables: Variables, force: boolean): Promise<void> {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`)
  await writeWhole(
    file,
    () => mustBeFree([file], force),
    (handle) => handle.writeFile(lines.join('')),
  )
}

/** For a program one line; for a person what a shell takes. */
function tell({ json, world }: Run, server: TemporaryServer, variables: Variables): void {
  const { kmip, admin, serverCertSha256, folder } = server
  const data = { ready: true, kmip, admin, serverCertSha256, folder, environment: variables }
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${shellWord(value)}\n`)
  world.stdout.write(
    json
      ? `${plainJson(JSON.stringify(data))}\n`
      : `# Mortise serves at ${kmip} until this command ends. Then it deletes ${folder}.\n${lines.join('')}`,
  )
}
