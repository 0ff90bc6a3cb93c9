// `mortise backup drill FILE`: whether a backup would serve. Needs no server; the work is features/restore/backup-drill.ts's, and main.ts
// hands it in.

import type { Command } from 'commander'
import { verb, type Outcome } from '../../doors/cli/command.ts'
import { plain, table } from '../../doors/cli/text/output.ts'
import { withProgress } from '../../doors/cli/text/progress.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import type { BackupDrill, World } from '../../doors/cli/world.ts'

interface Options {
  readonly config?: string
  readonly data?: string
  readonly rootKey?: string
}

export function backupDrillCommand(world: World, outcome: Outcome): Command {
  return verb<Options>(world, outcome, {
    words: 'drill <file>',
    summary:
      'start a server on a backup, on loopback and in a temporary folder, and fetch keys from it as vCenter does; exit code 1 when it fails',
    flags: [
      [
        '--root-key <uri>',
        'the root key that opens it, a file relative to this folder (default: the one that it names, in the data folder)',
      ],
      ['--data <dir>', 'data folder with the root key file (default: as configured, else ./mortise-data)'],
      [
        '--config <file>',
        'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
      ],
    ],
    examples: ['backup drill /mnt/usb/mortise.backup --root-key file:/mnt/safe/root.key'],
    offline: true,
    action: async ({ world, show }, { rootKey, config, data }, file = '') => {
      const opening = { file, ...(rootKey !== undefined && { rootKey }) }
      const drill = await withProgress(world.stderr, 'records restored', (onProgress) =>
        world.drillBackup({ config, data }, { ...opening, onProgress }),
      )
      show(drill, () => drillText(drill))
      return drill.ok ? 0 : 1
    },
  })
}

function drillText({ ok, created, instances, leftOut, failures }: BackupDrill): string {
  const verdict = ok
    ? plain`A server on the backup of ${shortTime(created)} serves: vCenter got each key that it asked for.\n`
    : plain`A server on the backup of ${shortTime(created)} does not serve all keys:\n`
  const rows = instances.map(({ name, keys, fetched }) => [name, String(keys), String(fetched)])
  const not =
    leftOut.length === 0
      ? ''
      : plain`Not tried, since their keys are at a root key's service or on the move: ${leftOut.join(', ')}\n`
  return `${verdict}${failures.map((failure) => plain`  ${failure}\n`).join('')}${table(['INSTANCE', 'KEYS', 'FETCHED'], rows)}${not}`
}
