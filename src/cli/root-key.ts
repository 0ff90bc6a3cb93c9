// `mortise root-key ...`: the root keys that a service has, to choose one from for an instance.

import type { Command } from 'commander'
import { noun, verb, type Outcome } from './command.ts'
import { shortTime, table } from './output.ts'
import type { World } from './world.ts'

export function rootKeyCommands(world: World, outcome: Outcome): Command {
  return noun('root-key', 'root keys in Key Protect and HPCS, to choose from', [listCommand(world, outcome)])
}

function listCommand(world: World, outcome: Outcome): Command {
  return verb<{ readonly rootKey: string }>(world, outcome, {
    words: 'list',
    summary: "the root keys of a service instance that the server's service ID may list",
    required: [
      [
        '--root-key <uri>',
        'keyprotect://HOST/INSTANCE or hpcs://HOST/INSTANCE; with ?key-ring=RING those of one key ring',
      ],
    ],
    examples: [
      'root-key list --root-key keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6',
    ],
    action: async ({ client, show }, { rootKey }) => {
      const listed = await (await client()).call('listRootKeys', { query: { rootKey } })
      show(listed, () =>
        listed.length === 0
          ? 'There are no root keys, or none that the service ID may list.\n'
          : table(
              ['NAME', 'STATE', 'RING', 'ROTATED', 'URI'],
              listed.map(({ name, state, keyRing, lastRotated, created, uri }) => [
                name,
                state,
                keyRing,
                shortTime(lastRotated ?? created),
                uri,
              ]),
            ),
      )
    },
  })
}
