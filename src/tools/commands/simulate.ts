// `mortise simulate vsphere`: plays vCenter and its hosts against a KMIP server, Mortise or another one. It needs an address,
// a client certificate that the server trusts, and a way to recognize the server, but no admin API and no data folder.

import { counted } from '../../base/text/counted.ts'
import { Readable } from 'node:stream'
import { connectKmip } from '../../outside/kmip-client/client.ts'
import { KmipRefused, KmipTransportError } from '../../outside/kmip-client/errors.ts'
import { TlsOptionsError } from '../../outside/kmip-client/tls.ts'
import { parseSavedKeys, savedKeysText, SavedKeysError, type SavedKey } from '../vsphere/key-inventory.ts'
import { cleanUp, mark } from '../vsphere/marks.ts'
import { isVsphereProfile, profiles, type ProfileName } from '../vsphere/profiles.ts'
import { chooseScenarios, scenarios } from '../vsphere/scenarios/all.ts'
import type { ScenarioReport } from '../vsphere/report.ts'
import { simulate, type SimulationOptions } from '../vsphere/simulate.ts'
import { noun, verb, wholeNumber, type Run } from '../../doors/cli/command.ts'
import { readClientPair } from '../../doors/cli/client-pair.ts'
import { mustBeFree, readNamed, writeLines } from '../../doors/cli/files.ts'
import {
  addressesOf,
  readCredential,
  serverTrustFlags,
  serverTrustOf,
  type ServerTrustOptions,
} from '../../doors/cli/kmip-server.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { progressLine, reportText } from './simulate-text.ts'
import { interruptible } from '../../doors/cli/watch-work.ts'
import { CommandError, UsageError, type World } from '../../doors/cli/world.ts'

export const simulateCommands = noun('simulate', 'play clients against a KMIP server', () => [vsphereCommand])

interface VsphereOptions extends ServerTrustOptions {
  readonly server: string
  readonly cert: string
  readonly key: string
  readonly profile?: string
  readonly scenario?: string
  readonly hosts?: string
  readonly vms?: string
  readonly speed?: string
  readonly seed?: string
  readonly expect?: string
  readonly save?: string
  readonly force?: boolean
  readonly credentialFile?: string
  readonly cleanup?: boolean
}

const vsphereCommand = verb<VsphereOptions>({
  words: 'vsphere',
  summary: 'play a vCenter, its hosts and vSAN with their real messages, and check every answer',
  required: [
    ['--server <host:port,...>', 'the server; several addresses separated by commas'],
    [
      '--cert <pem>',
      "client certificate, in the place of vCenter's; the server must trust it (Mortise: --allow vsphere, and Revoke and Destroy for all of scenario refusals and for --cleanup)",
    ],
    ['--key <pem>', 'its private key'],
  ],
  flags: [
    ...serverTrustFlags,
    ['--profile <name>', `${Object.keys(profiles).join(', ')} (default: 7.0.3)`],
    ['--scenario <list>', `letters or names separated by commas, or all (default: all):\n${scenarioList()}`],
    ['--hosts <n>', 'ESXi hosts (default: 3)'],
    ['--vms <n>', 'encrypted virtual machines (default: 6)'],
    ['--speed <x>', 'how much faster than real clients (default: 1)'],
    ['--seed <n>', 'seed of names, identifiers and jitter, so that a run can be repeated (default: 1)'],
    ['--save <file>', 'write the keys, with digests of their material'],
    ['--force', 'with --save: replace the file if it exists'],
    [
      '--expect <file>',
      'check that the server still serves every key of a saved file; without --scenario only that',
    ],
    [
      '--cleanup',
      `play nothing, and destroy the keys that earlier runs made: they are marked ${mark[0]}; needs the right to Locate, Revoke and Destroy`,
    ],
    ['--credential-file <file>', 'USER:PASSWORD in its first line, for a provider that has them'],
  ],
  examples: [
    'simulate vsphere --server kms.example.com --cert vcenter.pem --key vcenter.key --fingerprint SHA256',
    'simulate vsphere --server 10.0.0.1:5696,10.0.0.2:5696 --cert c.pem --key c.key --ca ca.pem --scenario e,k --save keys.json',
    'simulate vsphere --server 10.0.0.1 --cert c.pem --key c.key --ca ca.pem --expect keys.json',
    'simulate vsphere --server 10.0.0.1 --cert c.pem --key c.key --ca ca.pem --cleanup',
  ],
  offline: true,
  action: async (run, options) => {
    const { save, force = false } = options
    if (options.cleanup === true) return cleanUpAfter(run, options)
    const simulation = await simulationOf(run.world, options)
    if (save !== undefined) await mustBeFree([save], force)
    const { stderr } = run.world
    const ended = (scenario: ScenarioReport) => void stderr.write(progressLine(scenario))
    return interruptible(async (signal) => {
      const report = await simulate({ ...simulation, signal, ended }).catch((error: unknown) => {
        throw error instanceof TlsOptionsError ? new CommandError(error.message) : error
      })
      run.show(report, () => reportText(report))
      if (save !== undefined) await saveKeys(run.world, save, report.keys, force)
      if (report.interrupted)
        stderr.write('Interrupted: not everything was played. What was made is marked.\n')
      return report.ok ? 0 : 1
    })
  },
})

