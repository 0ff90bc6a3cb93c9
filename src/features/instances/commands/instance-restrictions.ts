// `mortise instance restrictions NAME` lists what one-way would refuse, before a manager sets it.

import type { Output } from '../../../doors/http/route.ts'
import type { AdminClient } from '../../../doors/http/client.ts'
import { counted } from '../../../base/text/counted.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import { verb } from '../../../doors/cli/command.ts'
import { confirmTyped } from '../../../doors/cli/text/confirm.ts'
import { batches } from '../../../doors/cli/text/list.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { plain, table } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import { CommandError, UsageError, type World } from '../../../doors/cli/world.ts'
import { instanceRoutes } from '../routes.ts'
import { keyRoutes } from '../../keys/routes.ts'

type OneWay = Output<typeof keyRoutes.showOneWay>
type Effects = Pick<OneWay, 'keys' | 'clients' | 'moreClients'> & { readonly moreKeys: boolean }

const keysMax = 1000

export const restrictionsCommand = verb({
  words: 'restrictions <name>',
  summary:
    'what an instance would refuse with --restrictions one-way: keys that leave wrapped, clients that loosen',
  examples: ['instance restrictions default', 'instance restrictions default --json'],
  action: async ({ client, show }, _options, name = '') => {
    const admin = await client()
    const effects = await effectsOf(admin, await instanceOf(admin, name), keysMax)
    show(effects, () => effectsText(effects))
  },
})

/** Asks before clients of the instance are refused something. Throws CommandError. */
export async function confirmOneWay(
  world: World,
  admin: AdminClient,
  instance: string,
  { yes }: { readonly yes: boolean },
): Promise<void> {
  const { name, restrictions } = await admin.call(instanceRoutes.showInstance, { instance })
  if (restrictions === 'one-way' || yes) return
  const { keys, clients, moreClients, moreKeys } = await effectsOf(admin, instance, 1)
  if (keys.length + clients.length === 0) return
  const refused = [
    ...(keys.length > 0
      ? [moreKeys ? 'Sensitive keys would not leave any more' : 'a Sensitive key would not leave any more']
      : []),
    ...(clients.length > 0
      ? [`${counted(clients.length + moreClients, 'client')} could not undo restrictions any more`]
      : []),
  ].join(', and ')
  const list = `mortise instance restrictions ${shellWord(name)}`
  if (world.stdin.isTTY !== true) throw new UsageError(`${refused}: read ${list}, then add --yes`)
  world.stderr.write(plain`With one-way ${refused}. This says which: ${list}\n`)
  if (await confirmTyped(world, 'Type the name of the instance to set it: ', [name])) return
  throw new CommandError('nothing was changed: that is not its name')
}

async function effectsOf(admin: AdminClient, instance: string, max: number): Promise<Effects> {
  let first: OneWay | undefined
  const read = async (query: { readonly limit: number; readonly after?: string }) => {
    const part = await admin.call(keyRoutes.showOneWay, {
      instance,
      query: { ...query, limit: Math.min(query.limit, 100) },
    })
    first ??= part
    return { items: part.keys, after: part.after }
  }
  const keys: OneWay['keys'] = []
  const source = batches(read, { limit: max })
  let step = await source.next()
  for (; step.done !== true; step = await source.next()) keys.push(...step.value)
  return {
    keys,
    clients: first?.clients ?? [],
    moreClients: first?.moreClients ?? 0,
    moreKeys: step.value !== null,
  }
}

function effectsText({ keys, clients, moreClients, moreKeys }: Effects): string {
  const keyRows = keys.map((key) => [
    key.id,
    key.name ?? key.vsphere.name ?? '',
    key.lastFetched === null ? 'never' : shortTime(key.lastFetched),
    key.fetchedBy.join(', '),
  ])
  const ofKeys =
    keys.length === 0
      ? 'No Sensitive key leaves wrapped.\n'
      : 'These Sensitive keys leave wrapped by any key now. One-way, they leave only by keys that mortise key set names:\n\n' +
        table(['KEY', 'NAME', 'LAST FETCHED', 'BY'], keyRows)
  const more = moreKeys ? 'There may be more.\n' : ''
  const clientRows = clients.map(({ name, operations }) => [name, operations.join(', ')])
  const ofClients =
    clients.length === 0
      ? 'No client may make a key less Sensitive or Extractable.\n'
      : 'These clients may make a key less Sensitive or Extractable now. One-way, these requests are refused where they would:\n\n' +
        table(['CLIENT', 'BY'], clientRows)
  const others = moreClients > 0 ? `and ${counted(moreClients, 'client')} more\n` : ''
  return `${ofKeys}${more}\n${ofClients}${others}`
}
