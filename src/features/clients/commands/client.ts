// `mortise client ...`: who may use the keys of an instance. client-issue.ts creates certificates.

import type { Output } from '../../../doors/http/route.ts'
import { blockCommand, blocksCommand, unblockCommand } from './client-block.ts'
import { issueCommand, signCommand } from './client-issue.ts'
import { clientText, setCommand, showCommand, unreadable, warningsText } from './client-set.ts'
import {
  allowFlag,
  allowOf,
  instanceFlag,
  noun,
  verb,
  wholeSha256,
  type Run,
} from '../../../doors/cli/command.ts'
import { readPem } from '../../../doors/cli/files.ts'
import {
  limitFlag,
  onePage,
  writeList,
  type Columns,
  type ListOptions,
} from '../../../doors/cli/text/list.ts'
import { instanceOf, memberOf } from '../../../doors/cli/text/names.ts'
import { nextInVcenter, nextOfExpired } from './next-steps.ts'
import { fingerprint, plain } from '../../../doors/cli/text/output.ts'
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
])

interface TrustOptions {
  readonly instance?: string
  readonly name: string
  readonly cert?: string
  readonly ca?: string
  readonly subject?: string
  readonly pending?: string
  readonly leavePinned?: boolean
  readonly everyCertificateOfThisCa?: boolean
  readonly allow?: string
}

const trustCommand = verb<TrustOptions>({
  words: 'trust',
  summary: 'trust a certificate, or certificates of a CA, as a client; takes effect on its next message',
  required: [['--name <name>', 'name of the client; a known name adds a certificate to it']],
  flags: [
    instanceFlag,
    ['--cert <pem>', 'the certificate itself (vCenter: "Certificate"); - is standard input'],
    ['--ca <pem>', 'a CA (vCenter: "Root CA certificate"); with --subject'],
    ['--subject <pattern>', 'with --ca: subjects to trust (default: kmipClient*)'],
    ['--leave-pinned', 'with --ca: trust it although it vouches for certificates pinned in other instances'],
    [
      '--every-certificate-of-this-ca',
      "with --ca and --subject '*': mean it; vCenter's CA signs every host and user",
    ],
    ['--pending <sha256>', 'a certificate that connected, by its whole SHA-256: see client pending'],
    allowFlag,
  ],
  examples: [
    'client trust --instance default --name vcenter-1 --cert vcenter.pem',
    'client trust --name vcenter-1 --cert - < vcenter.pem',
    "client trust --name vcenter-1 --ca vmca.pem --subject 'kmipClient*'",
    'client trust --name vcenter-1 --pending 3f0a...64 digits...',
    'client trust --name vcenter-1 --cert vcenter.pem --allow vsphere',
  ],
  action: async (run, options) => {
    const body = await trustBody(run, options)
    const client = await run.client()
    const trusted = await client.call(clientRoutes.trustClient, {
      instance: await instanceOf(client, options.instance),
      body,
    })
    run.show(trusted, () => trustedText(trusted, options))
    run.tell(warningsText(trusted, trusted.sha256))
    run.tell(hasExpired(trusted, run.world.now()) ? nextOfExpired(options) : await nextInVcenter(client))
  },
})

async function trustBody({ world }: Run, options: TrustOptions) {
  const { name, cert, ca, subject, pending, leavePinned, everyCertificateOfThisCa } = options
  if ([cert, ca, pending].filter((given) => given !== undefined).length !== 1)
    throw new UsageError('give one of --cert PEM, --ca PEM and --pending SHA256')
  if (subject !== undefined && ca === undefined) throw new UsageError('--subject belongs to --ca')
  if (subject === '')
    throw new UsageError("--subject takes a pattern that is not empty, such as 'kmipClient*'")
  if (leavePinned && ca === undefined) throw new UsageError('--leave-pinned belongs to --ca')
  if (everyCertificateOfThisCa && ca === undefined)
    throw new UsageError('--every-certificate-of-this-ca belongs to --ca')
  const client = { name, ...allowOf(options) }
  if (cert !== undefined)
    return { by: 'certificate' as const, ...client, certificate: await readPem(world, cert, 'CERTIFICATE') }
  if (ca !== undefined)
    return {
      by: 'authority' as const,
      ...client,
      authority: await readPem(world, ca, 'CERTIFICATE'),
      ...(subject !== undefined && { subject }),
      ...(leavePinned && { leavePinned }),
      ...(everyCertificateOfThisCa && { everyCertificate: true }),
    }
  return { by: 'pending' as const, ...client, sha256: wholeSha256(pending ?? '') }
}

