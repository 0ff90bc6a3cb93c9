// `mortise adopt probe`: whether the keys that IBM's KMIP for VMware left in Key Protect or HPCS could be rescued with the
// root key alone. It asks no Mortise server; features/adopt/probe.ts does the work.

import { counted } from '../../../base/text/counted.ts'
import type { ProbeReport } from '../probe.ts'
import { forceFlag, verb } from '../../../doors/cli/command.ts'
import { mustBeFree, readApiKey, writeFile } from '../../../doors/cli/files.ts'
import {
  oldServerFlags,
  oldServerOf,
  requireKmip,
  standardKeyFlags,
  type OldServerFlags,
} from '../../../doors/cli/kmip-server.ts'
import { limitOf } from '../../../doors/cli/text/list.ts'
import { facts, plain, table } from '../../../doors/cli/text/output.ts'
import { orAdvice } from '../../../doors/cli/advice.ts'
import { UsageError } from '../../../doors/cli/world.ts'
import { enterConfiguration } from '../../../host/installation.ts'

interface Options extends OldServerFlags {
  readonly rootKey: string
  readonly apiKeyFile: string
  readonly kmip?: string
  readonly limit?: string
  readonly proof?: string
  readonly force?: boolean
}

export const adoptProbeCommand = verb<Options>({
  words: 'probe',
  summary:
    "find out whether the root key alone could rescue the keys of IBM's KMIP for VMware; only reads, and stores no key; exit code 0 yes, 1 no, 3 no standard key, 4 unknown",
  required: standardKeyFlags,
  flags: [
    ['--kmip <host:port>', 'the old service, to compare what opens with what it gives; several with commas'],
    ...oldServerFlags,
    ['--limit <n>', 'look at no more standard keys than this'],
    [
      '--proof <file>',
      'write what was proved, for adopt ibm-standard-keys after the old service has ended; it holds no key bytes',
    ],
    forceFlag,
  ],
  examples: [
    'adopt probe --root-key keyprotect://HOST/INSTANCE/KEY --api-key-file api.key',
    'adopt probe --root-key hpcs://HOST/INSTANCE/KEY --api-key-file api.key --kmip HOST --cert c.pem --key c.key --ca ca.pem --proof proof.json',
  ],
  offline: true,
  action: async ({ world, json, show, tell }, options) => {
    const { rootKey, apiKeyFile, kmip, limit, proof: file, force = false } = options
    requireKmip(options)
    if (file !== undefined && kmip === undefined)
      throw new UsageError(
        '--proof needs --kmip HOST: only the old service proves that what opens is the key',
      )
    if (file !== undefined) await mustBeFree([file], force)
    const body = {
      rootKey,
      apiKey: await readApiKey(world, apiKeyFile),
      ...(kmip !== undefined && { kmip: await oldServerOf(world, kmip.split(','), options, '--kmip') }),
      ...(limit !== undefined && { keysMax: limitOf({ limit }, Infinity) }),
      onProgress: (done: number) => {
        if (!json && done % 100 === 0) world.stderr.write(`${done} standard keys read\n`)
      },
    }
    const config = await enterConfiguration(world, {})
    const { probeStandardKeys } = await import('../foreign-keys.ts')
    const probing = probeStandardKeys(config.ibm, body)
    const { report, proof } = await orAdvice('the probe did not end', config, probing)
    if (file !== undefined && proof)
      await writeFile(file, `${JSON.stringify({ mortiseProof: 1, ...proof }, null, 2)}\n`, {
        mode: 0o600,
        force,
      })
    show(report, () => reportText(report))
    tell(nextSteps(report, world.command))
    if (file === undefined) return exitCodeOf(report)
    if (!proof) world.stderr.write(`No way is proved, so ${file} was not written.\n`)
    else if (!json) tell(plain`The proof is in ${file}. It holds no key bytes. Keep it with the backups.\n`)
    return proof ? 0 : report.keys.length === 0 ? exitCodes.none : 1
  },
})

/** Beside 1, which says that the root key alone does not rescue the keys, or that the command failed. */
const exitCodes = { none: 3, unknown: 4 } as const

function exitCodeOf({ keys, rescuable }: ProbeReport): number {
  if (keys.length === 0) return exitCodes.none
  return { yes: 0, no: 1, unknown: exitCodes.unknown }[rescuable]
}

function reportText(report: ProbeReport): string {
  const { keys, more, yes, no, unknown, rescuable, ways } = report
  if (keys.length === 0) return ''
  const rows = keys.map(({ id, rescuable: can, way, reason }) => [id, can, way ?? '', reason])
  const lines = ways.map(({ way, opened, equal }): [string, string] => [
    'Way',
    `${way}: opens ${counted(opened, 'key')}, ${equal} proved by the old service`,
  ])
  return `${table(['KEY', 'RESCUABLE', 'WAY', 'WHY'], rows)}\n${facts([
    ['Standard keys', `${keys.length}${more ? ', and there are more' : ''}`],
    ['Can be rescued', `${yes} yes, ${no} no, ${unknown} unknown`],
    ['In sum', rescuable],
    ...lines,
  ])}`
}

function nextSteps({ keys, more, rescuable, compared, proved }: ProbeReport, command: string): string {
  if (keys.length === 0)
    return plain`No standard key has a name that begins with vmware_kmip. Look whether the URI names the instance that the old service used,
and leave ?key-ring= out of it. Adopt from the old service while it answers: ${command} adopt kmip --help
`
  const adopt = plain`Adopt the keys from the old service itself while it still answers: ${command} adopt kmip --help
`
  if (rescuable === 'yes')
    return `
Every key opens with the root key alone${proved.length === 0 ? '; these are too few to prove a way' : `, proved: ${proved.join('; ')}`}. Keep the root key and the standard keys all the same.
${adopt}`
  if (!compared)
    return `
Nothing was compared. While the old service still answers, do this again with --kmip HOST --cert PEM --key PEM --ca PEM: only that proves
that what opens is the key.
${adopt}`
  if (more)
    return `
Only some of the keys were looked at, as --limit says: do this again without it to know of all of them.
${adopt}`
  return `
Do not count on the root key alone: not every key opens with it. What the old service does not hand over before it ends may be lost.
${adopt}Whatever cannot be adopted must be rekeyed to another provider before the old service ends.
`
}