async function cleanUpAfter(run: Run, options: VsphereOptions): Promise<number> {
  for (const name of ['scenario', 'save', 'expect'] as const)
    if (options[name] !== undefined) throw new UsageError(`--cleanup plays nothing: leave out --${name}`)
  const { addresses, cert, key, trust, credential } = await simulationOf(run.world, options)
  try {
    // As the simulator itself: a server that it was played to may speak nothing newer.
    await using client = connectKmip({ addresses, cert, key, trust, credential, version: '1.1' })
    const { destroyed, left } = await cleanUp(client)
    run.show({ destroyed, left }, () => {
      const rest = left.map(({ id, reason }) => plain`${id} is left: ${reason}\n`).join('')
      return `${counted(destroyed, 'key was', 'keys were')} destroyed.\n${rest}`
    })
    return left.length === 0 ? 0 : 1
  } catch (error) {
    if (error instanceof TlsOptionsError || error instanceof KmipTransportError)
      throw new CommandError(error.message, undefined, { cause: error })
    if (!(error instanceof KmipRefused)) throw error
    throw new CommandError(
      `the server refused: ${error.message}`,
      'The client needs the right to Locate, Revoke and Destroy.',
    )
  }
}

function scenarioList(): string {
  return scenarios.map(({ id, name, title }) => `  ${id}  ${name.padEnd(14)} ${title}`).join('\n')
}

async function simulationOf(world: World, options: VsphereOptions): Promise<SimulationOptions> {
  const expect = options.expect === undefined ? undefined : await readExpected(options.expect)
  const credential =
    options.credentialFile === undefined ? undefined : await readCredential(options.credentialFile)
  return {
    addresses: addressesOf(options.server),
    ...(await readClientPair(world, options.cert, options.key)),
    trust: await serverTrustOf(world, options),
    profile: profileOf(options.profile ?? '7.0.3'),
    scenarios: scenariosOf(options.scenario ?? (expect ? undefined : 'all')),
    hosts: count('--hosts', options.hosts ?? '3'),
    vms: count('--vms', options.vms ?? '6'),
    speed: speedOf(options.speed ?? '1'),
    seed: wholeNumber('--seed', options.seed ?? '1'),
    ...(credential && { credential }),
    expect,
  }
}

function profileOf(name: string): ProfileName {
  if (!isVsphereProfile(name))
    throw new UsageError(`there is no profile ${name}, but ${Object.keys(profiles).join(', ')}`)
  return name
}

function scenariosOf(text: string | undefined): SimulationOptions['scenarios'] {
  if (text === undefined) return []
  const choice = chooseScenarios(text)
  if ('unknown' in choice)
    throw new UsageError(`there is no scenario ${choice.unknown}; these are:\n${scenarioList()}`)
  return choice.chosen
}

function count(flag: string, text: string): number {
  const number = wholeNumber(flag, text)
  if (number < 1 || number > countMax) throw new UsageError(`${flag} takes 1 to ${countMax}`)
  return number
}

const countMax = 10_000

function speedOf(text: string): number {
  const speed = Number(text)
  if (!(speed > 0 && speed <= 1_000_000)) throw new UsageError('--speed takes a number above 0, such as 10')
  return speed
}

async function readExpected(file: string): Promise<readonly SavedKey[]> {
  try {
    return parseSavedKeys((await readNamed(file)).toString('utf8'))
  } catch (error) {
    throw error instanceof SavedKeysError ? new CommandError(`${file}: ${error.message}`) : error
  }
}

async function saveKeys(
  world: World,
  file: string,
  keys: readonly SavedKey[],
  force: boolean,
): Promise<void> {
  const lines = savedKeysText(keys).trimEnd().split('\n')
  await writeLines(world, file, Readable.from(lines), force)
}
