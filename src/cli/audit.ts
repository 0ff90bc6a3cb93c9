// `mortise audit ...`: the audit log, and the proof that nobody changed it.

import type { Command } from 'commander'
import type { Output } from '../admin/api.ts'
import { auditActionNames } from '../admin/words.ts'
import { forceFlag, noun, verb, wholeSha256, type Outcome, type Run } from './command.ts'
import { mustBeFree, writeLines } from './files.ts'
import { afterFlag, limitFlag, writeList, type Columns, type ListOptions } from './list.ts'
import { instanceOf, wordOf } from './names.ts'
import { readCheckpoint, verifyFile } from './offline/audit-verify.ts'
import { facts, plain } from './output.ts'
import { exactTime, shortTime, timeHelp } from './time.ts'
import type { Proof, World } from './world.ts'

export function auditCommands(world: World, outcome: Outcome): Command {
  return noun('audit', 'who did what, and the proof that nobody changed the log', [
    listCommand(world, outcome),
    verifyCommand(world, outcome),
    exportCommand(world, outcome),
    pruneCommand(world, outcome),
  ])
}

interface AuditListOptions extends ListOptions {
  readonly instance?: string
  readonly action?: string
  readonly object?: string
  readonly certificate?: string
  readonly since?: string
  readonly until?: string
}

function listCommand(world: World, outcome: Outcome): Command {
  return verb<AuditListOptions>(world, outcome, {
    words: 'list',
    summary: 'audit entries, newest first',
    flags: [
      ['--instance <name>', "entries of one instance (default: of all instances and the server's own)"],
      ['--action <action>', 'such as key.get, key.create, client.trust'],
      ['--object <id>', 'about this key or client'],
      ['--certificate <sha256>', 'by the client with this certificate'],
      ['--since <time>', `not older than ${timeHelp}`],
      ['--until <time>', 'not younger'],
      limitFlag,
      afterFlag,
    ],
    examples: [
      'audit list --since -1h',
      'audit list --action key.get --object KEY',
      'audit list --since yesterday --json',
    ],
    action: async (run, options) => {
      const query = queryOf(run, options)
      await writeList(run, options, entryColumns, async () => {
        const admin = await run.client()
        const instance =
          options.instance === undefined ? undefined : await instanceOf(admin, options.instance)
        return async (page) => {
          const asked = { query: { ...query, ...page } }
          const { entries, after } =
            instance === undefined
              ? await admin.call('listAudit', asked)
              : await admin.call('listInstanceAudit', { instance, ...asked })
          return { items: entries, after }
        }
      })
    },
  })
}

function queryOf(run: Run, { action, object, certificate, since, until }: AuditListOptions) {
  return {
    ...(action !== undefined && { action: wordOf('action', action, auditActionNames) }),
    ...(object !== undefined && { object }),
    ...(certificate !== undefined && { certificate: wholeSha256(certificate) }),
    ...(since !== undefined && { since: run.time('--since', since) }),
    ...(until !== undefined && { until: run.time('--until', until) }),
  }
}

const entryColumns: Columns<Output<'listAudit'>['entries'][number]> = {
  headings: ['TIME', 'ACTION', 'RESULT', 'OBJECT', 'BY', 'ADDRESS'],
  rows: ({ at, action, result, reason, object, actor }) => [
    [
      exactTime(at),
      action,
      reason === null ? result : `${result}: ${reason}`,
      object ?? '',
      `${actor.kind} ${actor.name ?? actor.certificateSha256 ?? ''}`.trim(),
      actor.address ?? '',
    ],
  ],
  empty: 'No entries.\n',
}

function verifyCommand(world: World, outcome: Outcome): Command {
  return verb<{ readonly checkpoint?: string }>(world, outcome, {
    words: 'verify [file]',
    summary: "verify the server's log, or an exported file without a server; exit code 1 if it was changed",
    flags: [['--checkpoint <file>', 'a checkpoint that you kept elsewhere: the log must continue from it']],
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
  return verb<{ readonly force?: boolean }>(world, outcome, {
    words: 'export [file]',
    summary: 'write the whole log as lines of JSON, to a file or (-, the default) to standard output',
    flags: [forceFlag],
    examples: ['audit export audit.jsonl', 'audit export - | gzip > audit.jsonl.gz'],
    action: async ({ world, client, json }, { force = false }, file = '-') => {
      await mustBeFree([file], force)
      const exported = await (await client()).call('exportAudit')
      const lines = await writeLines(world, file, exported, force)
      if (file !== '-')
        world.stdout.write(json ? `${JSON.stringify({ file, lines })}\n` : `${lines} lines in ${file}\n`)
    },
  })
}

function pruneCommand(world: World, outcome: Outcome): Command {
  return verb<{ readonly before: string }>(world, outcome, {
    words: 'prune',
    summary: 'remove entries older than a time; the remaining log can still be verified',
    required: [['--before <time>', `such as ${timeHelp}`]],
    examples: [
      'audit prune --before 2026-01-01',
      'audit export audit-2025.jsonl && mortise audit prune --before 2026-01-01',
    ],
    action: async ({ client, show, time }, { before }) => {
      const body = { before: time('--before', before) }
      const pruned = await (await client()).call('pruneAudit', { body })
      show(pruned, () => `Entries before ${shortTime(pruned.before)} that a checkpoint covers are removed.\n`)
    },
  })
}
