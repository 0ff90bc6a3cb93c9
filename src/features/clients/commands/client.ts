// `mortise client ...`: who may use the keys of an instance. client-issue.ts creates certificates.

import { readInput } from '../../../doors/cli/files.ts'
import { parseCertificate } from '../../../core/pki/certificate.ts'
import type { Options } from '../../../doors/cli/fields.ts'
import { command } from '../../../doors/cli/route-command.ts'
import type { Output } from '../../../doors/http/route.ts'
import { issueCommand, signCommand } from './client-issue.ts'
import { clientText, setCommand, showCommand, unreadableText, warningsText } from './client-set.ts'
import { allowFlag, noun, type Run, wholeSha256 } from '../../../doors/cli/command.ts'
import type { Columns } from '../../../doors/cli/text/list.ts'
import { instanceOf, memberOf } from '../../../doors/cli/text/names.ts'
import { ownFiles, pasteText, productFlag, productNamed, productsCommand } from './products.ts'
import { nextInVcenter, nextOfExpired } from './next-steps.ts'
import { shownFingerprint, plain } from '../../../doors/cli/text/output.ts'
import { shortTime } from '../../../doors/cli/text/time.ts'
import { UsageError } from '../../../doors/cli/world.ts'
import { clientRoutes } from '../routes.ts'

export const clientCommands = noun('client', 'who may use the keys of an instance', () => [
  trustCommand,
  issueCommand,
  signCommand,
  listCommand,
  showCommand,
  setCommand,
  pendingCommand,
  blockCommand,
  blocksCommand,
  unblockCommand,
  removeCommand,
  productsCommand,
])

const trustCommand = command(clientRoutes.trustClient, {
  words: 'trust',
  summary: 'trust a certificate, or certificates of a CA, as a client; takes effect on its next message',
  fields: {
    name: ['--name <name>', 'name of the client; a known name adds a certificate to it'],
    certificate: ['--cert <pem>', 'the certificate itself (vCenter: "Certificate"); - is standard input'],
    authority: ['--ca <pem>', 'a CA (vCenter: "Root CA certificate"); with --subject'],
    subject: [
      '--subject <pattern>',
      'with --ca: subjects to trust (default: kmipClient*)',
      (_run, text) => text || emptySubject(),
    ],
    leavePinned: 'with --ca: trust it although it vouches for certificates pinned in other instances',
    everyCertificate: [
      '--every-certificate-of-this-ca',
      "with --ca and --subject '*': mean it; vCenter's CA signs every host and user",
    ],
    sha256: ['--pending <sha256>', 'a certificate that connected, by its whole SHA-256: see client pending'],
    product: [...productFlag, (_run, text) => productNamed(text)],
    allow: allowFlag,
  },
  examples: [
    'client trust --instance default --name vcenter-1 --cert vcenter.pem',
    'client trust --name vcenter-1 --cert - < vcenter.pem',
    "client trust --name vcenter-1 --ca vmca.pem --subject 'kmipClient*'",
    'client trust --name vcenter-1 --pending 3f0a...64 digits...',
    'client trust --name vcenter-1 --cert vcenter.pem --allow vsphere',
    'client trust --name rook-1 --cert rook.pem --for rook',
  ],
  view: (trusted, { input }) => trustedText(trusted, input.body.by === 'authority'),
  tell: async (trusted, { run, admin, input }) => {
    const expired = hasExpired(trusted, run.world.now())
    const { by, product } = input.body
    const isOther = product !== undefined && product !== 'vcenter'
    const next = expired
      ? nextOfExpired(by === 'authority')
      : isOther
        ? await pasteText(admin, product, ownFiles)
        : await nextInVcenter(admin)
    return `${warningsText(trusted, trusted.sha256)}${next}`
  },
})

function emptySubject(): never {
  throw new UsageError("--subject takes a pattern that is not empty, such as 'kmipClient*'")
}

function trustedText(trusted: Output<typeof clientRoutes.trustClient>, byAuthority: boolean): string {
  const where = `as ${trusted.name} in ${trusted.instance.name}`
  const may = plain`It may ask for: ${trusted.allow.join(', ')}`
  if (!byAuthority)
    return plain`Trusted ${where}: the certificate with SHA-256\n  ${shownFingerprint(trusted.sha256)}\n${may}\n`
  const authority = trusted.authorities.find(({ sha256 }) => sha256 === trusted.sha256)
  return plain`Trusted ${where}: certificates signed by ${authority?.authority ?? 'that CA'} whose subject fits ${authority?.subject ?? ''}\n${may}\n`
}

function hasExpired(
  { sha256, certificates, authorities }: Output<typeof clientRoutes.trustClient>,
  nowMs: number,
): boolean {
  const one = [...certificates, ...authorities].find((each) => each.sha256 === sha256)
  return hasPassed(one?.notAfter ?? null, nowMs)
}

function hasPassed(time: string | null, nowMs: number): boolean {
  return time !== null && Date.parse(time) < nowMs
}

const listCommand = command(clientRoutes.listClients, {
  words: 'list',
  summary: 'clients, and the certificates and CAs that each is trusted by',
  examples: ['client list', 'client list --instance default --json'],
  columns: () => clientColumns,
})

