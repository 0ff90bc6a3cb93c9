// `adopt kmip` and `adopt ibm-standard-keys` share this: they tell the price first, and watch an adoption that the server does.
// Interrupting the command does not stop it.

import { counted } from '../../../base/text/counted.ts'
import type { Output } from '../../../doors/http/route.ts'
import type { AdminClient } from '../../../doors/http/client.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import type { ShownAdoptionReport } from './adopt-text.ts'
import type { Run } from '../../../doors/cli/command.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { untilEnded } from '../../../doors/cli/watch-work.ts'
import { CommandError } from '../../../doors/cli/world.ts'
import { adoptionRoutes } from '../routes.ts'
import { instanceRoutes } from '../../instances/routes.ts'

/** With custody keyprotect each key costs money. */
export async function tellPrice({ world }: Run, admin: AdminClient, instance: string): Promise<void> {
  const { custody, limits, name } = await admin.call(instanceRoutes.showInstance, { instance })
  if (custody !== 'keyprotect') return
  const free = limits.objects.max - limits.objects.used
  world.stderr.write(
    plain`Custody keyprotect: each adopted key becomes one standard key in Key Protect, billed as one key version (1 US dollar a month, list
price), and takes two calls of it. The instance ${name} has room for ${counted(free, 'more object')}. --dry-run counts the keys first.
`,
  )
}

export type ShownAdoptionJob = Output<typeof adoptionRoutes.showAdoption>

const lookEveryMs = 250

export const steps: Record<ShownAdoptionJob['step'], string> = {
  list: 'objects found',
  adopt: 'objects read',
  verify: 'objects compared',
}

/** The report; undefined if the user stopped watching. `interrupted`: of a caller that is interruptible itself. */
export async function watch(
  { world: { stderr }, next }: Run,
  admin: AdminClient,
  instance: string,
  begun: ShownAdoptionJob,
  interrupted?: AbortSignal,
): Promise<ShownAdoptionReport | undefined> {
  const last = await untilEnded(begun, {
    stderr,
    steps,
    everyMs: lookEveryMs,
    look: () => admin.call(adoptionRoutes.showAdoption, { instance, adoption: begun.id }),
    gone,
    ...(interrupted && { interrupted }),
  })
  if (last.state === 'running') {
    stderr.write(
      `The server goes on with it. To see how far it is: ${next(`adopt status --watch --instance ${shellWord(instance)}`)}\n`,
    )
    return undefined
  }
  if (last.report) return last.report
  const { message, hint } = last.error ?? { message: 'the adoption failed', hint: null }
  throw new CommandError(message, hint ?? undefined)
}

function gone(error: Error): CommandError {
  return new CommandError(
    `the server went away: ${error.message}`,
    'When it is back, give the same command again: what was adopted stays, and it goes on from there.',
    { cause: error },
  )
}