function trustedText(trusted: Output<typeof clientRoutes.trustClient>, { ca }: TrustOptions): string {
  const where = `as ${trusted.name} in ${trusted.instance.name}`
  const may = plain`It may ask for: ${trusted.allow.join(', ')}`
  if (ca === undefined)
    return plain`Trusted ${where}: the certificate with SHA-256\n  ${fingerprint(trusted.sha256)}\n${may}\n`
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

const listCommand = verb<ListOptions & { readonly instance?: string }>({
  words: 'list',
  summary: 'clients, and the certificates and CAs that each is trusted by',
  flags: [instanceFlag, limitFlag],
  examples: ['client list', 'client list --instance default --json'],
  action: async (run, options) =>
    writeList(run, options, clientColumns, async () => {
      const admin = await run.client()
      const instance = await instanceOf(admin, options.instance)
      return onePage(await admin.call(clientRoutes.listClients, { instance }))
    }),
})

/** One row for each certificate and CA. */
const clientColumns: Columns<Output<typeof clientRoutes.listClients>[number]> = {
  headings: ['NAME', 'MAY ASK FOR', 'CERTIFICATE', 'SUBJECT', 'VALID UNTIL', 'LAST SEEN'],
  rows: ({ name, allow, certificates, authorities }) => {
    const pins = certificates.map((certificate) => [
      name,
      allow.join(', '),
      certificate.sha256,
      certificate.subject ?? unreadable,
      shortTime(certificate.notAfter),
      shortTime(certificate.lastSeen),
    ])
    const cas = authorities.map(({ authority, subject, notAfter }) => [
      name,
      allow.join(', '),
      `CA ${authority ?? unreadable}`,
      `subjects that fit ${subject}`,
      shortTime(notAfter),
      '',
    ])
    const rows = [...pins, ...cas]
    return rows.length > 0 ? rows : [[name, allow.join(', '), '', '', '', '']]
  },
  empty: 'No client is trusted yet. Unknown clients that connected: mortise client pending\n',
}

const pendingCommand = verb<ListOptions>({
  words: 'pending',
  summary: 'unknown certificates that connected; nobody has verified their subjects',
  flags: [limitFlag],
  examples: ['client pending', 'client pending --json'],
  action: async (run, options) =>
    writeList(run, options, pendingColumns(run), async () =>
      onePage(await (await run.client()).call(clientRoutes.listPending)),
    ),
})

const pendingColumns = ({ world, next }: Run): Columns<Output<typeof clientRoutes.listPending>[number]> => ({
  headings: ['SHA-256', 'SUBJECT (UNVERIFIED)', 'VALID UNTIL', 'ADDRESS', 'LAST ATTEMPT', 'ATTEMPTS'],
  rows: ({ sha256, subject, notAfter, address, last, attempts }) => [
    [
      sha256,
      subject ?? unreadable,
      `${hasPassed(notAfter, world.now()) ? 'expired ' : ''}${shortTime(notAfter)}`,
      address,
      shortTime(last),
      String(attempts),
    ],
  ],
  empty: 'No unknown certificate has connected.\n',
  below: `\nCompare its SHA-256 with the certificate in vCenter. Then: ${next('client trust --name NAME --pending SHA256')}\n`,
})

const removeCommand = verb<{ readonly instance?: string; readonly certificate?: string }>({
  words: 'remove <client>',
  summary: 'withdraw trust from a client, or from one of its certificates',
  flags: [
    instanceFlag,
    [
      '--certificate <sha256>',
      'withdraw trust from this certificate (or the id of a CA) only, after a renewal',
    ],
  ],
  examples: [
    'client remove vcenter-1 --instance default',
    'client remove vcenter-1 --certificate 3f0a...64 digits...',
  ],
  action: async ({ client, show }, { instance, certificate }, name = '') => {
    const admin = await client()
    const named = await instanceOf(admin, instance)
    const where = {
      instance: named,
      client: await memberOf(admin, clientRoutes.showClient.path, { instance: named }, name),
    }
    if (certificate === undefined) {
      const removed = await admin.call(clientRoutes.removeClient, where)
      show(removed, () => plain`${removed.name} is not trusted any more. Its keys are untouched.\n`)
      return
    }
    const left = await admin.call(clientRoutes.removeCertificate, { ...where, certificate })
    show(left, () => `${plain`${left.name} is not trusted by that any more.`}\n\n${clientText(left)}`)
  },
})
