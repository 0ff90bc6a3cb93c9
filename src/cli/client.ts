// `mortise client ...`: who may use the keys of an instance. Making a pair is in client-issue.ts.

import type { Command } from 'commander'
import type { Output } from '../admin/api.ts'
import { blockCommand, blocksCommand, unblockCommand } from './client-block.ts'
import { issueCommand, signCommand } from './client-issue.ts'
import { clientText, setCommand, showCommand, unreadable, warningsText } from './client-set.ts'
import {
  allowFlag,
  allowOf,
  instanceFlag,
  instanceOf,
  noun,
  verb,
  wholeSha256,
  type Outcome,
  type Run,
} from './command.ts'
import { readPem } from './files.ts'
import { nextInVcenter } from './next-steps.ts'
import { fingerprint, plain, shortTime, table } from './output.ts'
import { UsageError, type World } from './world.ts'

export function clientCommands(world: World, outcome: Outcome): Command {
  return noun('client', 'who may use the keys of an instance', [
    trustCommand(world, outcome),
    issueCommand(world, outcome),
    signCommand(world, outcome),
    listCommand(world, outcome),
    showCommand(world, outcome),
    setCommand(world, outcome),
    pendingCommand(world, outcome),
    blockCommand(world, outcome),
    blocksCommand(world, outcome),
    unblockCommand(world, outcome),
    removeCommand(world, outcome),
  ])
}

interface TrustOptions {
  readonly instance?: string
  readonly name: string
  readonly cert?: string
  readonly ca?: string
  readonly subject?: string
  readonly pending?: string
  readonly leavePinned?: boolean
  readonly allow?: string
}

function trustCommand(world: World, outcome: Outcome): Command {
  return verb<TrustOptions>(world, outcome, {
    words: 'trust',
    summary: 'trust a certificate, or what a CA signs, as a client; works from its next message on',
    required: [['--name <name>', 'what to call the client; a known name adds a certificate to it']],
    flags: [
      instanceFlag,
      ['--cert <pem>', 'the certificate itself (vCenter: "Certificate"); - is standard input'],
      ['--ca <pem>', 'a CA (vCenter: "Root CA certificate"); with --subject'],
      ['--subject <pattern>', 'with --ca: which subjects (default: kmipClient*)'],
      ['--leave-pinned', 'with --ca: although it vouches for certificates pinned in other instances'],
      ['--pending <sha256>', 'one that connected, by its whole SHA-256: see client pending'],
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
      const trusted = await client.call('trustClient', {
        instance: await instanceOf(client, options.instance),
        body,
      })
      run.show(trusted, () => trustedText(trusted, options))
      run.tell(warningsText(trusted, trusted.sha256))
      run.tell(await nextInVcenter(client))
    },
  })
}

async function trustBody({ world }: Run, options: TrustOptions) {
  const { name, cert, ca, subject, pending, leavePinned } = options
  if ([cert, ca, pending].filter((given) => given !== undefined).length !== 1)
    throw new UsageError('give one of --cert PEM, --ca PEM and --pending SHA256')
  if (subject !== undefined && ca === undefined) throw new UsageError('--subject belongs to --ca')
  if (leavePinned && ca === undefined) throw new UsageError('--leave-pinned belongs to --ca')
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
    }
  return { by: 'pending' as const, ...client, sha256: wholeSha256(pending ?? '') }
}

function trustedText(trusted: Output<'trustClient'>, { ca }: TrustOptions): string {
  const where = `as ${trusted.name} in ${trusted.instance.name}`
  const may = plain`It may ask for: ${trusted.allow.join(', ')}`
  if (ca === undefined)
    return plain`Trusted ${where}: the certificate with SHA-256\n  ${fingerprint(trusted.sha256)}\n${may}\n`
  const authority = trusted.authorities.find(({ sha256 }) => sha256 === trusted.sha256)
  return plain`Trusted ${where}: certificates signed by ${authority?.authority ?? 'that CA'} whose subject fits ${authority?.subject ?? ''}\n${may}\n`
}

function listCommand(world: World, outcome: Outcome): Command {
  return verb<{ readonly instance?: string }>(world, outcome, {
    words: 'list',
    summary: 'clients, and what each is trusted by',
    flags: [instanceFlag],
    examples: ['client list', 'client list --instance default --json'],
    action: async ({ client, show }, { instance }) => {
      const admin = await client()
      const clients = await admin.call('listClients', { instance: await instanceOf(admin, instance) })
      show(clients, () => clientTable(clients))
    },
  })
}

function clientTable(clients: Output<'listClients'>): string {
  if (clients.length === 0) return 'No client is trusted yet. Those that connected: mortise client pending\n'
  const rows = clients.flatMap(({ name, allow, certificates, authorities }) => {
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
    return [...pins, ...cas]
  })
  return table(['NAME', 'MAY ASK FOR', 'CERTIFICATE', 'SUBJECT', 'VALID UNTIL', 'LAST SEEN'], rows)
}

function pendingCommand(world: World, outcome: Outcome): Command {
  return verb(world, outcome, {
    words: 'pending',
    summary: 'unknown certificates that connected; subjects are what strangers say of themselves',
    examples: ['client pending', 'client pending --json'],
    action: async ({ client, show }) => {
      const pending = await (await client()).call('listPending')
      show(pending, () =>
        pending.length === 0
          ? 'No unknown certificate has connected.\n'
          : `${table(
              ['SHA-256', 'SUBJECT (UNVERIFIED)', 'ADDRESS', 'LAST ATTEMPT', 'ATTEMPTS'],
              pending.map((one) => [
                one.sha256,
                one.subject ?? unreadable,
                one.address,
                shortTime(one.last),
                String(one.attempts),
              ]),
            )}\nTrust one: mortise client trust --name NAME --pending SHA256\nCompare its SHA-256 with the certificate in vCenter first.\n`,
      )
    },
  })
}

function removeCommand(world: World, outcome: Outcome): Command {
  return verb<{ readonly instance?: string; readonly certificate?: string }>(world, outcome, {
    words: 'remove <client>',
    summary: 'withdraw trust from a client, by name or id: from all of it, or from one certificate',
    flags: [
      instanceFlag,
      [
        '--certificate <sha256>',
        'only this certificate (or the id of a CA), after a renewal; the client and the rest stay',
      ],
    ],
    examples: [
      'client remove vcenter-1 --instance default',
      'client remove vcenter-1 --certificate 3f0a...64 digits...',
    ],
    action: async ({ client, show }, { instance, certificate }, name = '') => {
      const admin = await client()
      const where = { instance: await instanceOf(admin, instance), client: name }
      if (certificate === undefined) {
        const removed = await admin.call('removeClient', where)
        show(removed, () => plain`${removed.name} is not trusted any more. Its keys are untouched.\n`)
        return
      }
      const left = await admin.call('removeCertificate', { ...where, certificate })
      show(left, () => `${plain`${left.name} is not trusted by that any more.`}\n\n${clientText(left)}`)
    },
  })
}
