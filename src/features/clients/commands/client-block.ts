// `mortise client block`, `blocks` and `unblock`: certificates that are refused although a pin or a CA trusts them.

import type { Output } from '../../../doors/http/route.ts'
import { parseCertificate } from '../../../core/pki/certificate.ts'
import { verb, wholeSha256 } from '../../../doors/cli/command.ts'
import { readInput } from '../../../doors/cli/files.ts'
import {
  limitFlag,
  onePage,
  writeList,
  type Columns,
  type ListOptions,
} from '../../../doors/cli/text/list.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import { UsageError, type World } from '../../../doors/cli/world.ts'
import { clientRoutes } from '../routes.ts'

interface Named {
  readonly cert?: string
}

const certFlag = ['--cert <pem>', 'the certificate, instead of its SHA-256; - is standard input'] as const

export const blockCommand = verb<Named & { readonly reason?: string }>({
  words: 'block [sha256]',
  summary: 'refuse one certificate for good, even if a client or a CA vouches for it',
  flags: [certFlag, ['--reason <text>', 'why; appears in the audit log']],
  examples: [
    'client block 3f0a...64 digits...',
    "client block --cert old-host.pem --reason 'host was stolen'",
  ],
  action: async ({ world, client, show }, options, given) => {
    const { reason } = options
    const sha256 = await namedSha256(world, options, given)
    const body = { sha256, ...(reason !== undefined && { reason }) }
    const blocked = await (await client()).call(clientRoutes.blockCertificate, { body })
    show(
      blocked,
      () =>
        plain`Refused from its next message on: ${blocked.sha256}\nTo lift it: mortise client unblock, or trust the certificate again.\n`,
    )
  },
})

export const blocksCommand = verb<ListOptions>({
  words: 'blocks',
  summary: 'certificates that are refused for good',
  flags: [limitFlag],
  examples: ['client blocks', 'client blocks --json'],
  action: async (run, options) =>
    writeList(run, options, blockColumns, async () =>
      onePage(await (await run.client()).call(clientRoutes.listBlocks)),
    ),
})

const blockColumns: Columns<Output<typeof clientRoutes.listBlocks>[number]> = {
  headings: ['SHA-256', 'SINCE', 'REASON'],
  rows: ({ sha256, created, reason }) => [[sha256, shortTime(created), reason]],
  empty: 'No certificate is blocked.\n',
}

export const unblockCommand = verb<Named>({
  words: 'unblock [sha256]',
  summary: 'lift a block; the certificate is trusted again where a client or a CA vouches for it',
  flags: [certFlag],
  examples: ['client unblock 3f0a...64 digits...', 'client unblock --cert host.pem'],
  action: async ({ world, client, show }, options, given) => {
    const certificate = await namedSha256(world, options, given)
    const lifted = await (await client()).call(clientRoutes.unblockCertificate, { certificate })
    show(lifted, () => plain`Not refused any more: ${lifted.sha256}\n`)
  },
})

async function namedSha256(world: World, { cert }: Named, given: string | undefined): Promise<string> {
  if ((given === undefined) === (cert === undefined)) throw new UsageError('give a SHA-256 or --cert PEM')
  return cert === undefined ? wholeSha256(given ?? '') : parseCertificate(await readInput(world, cert)).sha256
}
