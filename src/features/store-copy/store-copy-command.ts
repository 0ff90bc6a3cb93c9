// `mortise store copy`: moves the database between SQLite and PostgreSQL while no server runs; store-copy.ts does the work.

import path from 'node:path'
import { counted } from '../../base/text/counted.ts'
import { verb } from '../../doors/cli/command.ts'
import { isRootKeyFile } from '../../base/root-key-file.ts'
import { facts, plain } from '../../doors/cli/text/output.ts'
import { Progress } from '../../doors/cli/text/progress.ts'
import { orAdvice } from '../../doors/cli/advice.ts'
import { UsageError, type World } from '../../doors/cli/world.ts'
import { enterConfiguration } from '../../host/installation.ts'
import type { CopiedStore } from './store-copy.ts'
import { shellWord } from '../../base/text/shell-word.ts'

interface Options {
  readonly config?: string
  readonly from?: string
  readonly to?: string
  readonly fromPasswordFile?: string
  readonly toPasswordFile?: string
}

export const storeCopyCommand = verb<Options>({
  words: 'copy',
  summary:
    'copy a whole database into an empty place, from SQLite to PostgreSQL or back, and compare both; no server may run on either',
  flags: [
    ['--from <place>', 'a data folder, its mortise.db, or postgres://user@host/database'],
    ['--to <place>', 'the same; it must be empty'],
    ['--from-password-file <file>', 'password of the database (default: as configured, else PGPASSFILE)'],
    ['--to-password-file <file>', 'password of the database (default: as configured, else PGPASSFILE)'],
    [
      '--config <file>',
      'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
    ],
  ],
  examples: [
    'store copy --from /var/lib/mortise --to postgres://mortise@db1.example.com/mortise',
    'store copy --from postgres://mortise@db1.example.com/mortise --to /var/lib/mortise-new',
  ],
  offline: true,
  action: async ({ world, show }, { config, from, to, fromPasswordFile, toPasswordFile }) => {
    if (from === undefined || to === undefined)
      throw new UsageError(
        'say from where and to where: mortise store copy --from PLACE --to PLACE, where a place is a data folder or ' +
          'postgres://user@host/database',
      )
    const configuration = await enterConfiguration(world, { config })
    const { storePasswordFile: configured } = configuration.server
    const places = {
      from,
      to,
      fromPasswordFile: fromPasswordFile ?? configured,
      toPasswordFile: toPasswordFile ?? configured,
    }
    const { copyStore } = await import('./store-copy.ts')
    const copied = await withProgress(world.stderr, (onProgress) =>
      orAdvice('nothing was copied', configuration, copyStore({ ...places, onProgress })),
    )
    show(copied, () => copiedText(copied, world.command))
  },
})

type OnProgress = (step: 'copied' | 'compared', done: number, total: number) => void

async function withProgress<T>(
  stderr: World['stderr'],
  work: (onProgress: OnProgress) => Promise<T>,
): Promise<T> {
  const progress = new Progress(stderr, 'objects and audit entries copied')
  try {
    const result = await work((step, done, total) => {
      progress.begin(`objects and audit entries ${step}`)
      progress.tell({ done, total, trouble: null })
    })
    progress.finish(0)
    return result
  } finally {
    progress.end()
  }
}

function copiedText(copied: CopiedStore, command: string): string {
  const { from, to, objects, entries, records, sha256 } = copied
  const first = facts([
    ['From', from],
    ['To', to],
    ['Keys and objects', String(objects)],
    ['Audit', `${counted(entries, 'entry', 'entries')}, chain verified`],
    ['Records', `${records}, each read back and the same`],
    ['SHA-256', sha256],
  ])
  return `The database was copied.\n${first}\n${nextSteps(copied, command)}`
}

function nextSteps({ from, to, kind, rootKeys }: CopiedStore, command: string): string {
  const files = rootKeys.filter(isRootKeyFile)
  const folder = kind === 'sqlite' ? path.dirname(to) : 'DIR'
  const keys =
    files.length === 0
      ? ''
      : plain`  - Copy the root key file (${files.join(', ')}) into the data folder ${folder}; it is not in the database.\n`
  const settings =
    kind === 'sqlite'
      ? plain`  - Set the data folder to ${folder}, and take MORTISE_STORE (server.store) out of the configuration.\n`
      : plain`  - Set MORTISE_STORE=${to} (server.store), with MORTISE_STORE_PASSWORD_FILE if it has a password, and
    MORTISE_NODE if the node is to be named otherwise than its machine. DIR is the node's data folder; it may be the one
    from before, whose mortise.db is not used any more.\n`
  return (
    plain`The copy serves nothing yet. ${from} was not changed: never start a server on it again, or two of them
would give out and change the same keys. Next:

` +
    keys +
    settings +
    plain`  - ${command} restore-accept --data ${shellWord(folder)}   (ends all tokens and prints a new one)
  - ${command} serve --data ${shellWord(folder)}
  - More nodes of a PostgreSQL database start afterwards, each with a name and a data folder of its own.
  - When all is well, move the old database away, and delete it when you no longer need a way back.
`
  )
}
