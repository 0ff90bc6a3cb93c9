// `mortise backup verify FILE`: needs no server, only the file and what opens it. Where the server is there, it records that
// the backup was verified.

import { counted } from '../../base/text/counted.ts'
import { verb } from '../../doors/cli/command.ts'
import { connectAdmin } from '../../doors/cli/connect.ts'
import { facts, plain } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { withProgress } from '../../doors/cli/text/progress.ts'
import { orAdvice } from '../../doors/cli/advice.ts'
import type { Flags, World } from '../../doors/cli/world.ts'
import type { BackupVerified } from '../../host/backup-opener.ts'
import { openInstallation } from '../../host/installation.ts'
import { backupRoutes } from './routes.ts'

interface Options {
  readonly config?: string
  readonly data?: string
  readonly rootKey?: string
  readonly identity?: string
  readonly all?: boolean
}

export const backupVerifyCommand = verb<Options>({
  words: 'verify <file>',
  summary:
    'read all of a backup, check what can be checked, and open some of its keys; exit code 1 when something is wrong',
  flags: [
    ['--all', 'open every key, not only some'],
    [
      '--root-key <uri>',
      'the root key that opens it, a file relative to this folder (default: the one that it names, in the data folder)',
    ],
    [
      '--identity <file>',
      'an age identity that it was made for, or the private key of a certificate, instead of the root keys',
    ],
    ['--data <dir>', 'data folder with the root key file (default: as configured, else ./mortise-data)'],
    [
      '--config <file>',
      'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
    ],
  ],
  examples: [
    'backup verify /mnt/usb/mortise.backup',
    'backup verify mortise.backup --all --root-key file:/mnt/safe/root.key',
  ],
  offline: true,
  action: async ({ world, show }, { all = false, rootKey, identity, config, data }, file = '') => {
    const flags = { config, data }
    const opening = {
      file,
      ...(rootKey !== undefined && { rootKey }),
      ...(identity !== undefined && { identity }),
    }
    const installation = await openInstallation(world, flags)
    const { verifyFile } = await import('../../host/backup-opener.ts')
    const proof = await withProgress(world.stderr, 'records verified', (onProgress) => {
      const verified = verifyFile(installation, { ...opening, all, onProgress })
      return orAdvice('the backup was not verified', installation.config, verified)
    })
    show(proof, () => proofText(proof))
    if (proof.ok) await note(world, flags, proof.id)
    return proof.ok ? 0 : 1
  },
})

/** A server that is not there, or does not have the backup, has nothing to record. */
async function note(world: World, { config, data }: Flags, backup: string): Promise<void> {
  const options = { ...(config !== undefined && { config }), ...(data !== undefined && { data }) }
  try {
    await (await connectAdmin(world, options)).call(backupRoutes.noteBackupVerified, { backup })
  } catch {
    return
  }
}

function proofText(proof: BackupVerified): string {
  const verdict = proof.ok ? 'The backup is whole.' : 'The backup is not as it should be:'
  const { opened, elsewhere, destroyed, objects } = proof
  const live = objects - destroyed - elsewhere
  return `${verdict}\n${proof.problems.map((problem) => plain`  - ${problem}\n`).join('')}${facts([
    ['Made', shortTime(proof.created)],
    ['Instances', proof.instances.join(', ') || 'none'],
    [
      'Keys and objects',
      `${objects}: ${live} sealed in it, ${elsewhere} beside their root key, ${destroyed} destroyed`,
    ],
    ['Opened', opened === live ? `all ${opened}` : `${opened} of ${live}; --all opens every one`],
    ['Rows of trust', String(proof.trustRows)],
    ['Audit', `${counted(proof.entries, 'entry', 'entries')}, ${counted(proof.checkpoints, 'checkpoint')}`],
  ])}`
}
