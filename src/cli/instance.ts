// `mortise instance ...`

import type { Command } from 'commander'
import { noun, verb, type Outcome } from './command.ts'
import { facts, shortTime, table } from './output.ts'
import type { World } from './world.ts'

export function instanceCommands(world: World, outcome: Outcome): Command {
  return noun('instance', 'sets of keys, each with its clients and its root key', [
    verb(world, outcome, {
      words: 'list',
      summary: 'the instances that there are',
      examples: ['instance list', 'instance list --json'],
      action: async ({ client, show }) => {
        const instances = await (await client()).call('listInstances')
        show(instances, () =>
          table(
            ['NAME', 'ID', 'CUSTODY', 'ROOT KEY', 'CREATED'],
            instances.map(({ name, id, custody, rootKey, created }) => [
              name,
              id,
              custody,
              rootKey,
              shortTime(created),
            ]),
          ),
        )
      },
    }),
    verb(world, outcome, {
      words: 'show <name>',
      summary: 'one instance, with its settings and how many objects it has',
      examples: ['instance show default'],
      action: async ({ client, show }, _options, name = '') => {
        const instance = await (await client()).call('showInstance', { instance: name })
        const counts = Object.entries(instance.objects).map(([state, count]) => `${count} ${state}`)
        show(instance, () =>
          facts([
            ['Name', instance.name],
            ['Id', instance.id],
            ['Custody', instance.custody],
            ['Root key', instance.rootKey],
            [
              'Cache',
              `${instance.cacheSeconds} s, and ${instance.outageSeconds} s more while the root key cannot be reached`,
            ],
            ['Expired certificates', `served for ${instance.expiredGraceDays} more days`],
            ['Created', shortTime(instance.created)],
            ['Objects', counts.length === 0 ? 'none' : counts.join(', ')],
          ]),
        )
      },
    }),
  ])
}
