// `mortise adopt ibm-standard-keys`: takes over the keys that IBM's KMIP for VMware left in Key Protect or HPCS, by the ways
// that `adopt probe` proved. The server does it; this command starts it and shows its progress.

import { counted } from '../../../base/text/counted.ts'
import type { Input } from '../../../doors/http/route.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import { adoptionText, isWhole, type ShownAdoptionReport } from './adopt-text.ts'
import { tellPrice, watch } from './adopt-watch.ts'
import { instanceFlag, verb, type Run } from '../../../doors/cli/command.ts'
import { readApiKey, readNamed } from '../../../doors/cli/files.ts'
import {
  oldServerBody,
  oldServerFlags,
  oldServerOf,
  requireKmip,
  standardKeyFlags,
  type OldServerFlags,
} from '../../../doors/cli/kmip-server.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { CommandError, UsageError, type World } from '../../../doors/cli/world.ts'
import { adoptionRoutes } from '../routes.ts'

interface Options extends OldServerFlags {
  readonly instance?: string
  readonly rootKey: string
  readonly apiKeyFile: string
  readonly proof?: string
  readonly kmip?: string
  readonly unchecked?: boolean
  readonly dryRun?: boolean
}

type Body = Input<typeof adoptionRoutes.beginStandardKeyAdoption>['body']

export const standardKeysCommand = verb<Options>({
  words: 'ibm-standard-keys',
  summary:
    "adopt the keys that IBM's KMIP for VMware left in Key Protect or HPCS, by the way that adopt probe proved; only reads there",
  required: standardKeyFlags,
  flags: [
    instanceFlag,
    ['--proof <file>', 'what adopt probe --proof wrote while the old service answered'],
    ['--kmip <host:port>', 'the old service, to compare each key with what it gives; several with commas'],
    ...oldServerFlags,
    ['--unchecked', 'adopt also keys that neither the old service nor the proof checks'],
    ['--dry-run', 'find out what would be done, and do nothing'],
  ],
  examples: [
    'adopt ibm-standard-keys --root-key keyprotect://HOST/INSTANCE/KEY --api-key-file api.key --proof proof.json --dry-run',
    'adopt ibm-standard-keys --root-key keyprotect://HOST/INSTANCE/KEY --api-key-file api.key --kmip HOST --cert c.pem --key c.key --ca ca.pem',
  ],
  action: async (run, options) => {
    const { rootKey, apiKeyFile, unchecked = false, dryRun = false } = options
    const body: Body = {
      rootKey,
      apiKey: await readApiKey(run.world, apiKeyFile),
      ...(await comparedWith(run.world, options)),
      unchecked,
      dryRun,
    }
    const admin = await run.client()
    const instance = await instanceOf(admin, options.instance)
    if (!body.oldServer) run.world.stderr.write(uncheckedText(unchecked))
    if (!dryRun) await tellPrice(run, admin, instance)
    const begun = await admin.call(adoptionRoutes.beginStandardKeyAdoption, { instance, body })
    const report = await watch(run, admin, instance, begun)
    if (!report) return 1
    run.show(report, () => adoptionText(report, 'standard keys'))
    run.tell(nextSteps(report, options.instance ?? instance, run.next))
    return isWhole(report) ? 0 : 1
  },
})

async function comparedWith(world: World, options: Options): Promise<Pick<Body, 'proof' | 'oldServer'>> {
  const { proof, kmip } = options
  requireKmip(options)
  if (proof === undefined && kmip === undefined)
    throw new UsageError(
      'something must say how the standard keys open: --proof FILE, which adopt probe --proof wrote, or, while the old service still answers, --kmip HOST',
    )
  return {
    ...(proof !== undefined && { proof: await readProof(proof) }),
    ...(kmip !== undefined && {
      oldServer: oldServerBody(await oldServerOf(world, kmip.split(','), options, '--kmip')),
    }),
  }
}

/** The server finds out whether the rest is as it should be. */
async function readProof(file: string): Promise<NonNullable<Body['proof']>> {
  const text = (await readNamed(file)).toString('utf8')
  try {
    const read = JSON.parse(text) as unknown
    if (typeof read === 'object' && read !== null && 'mortiseProof' in read && read.mortiseProof === 1)
      return read as unknown as NonNullable<Body['proof']>
  } catch {
    // The error below says so.
  }
  throw new CommandError(
    `${file} is no proof`,
    'adopt probe --kmip HOST ... --proof FILE writes it while the old service still answers.',
  )
}

function uncheckedText(unchecked: boolean): string {
  const rest = unchecked
    ? plain`Keys that the proof has no check of are adopted unchecked, as --unchecked says: nothing shows that they are the keys that vSphere
used. A wrong one does not open what it should.`
    : plain`A key that the proof has no check of is not adopted: --unchecked takes it all the same.`
  return `No old service is asked: keys are checked with the proof alone.\n${rest}\n`
}

function nextSteps(report: ShownAdoptionReport, instance: string, next: Run['next']): string {
  const { dryRun, objects } = report
  if (dryRun) return '\nNothing was changed: this was a dry run.\n'
  if (objects === 0)
    return plain`
No standard key has a name that begins with vmware_kmip. Look whether the URI names the instance that the old service used.
`
  const whole = isWhole(report)
    ? plain`
${counted(objects, 'key')} of the old service ${objects === 1 ? 'is' : 'are'} here under the identifiers that vSphere knows.`
    : `
Not everything is here: see the lists above.`
  const then = plain`
Keep the standard keys and the root key as they are until each machine was powered on with a key from here.
Next: ${next(`adopt check --ids FILE --instance ${shellWord(instance)}`)}
lists the keys that a vCenter uses and that are missing here. docs/inventory.md tells how to write FILE, and docs/adopt.md the rest.
`
  return whole + then
}
