// `mortise audit ...`: who did what, and the proof that the log is whole.

import type { Command } from 'commander'
import type { AdminClient } from '../admin/client.ts'
import type { Output } from '../admin/api.ts'
import { dateTime, noun, verb, wholeNumber, type Outcome, type Run } from './command.ts'
import { writeLines } from './files.ts'
import { readCheckpoint, verifyFile } from './offline/audit-verify.ts'
import { facts, plain, shortTime, table } from './output.ts'
import type { Proof, World } from './world.ts'

export function auditCommands(world: World, outcome: Outcome): Command {
  return noun('audit', 'who did what, and the proof that nothing was changed', [
    listCommand(world, outcome),
    verifyCommand(world, outcome),
    exportCommand(world, outcome),
    pruneCommand(world, outcome),
  ])
}

interface ListOptions {
  readonly instance?: string
  readonly action?: string
  readonly object?: string
  readonly certificate?: string
  readonly since?: string
  readonly until?: string
  readonly limit?: string
}

const pageSize = 500

function listCommand(world: World, outcome: Outcome): Command {
  return verb<ListOptions>(world, outcome, {
    words: 'list',
    summary: 'audit entries, newest first',
    flags: [
      ['--instance <name>', "only those of one instance (default: all, and the server's own)"],
      ['--action <action>', 'such as key.get, key.create, client.trust'],
      ['--object <id>', 'about this key or client'],
      ['--certificate <sha256>', 'by who showed this certificate'],
      ['--since <date>', 'not older; such as 2026-03-01 or 2026-03-01T12:00:00Z'],
      ['--until <date>', 'not younger'],
      ['--limit <n>', 'at most so many (default: 100)'],
    ],
    examples: [
      'audit list',
      'audit list --action key.get --object KEY',
      'audit list --since 2026-03-01 --json',
    ],
    action: async ({ client, show }, options) => {
      const entries = await listed(await client(), options)
      show(entries, () => (entries.length === 0 ? 'No entries.\n' : entryTable(entries)))
    },
  })
}

type Entry = Output<'listAudit'>['entries'][number]

async function listed(admin: AdminClient, options: ListOptions): Promise<Entry[]> {
  const { instance, action, object, certificate, since, until, limit } = options
  const most = limit === undefined ? 100 : wholeNumber('--limit', limit)
  const entries: Entry[] = []
  let after: string | null = null
  do {
    const query = {
      limit: Math.min(most - entries.length, pageSize),
      ...(action !== undefined && { action }),
      ...(object !== undefined && { object }),
      ...(certificate !== undefined && { certificate }),
      ...(since !== undefined && { since: dateTime('--since', since) }),
      ...(until !== undefined && { until: dateTime('--until', until) }),
      ...(after !== null && { after }),
    }
    const page: Output<'listAudit'> =
      instance === undefined
        ? await admin.call('listAudit', { query })
        : await admin.call('listInstanceAudit', { instance, query })
    entries.push(...page.entries)
    after = page.after
  } while (after !== null && entries.length < most)
  return entries
}

function entryTable(entries: readonly Entry[]): string {
  return table(
    ['TIME', 'ACTION', 'RESULT', 'OBJECT', 'BY', 'ADDRESS'],
    entries.map(({ at, action, result, reason, object, actor }) => [
      at.slice(0, 19).replace('T', ' '),
      action,
      reason === null ? result : `${result}: ${reason}`,
      object ?? '',
      `${actor.kind} ${actor.name ?? actor.certificateSha256 ?? ''}`.trim(),
      actor.address ?? '',
    ]),
  )
}

function verifyCommand(world: World, outcome: Outcome): Command {
  return verb<{ readonly checkpoint?: string }>(world, outcome, {
    words: 'verify [file]',
    summary:
      "verify the server's log, or an exported file without any server; exit code 1 when something is wrong",
    flags: [['--checkpoint <file>', 'a checkpoint that was kept outside: the log must continue from it']],
    examples: [
      'audit verify',
      'audit verify audit.jsonl',
      'audit verify audit.jsonl --checkpoint checkpoint.json',
    ],
    action: async (run, { checkpoint }, file) => {
      const proof = await proofOf(run, file, checkpoint)
      run.show(proof, () => proofText(proof))
      return proof.ok ? 0 : 1
    },
  })
}

async function proofOf(run: Run, file: string | undefined, checkpoint: string | undefined): Promise<Proof> {
  if (file !== undefined) return verifyFile(run.world, file, checkpoint)
  const admin = await run.client()
  if (checkpoint === undefined) return admin.call('verifyAudit')
  const kept = await readCheckpoint(checkpoint)
  const lines: string[] = []
  for await (const line of await admin.call('exportAudit')) lines.push(line)
  return run.world.verifyExport(lines, kept)
}

function proofText(proof: Proof): string {
  const verdict = proof.ok ? 'The log is whole.' : 'The log was tampered with:'
  const reach =
    proof.provedTo === null
      ? 'nothing yet: there is no checkpoint'
      : `${shortTime(proof.provedFrom) || 'its beginning'} to ${shortTime(proof.provedTo)}`
  const remarks = [...proof.problems.map((problem) => `- ${problem}`), ...proof.restores]
  return `${verdict}\n${remarks.map((remark) => plain`  ${remark}\n`).join('')}${facts([
    ['Entries', String(proof.entries)],
    ['Checkpoints', String(proof.checkpoints)],
    ['Proved', reach],
    ['Not yet provable', `${proof.unprovedEntries} entries younger than the last checkpoint`],
    ['Signing key', proof.keySha256],
  ])}`
}

function exportCommand(world: World, outcome: Outcome): Command {
  return verb(world, outcome, {
    words: 'export [file]',
    summary: 'the whole log as lines of JSON, to a file or (-, the default) to standard output',
    examples: ['audit export audit.jsonl', 'audit export - | gzip > audit.jsonl.gz'],
    action: async ({ world, client, json }, _options, file = '-') => {
      const lines = await writeLines(world, file, await (await client()).call('exportAudit'))
      if (file !== '-')
        world.stdout.write(json ? `${JSON.stringify({ file, lines })}\n` : `${lines} lines in ${file}\n`)
    },
  })
}

function pruneCommand(world: World, outcome: Outcome): Command {
  return verb<{ readonly before: string }>(world, outcome, {
    words: 'prune',
    summary: 'remove entries older than a date; what remains can still be verified',
    required: [['--before <date>', 'such as 2026-01-01']],
    examples: [
      'audit prune --before 2026-01-01',
      'audit export audit-2025.jsonl && mortise audit prune --before 2026-01-01',
    ],
    action: async ({ client, show }, { before }) => {
      const pruned = await (
        await client()
      ).call('pruneAudit', { body: { before: dateTime('--before', before) } })
      show(pruned, () => `Entries before ${shortTime(pruned.before)} that a checkpoint covers are removed.\n`)
    },
  })
}
