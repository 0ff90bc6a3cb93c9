// `mortise root-key ...`: the root keys in a service, to choose one for an instance.

import type { Command } from 'commander'
import type { Output } from '../admin/api.ts'
import { noun, verb, type Outcome } from './command.ts'
import { limitFlag, onePage, writeList, type Columns, type ListOptions } from './list.ts'
import { instanceOf } from './names.ts'
import { shortTime } from './time.ts'
import { readApiKey } from './files.ts'
import { UsageError, type World } from './world.ts'

interface RootKeyListOptions extends ListOptions {
  readonly rootKey: string
  readonly instance?: string
  readonly ibmApiKeyFile?: string
}

export function rootKeyCommands(world: World, outcome: Outcome): Command {
  return noun('root-key', 'root keys in Key Protect and HPCS, to choose from', [listCommand(world, outcome)])
}

function listCommand(world: World, outcome: Outcome): Command {
  return verb<RootKeyListOptions>(world, outcome, {
    words: 'list',
    summary: "the root keys of a service instance, as the server's service ID or another one may list them",
    required: [
      [
        '--root-key <uri>',
        'keyprotect://HOST/INSTANCE or hpcs://HOST/INSTANCE; with ?key-ring=RING those of one key ring',
      ],
    ],
    flags: [
      ['--ibm-api-key-file <file>', 'a file with the API key to list them with; it is not kept'],
      ['--instance <name>', 'list them with the API key of this instance'],
      limitFlag,
    ],
    examples: [
      'root-key list --root-key keyprotect://us-south.kms.cloud.ibm.com/12e8c9c2-a162-472d-b7d6-8b9a86b815a6',
      'root-key list --root-key hpcs://HOST/INSTANCE --ibm-api-key-file tenant.key',
    ],
    action: async (run, options) => {
      const { rootKey, instance, ibmApiKeyFile } = options
      if (instance !== undefined && ibmApiKeyFile !== undefined)
        throw new UsageError('give --instance or --ibm-api-key-file, not both')
      await writeList(run, options, rootKeyColumns, async () => {
        const admin = await run.client()
        if (ibmApiKeyFile !== undefined) {
          const body = { rootKey, ibmApiKey: await readApiKey(world, ibmApiKeyFile) }
          return onePage(await admin.call('listRootKeysWith', { body }))
        }
        const asking = instance === undefined ? {} : { instance: await instanceOf(admin, instance) }
        return onePage(await admin.call('listRootKeys', { query: { rootKey, ...asking } }))
      })
    },
  })
}

const rootKeyColumns: Columns<Output<'listRootKeys'>[number]> = {
  headings: ['NAME', 'STATE', 'RING', 'CREATED', 'ROTATED', 'URI'],
  rows: ({ name, state, keyRing, lastRotated, created, uri }) => [
    [name, state, keyRing, shortTime(created), shortTime(lastRotated), uri],
  ],
  empty: 'There are no root keys, or none that the service ID may list.\n',
}
