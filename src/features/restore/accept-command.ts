// `mortise restore-accept`: the owner accepts a database that is older than its anchor. It works on the data folder while
// no server runs; host/restore-accept.ts does the work, which main.ts passes in.

import { counted } from '../../base/text/counted.ts'
import type { Command } from 'commander'
import { verb, type Outcome } from '../../doors/cli/command.ts'
import { plain } from '../../doors/cli/text/output.ts'
import type { AcceptedNode, AcceptedRestore, Flags, World } from '../../doors/cli/world.ts'

interface Options {
  readonly config?: string
  readonly data?: string
  readonly anyway?: boolean
}

export function restoreAcceptCommand(world: World, outcome: Outcome): Command {
  return verb<Options>(world, outcome, {
    words: 'restore-accept',
    summary:
      'accept a database that was restored, that is older than its anchor, or that comes from another machine; revokes every token and creates a new one',
    flags: [
      ['--data <dir>', 'data folder; no server may run on it (default: as configured, else ./mortise-data)'],
      [
        '--config <file>',
        'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
      ],
      ['--anyway', 'even if nothing is wrong, after database and anchor were restored together'],
    ],
    examples: ['restore-accept --data /var/lib/mortise'],
    offline: true,
    action: async ({ world, json, show, next }, { config, data, anyway = false }) => {
      const flags: Flags = { config, data }
      const accepted = await world.acceptRestore(flags, json, anyway)
      if ('anchorFile' in accepted) return show(accepted, () => nodeText(accepted))
      show(accepted, () => acceptedText(accepted, next))
    },
  })
}

function acceptedText(accepted: AcceptedRestore, command: (words: string) => string): string {
  const { found, trustVersion, checkpoint, tokensRevoked, marksRemoved, token, tokenFile } = accepted
  const said = plain`${found === null ? 'Nothing was wrong.' : `Accepted: ${found}.`}

The server trusts what this database holds from now on, and nothing that a later copy of it held. Trust continues at version
${trustVersion}, the audit log at checkpoint ${checkpoint}. ${counted(tokensRevoked, 'token was', 'tokens were')} revoked. The only valid token now, a manager's, is in
${tokenFile}:

  ${token}
`
  const marks =
    marksRemoved === 0
      ? ''
      : plain`
${counted(marksRemoved, 'mark of a destroyed key was', 'marks of destroyed keys were')} removed: somebody else wrote ${marksRemoved === 1 ? 'it' : 'them'}, and the audit log knows no destruction.
`
  const next = plain`
Start the server (${command('serve')}). Then check which clients are trusted again, and which are not blocked any more:

  ${command('client list')}
  ${command('client blocks')}
`
  return said + marks + accepted.epochs.map(epochText).join('') + next
}

function nodeText({ found, anchorFile }: AcceptedNode): string {
  return plain`Nothing more to accept: ${found}.

The anchor of this node was made anew: ${anchorFile}. No token was revoked: the one that was made on the other node is
valid here too. For commands on this machine, copy admin-token from the data folder of that node. Then start this node.
`
}

function epochText({ instance, rootKey, cause }: AcceptedRestore['epochs'][number]): string {
  if (cause === null)
    return plain`
Beside ${rootKey} it is recorded that the keys of the
instance ${instance} belong to this database. A server that still runs on a newer one stores and deletes nothing there any more.
`
  return plain`
Not recorded yet beside ${rootKey} for the instance ${instance}:
${cause}.
The server records it there as soon as it can, and deletes nothing there before. Until then make sure that no server runs
on a newer copy of this database: it could still store and delete keys there.
`
}
