// `mortise root-key ...`: the root keys that a service has, to choose one from for an instance.

import type { Command } from 'commander'
import { noun, verb, type Outcome } from './command.ts'
import { shortTime, table } from './output.ts'
import { readApiKey } from './files.ts'
import { UsageError, type World } from './world.ts'

interface ListOptions {
  readonly rootKey: string
  readonly instance?: string
  readonly ibmApiKeyFile?: string
}

export function rootKeyCommands(world: World, outcome: Outcome): Command {
  return noun('root-key', 'root keys in Key Protect and HPCS, to choose from', [listCommand(world, outcome)])
}

function listCommand(world: World, outcome: Outcome): Command {
  return verb<ListOptions>(world, outcome, {
    words: 'list',
    summary:
      "the root keys of a service instance that a service ID may list: the server's, if no other is named",
    required: [
      [
        '--root-key <uri>',
        'keyprotect://HOST/INSTANCE or hpcs://HOST/INSTANCE; with ?key-ring=RING those of one key ring',
      ],
    ],
    flags: [
      ['--ibm-api-key-file <file>', 'a file with the API key to list them with; it is not kept'],
      ['--instance <name>', 'list them with the API key of this instance'],
    ],
    examples: [
      'root-key list --root-key keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6',
      'root-key list --root-key hpcs://HOST/INSTANCE --ibm-api-key-file tenant.key',
    ],
    action: async ({ client, show }, { rootKey, instance, ibmApiKeyFile }) => {
      if (instance !== undefined && ibmApiKeyFile !== undefined)
        throw new UsageError('--instance and --ibm-api-key-file: give one of them')
      const admin = await client()
      const listed =
        ibmApiKeyFile === undefined
          ? await admin.call('listRootKeys', {
              query: { rootKey, ...(instance !== undefined && { instance }) },
            })
          : await admin.call('listRootKeysWith', {
              body: { rootKey, ibmApiKey: await readApiKey(world, ibmApiKeyFile) },
            })
      show(listed, () =>
        listed.length === 0
          ? 'There are no root keys, or none that the service ID may list.\n'
          : table(
              ['NAME', 'STATE', 'RING', 'CREATED', 'ROTATED', 'URI'],
              listed.map(({ name, state, keyRing, lastRotated, created, uri }) => [
                name,
                state,
                keyRing,
                shortTime(created),
                shortTime(lastRotated),
                uri,
              ]),
            ),
      )
    },
  })
}
