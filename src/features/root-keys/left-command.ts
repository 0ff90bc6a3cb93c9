// `mortise root-key left` and `forget-left`: standard keys that are still to be deleted at a service instance, and their end where
// that is gone for good.

import { rootKeyRoutes } from './routes.ts'
import type { Output } from '../../doors/http/route.ts'
import type { AdminClient } from '../../doors/http/client.ts'
import { counted } from '../../base/text/counted.ts'
import type { Run } from '../../doors/cli/command.ts'
import { command } from '../../doors/cli/route-command.ts'
import { confirmTyped } from '../../doors/cli/text/confirm.ts'
import type { Columns } from '../../doors/cli/text/list.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { CommandError, UsageError } from '../../doors/cli/world.ts'

type Left = Output<typeof rootKeyRoutes.listLeftStandardKeys>[number]

export const leftCommand = command(rootKeyRoutes.listLeftStandardKeys, {
  words: 'left',
  summary: 'the service instances of Key Protect and HPCS at which standard keys are still to be deleted',
  examples: ['root-key left', 'root-key left --json'],
  columns: () => leftColumns,
})

export const forgetLeftCommand = command(rootKeyRoutes.forgetLeftStandardKeys, {
  words: 'forget-left <service>',
  summary:
    'give up the standard keys that are left at a service instance which is gone for good; GUID or keyprotect://HOST/GUID',
  fields: { left: 'do not ask: the number that is left there, as root-key left says' },
  examples: [
    'root-key forget-left 12e8c9c2-a162-472d-b7d6-8b9a86b815a6',
    'root-key forget-left 12e8c9c2-a162-472d-b7d6-8b9a86b815a6 --left 3 --json',
  ],
  confirm: async ({ run, admin, input: { body } }) => {
    if (body.left !== undefined) return undefined
    return { body: { left: await confirmLeft(run, admin, body.service) } }
  },
  view: forgottenText,
})

/** Says what is left there, and asks for its number. undefined: nothing is known to be left, as the server then says. */
async function confirmLeft({ world }: Run, admin: AdminClient, named: string): Promise<number | undefined> {
  const all = await admin.call(rootKeyRoutes.listLeftStandardKeys)
  const there = all.find(({ service }) => named.toLowerCase().includes(service))
  if (!there || there.inUse.length > 0) return undefined
  const { service, left, instances, cause } = there
  world.stderr.write(
    plain`Still to be deleted at the service instance ${service}: ${counted(left, 'standard key')}.\n`,
  )
  for (const one of instances) world.stderr.write(`  ${countOf(one)}\n`)
  if (cause !== null) world.stderr.write(plain`When it was last asked: ${cause}\n`)
  world.stderr.write(`Once they are forgotten, nothing reports them any more. ${danger}\n`)
  if (world.stdin.isTTY !== true)
    throw new UsageError(`without a terminal you cannot confirm this: add --left ${String(left)}`)
  const question = 'If it is gone for good, type their number to have them forgotten: '
  if (await confirmTyped(world, question, [String(left)])) return left
  throw new CommandError('nothing was forgotten: that is not their number')
}

const danger =
  'If it is not gone after all, what lies there stays there: every user of the root key can open it, and a restore from there brings the keys back.'

function forgottenText({
  service,
  left,
  instances,
  cause,
}: Output<typeof rootKeyRoutes.forgetLeftStandardKeys>): string {
  const lines = [
    plain`Forgotten: ${counted(left, 'standard key')} at the service instance ${service}. The server deletes nothing there any more.`,
    ...instances.map((one) => `  ${countOf(one)}`),
    plain`When it was last asked: ${cause ?? ''}`,
    danger,
  ]
  return lines.map((line) => `${line}\n`).join('')
}

function countOf({ id, name, count }: Left['instances'][number]): string {
  return name === null
    ? plain`${count} of the instance ${id}, which is gone`
    : plain`${count} of the instance ${name}`
}

const leftColumns: Columns<Left> = {
  headings: ['SERVICE', 'LEFT', 'OF INSTANCES', 'IN USE', 'BESIDE'],
  rows: ({ service, left, instances, inUse, rootKeys }) => [
    [service, String(left), namesOf(instances), namesOf(inUse), rootKeys.join(', ')],
  ],
  empty: 'No standard keys are left anywhere.\n',
}

function namesOf(instances: Left['instances']): string {
  return instances.map(({ id, name }) => name ?? id).join(', ')
}
