// `mortise client ...`: who may use the keys of an instance. Making a pair is in client-issue.ts.

import type { Command } from 'commander'
import type { Output } from '../admin/api.ts'
import { parseCertificate } from '../pki/certificate.ts'
import { issueCommand, signCommand } from './client-issue.ts'
import { instanceFlag, instanceOf, noun, verb, type Outcome, type Run } from './command.ts'
import { readInput, readPem } from './files.ts'
import { nextInVcenter } from './next-steps.ts'
import { fingerprint, shortTime, table } from './output.ts'
import { UsageError, type World } from './world.ts'

export function clientCommands(world: World, outcome: Outcome): Command {
  return noun('client', 'who may use the keys of an instance', [
    trustCommand(world, outcome),
    issueCommand(world, outcome),
    signCommand(world, outcome),
    listCommand(world, outcome),
    pendingCommand(world, outcome),
    blockCommand(world, outcome),
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
      ['--pending <sha256>', 'one that knocked, by its whole SHA-256: see client pending'],
    ],
    examples: [
      'client trust --instance default --name vcenter-1 --cert vcenter.pem',
      'client trust --name vcenter-1 --cert - < vcenter.pem',
      "client trust --name vcenter-1 --ca vmca.pem --subject 'kmipClient*'",
      'client trust --name vcenter-1 --pending 3f0a...64 digits...',
    ],
    action: async (run, options) => {
      const body = await trustBody(run, options)
      const client = await run.client()
      const trusted = await client.call('trustClient', {
        instance: await instanceOf(client, options.instance),
        body,
      })
      run.show(trusted, () => trustedText(trusted, options))
      run.tell(await nextInVcenter(client))
    },
  })
}

async function trustBody({ world }: Run, { name, cert, ca, subject, pending }: TrustOptions) {
  if ([cert, ca, pending].filter((given) => given !== undefined).length !== 1)
    throw new UsageError('give one of --cert PEM, --ca PEM and --pending SHA256')
  if (subject !== undefined && ca === undefined) throw new UsageError('--subject belongs to --ca')
  if (cert !== undefined)
    return { by: 'certificate' as const, name, certificate: await readPem(world, cert, 'CERTIFICATE') }
  if (ca !== undefined)
    return {
      by: 'authority' as const,
      name,
      authority: await readPem(world, ca, 'CERTIFICATE'),
      ...(subject !== undefined && { subject }),
    }
  return { by: 'pending' as const, name, sha256: wholeSha256(pending ?? '') }
}

function trustedText(trusted: Output<'trustClient'>, { ca }: TrustOptions): string {
  const where = `as ${trusted.name} in ${trusted.instance.name}`
  if (ca === undefined)
    return `Trusted ${where}: the certificate with SHA-256\n  ${fingerprint(trusted.sha256)}\n`
  const authority = trusted.authorities.find(({ sha256 }) => sha256 === trusted.sha256)
  return `Trusted ${where}: certificates signed by ${authority?.authority ?? 'that CA'} whose subject fits ${authority?.subject ?? ''}\n`
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
  if (clients.length === 0) return 'No client is trusted yet. Those that knocked: mortise client pending\n'
  const rows = clients.flatMap(({ name, certificates, authorities }) => {
    const pins = certificates.map((certificate) => [
      name,
      certificate.sha256,
      certificate.subject,
      shortTime(certificate.notAfter),
      shortTime(certificate.lastSeen),
    ])
    const cas = authorities.map(({ authority, subject, notAfter }) => [
      name,
      `CA ${authority}`,
      `subjects that fit ${subject}`,
      shortTime(notAfter),
      '',
    ])
    return [...pins, ...cas]
  })
  return table(['NAME', 'CERTIFICATE', 'SUBJECT', 'VALID UNTIL', 'LAST SEEN'], rows)
}

function pendingCommand(world: World, outcome: Outcome): Command {
  return verb(world, outcome, {
    words: 'pending',
    summary: 'unknown certificates that knocked; subjects are what strangers say of themselves',
    examples: ['client pending', 'client pending --json'],
    action: async ({ client, show }) => {
      const pending = await (await client()).call('listPending')
      show(pending, () =>
        pending.length === 0
          ? 'No unknown certificate has knocked.\n'
          : `${table(
              ['SHA-256', 'SUBJECT (UNVERIFIED)', 'ADDRESS', 'LAST KNOCK', 'KNOCKS'],
              pending.map((one) => [
                one.sha256,
                one.subject,
                one.address,
                shortTime(one.last),
                String(one.knocks),
              ]),
            )}\nTrust one: mortise client trust --name NAME --pending SHA256\nCompare its SHA-256 with the certificate in vCenter first.\n`,
      )
    },
  })
}

function blockCommand(world: World, outcome: Outcome): Command {
  return verb<{ readonly cert?: string; readonly reason?: string }>(world, outcome, {
    words: 'block [sha256]',
    summary: 'refuse one certificate for good, whoever vouches for it',
    flags: [
      ['--cert <pem>', 'the certificate, instead of its SHA-256; - is standard input'],
      ['--reason <text>', 'why; stands in the audit log'],
    ],
    examples: [
      'client block 3f0a...64 digits...',
      "client block --cert old-host.pem --reason 'host was stolen'",
    ],
    action: async ({ world, client, show }, { cert, reason }, given) => {
      if ((given === undefined) === (cert === undefined)) throw new UsageError('give a SHA-256 or --cert PEM')
      const sha256 =
        cert === undefined ? wholeSha256(given ?? '') : parseCertificate(await readInput(world, cert)).sha256
      const body = { sha256, ...(reason !== undefined && { reason }) }
      const blocked = await (await client()).call('blockCertificate', { body })
      show(
        blocked,
        () =>
          `Refused from its next message on: ${blocked.sha256}\nTo lift it, trust the certificate again.\n`,
      )
    },
  })
}

function removeCommand(world: World, outcome: Outcome): Command {
  return verb<{ readonly instance?: string }>(world, outcome, {
    words: 'remove <client>',
    summary: 'withdraw trust from a client, by name or id, with all its certificates and CAs',
    flags: [instanceFlag],
    examples: ['client remove vcenter-1 --instance default'],
    action: async ({ client, show }, { instance }, name = '') => {
      const admin = await client()
      const removed = await admin.call('removeClient', {
        instance: await instanceOf(admin, instance),
        client: name,
      })
      show(removed, () => `${removed.name} is not trusted any more. Its keys are untouched.\n`)
    },
  })
}

function wholeSha256(text: string): string {
  const sha256 = text.replaceAll(/[:\s]/g, '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new UsageError('a whole SHA-256 is needed: 64 hexadecimal digits')
  return sha256
}