/** One row for each certificate and CA. */
const clientColumns: Columns<Output<typeof clientRoutes.listClients>[number]> = {
  headings: ['NAME', 'MAY ASK FOR', 'CERTIFICATE', 'SUBJECT', 'VALID UNTIL', 'LAST SEEN'],
  rows: ({ name, allow, certificates, authorities }) => {
    const pins = certificates.map((certificate) => [
      name,
      allow.join(', '),
      certificate.sha256,
      certificate.subject ?? unreadableText,
      shortTime(certificate.notAfter),
      shortTime(certificate.lastSeen),
    ])
    const cas = authorities.map(({ authority, subject, notAfter }) => [
      name,
      allow.join(', '),
      `CA ${authority ?? unreadableText}`,
      `subjects that fit ${subject}`,
      shortTime(notAfter),
      '',
    ])
    const rows = [...pins, ...cas]
    return rows.length > 0 ? rows : [[name, allow.join(', '), '', '', '', '']]
  },
  empty: 'No client is trusted yet. Unknown clients that connected: mortise client pending\n',
}

const pendingCommand = command(clientRoutes.listPending, {
  words: 'pending',
  summary: 'unknown certificates that connected; their subjects are not verified',
  examples: ['client pending', 'client pending --json'],
  columns: (run) => pendingColumns(run),
})

const pendingColumns = ({ world, next }: Run): Columns<Output<typeof clientRoutes.listPending>[number]> => ({
  headings: ['SHA-256', 'SUBJECT (UNVERIFIED)', 'VALID UNTIL', 'ADDRESS', 'LAST ATTEMPT', 'ATTEMPTS'],
  rows: ({ sha256, subject, notAfter, address, last, attempts }) => [
    [
      sha256,
      subject ?? unreadableText,
      `${hasPassed(notAfter, world.now()) ? 'expired ' : ''}${shortTime(notAfter)}`,
      address,
      shortTime(last),
      String(attempts),
    ],
  ],
  empty: 'No unknown certificate has connected.\n',
  below: `\nCompare its SHA-256 with the certificate in vCenter. Then: ${next('client trust --name NAME --pending SHA256')}\n`,
})

const removeCommand = command(clientRoutes.removeClient, {
  words: 'remove <client>',
  summary: 'withdraw trust from a client, or from one of its certificates',
  fields: {
    certificate: [
      '--certificate <sha256>',
      'withdraw trust from this certificate (or the id of a CA) only, after a renewal',
    ],
  },
  examples: [
    'client remove vcenter-1 --instance default',
    'client remove vcenter-1 --certificate 3f0a...64 digits...',
  ],
  instead: removeCertificate,
  view: ({ name }) => plain`${name} is not trusted any more. Its keys are untouched.\n`,
})

async function removeCertificate(run: Run, options: Options, name: string): Promise<boolean> {
  if (options['certificate'] === undefined) return false
  const admin = await run.client()
  const instance = await instanceOf(admin, options['instance'] as string | undefined)
  const client = await memberOf(admin, clientRoutes.showClient.path, { instance }, name)
  const certificate = String(options['certificate'])
  const left = await admin.call(clientRoutes.removeCertificate, { instance, client, certificate })
  run.show(left, () => `${plain`${left.name} is not trusted by that any more.`}\n\n${clientText(left)}`)
  return true
}

const certFlag = ['--cert <pem>', 'the certificate, instead of its SHA-256; - is standard input'] as const

const blockCommand = command(clientRoutes.blockCertificate, {
  words: 'block [sha256]',
  summary: 'refuse one certificate for good, even if a client or a CA vouches for it',
  fields: { cert: certFlag, reason: 'why; appears in the audit log' },
  examples: [
    'client block 3f0a...64 digits...',
    "client block --cert old-host.pem --reason 'host was stolen'",
  ],
  word: namedSha256,
  view: ({ sha256 }) =>
    plain`Refused from its next message on: ${sha256}\nTo lift it: mortise client unblock, or trust the certificate again.\n`,
})

const blocksCommand = command(clientRoutes.listBlocks, {
  words: 'blocks',
  summary: 'certificates that are refused for good',
  examples: ['client blocks', 'client blocks --json'],
  columns: () => blockColumns,
})

const blockColumns: Columns<Output<typeof clientRoutes.listBlocks>[number]> = {
  headings: ['SHA-256', 'SINCE', 'REASON'],
  rows: ({ sha256, created, reason }) => [[sha256, shortTime(created), reason]],
  empty: 'No certificate is blocked.\n',
}

const unblockCommand = command(clientRoutes.unblockCertificate, {
  words: 'unblock [sha256]',
  summary: 'lift a block; the certificate is trusted again where a client or a CA vouches for it',
  fields: { cert: certFlag },
  examples: ['client unblock 3f0a...64 digits...', 'client unblock --cert host.pem'],
  word: namedSha256,
  find: (_admin, sha256) => sha256,
  view: ({ sha256 }) => plain`Not refused any more: ${sha256}\n`,
})

async function namedSha256({ world }: Run, { cert }: Options, text: string | undefined): Promise<string> {
  if ((text === undefined) === (cert === undefined)) throw new UsageError('give a SHA-256 or --cert PEM')
  return cert === undefined
    ? wholeSha256(text ?? '')
    : parseCertificate(await readInput(world, String(cert))).sha256
}
