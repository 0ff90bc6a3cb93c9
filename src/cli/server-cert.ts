// `mortise server-cert ...`: the certificate that vCenter sees and pins.

import type { Command } from 'commander'
import { noun, verb, type Outcome } from './command.ts'
import { facts, fingerprint, shortTime } from './output.ts'
import type { World } from './world.ts'

export function serverCertificateCommands(world: World, outcome: Outcome): Command {
  return noun('server-cert', 'the certificate of the KMIP door, which vCenter pins', [
    verb(world, outcome, {
      words: 'show',
      summary: 'its fingerprints, names and dates, to compare with what vCenter shows',
      examples: ['server-cert show', 'server-cert show --json'],
      action: async ({ client, show }) => {
        const shown = await (await client()).call('showServerCertificate')
        show(shown, () =>
          facts([
            ['SHA-256', fingerprint(shown.sha256)],
            ['SHA-1', fingerprint(shown.sha1)],
            ['Subject', shown.subject],
            ['Issuer', shown.issuer],
            ['Names', shown.names.join(', ')],
            ['Valid', `${shortTime(shown.notBefore)} to ${shortTime(shown.notAfter)}`],
          ]),
        )
      },
    }),
  ])
}
