// `mortise audit verify`: verifies the log of a server, or an exported one without a server. Its result is what the server answers
// for its own log.

import { counted } from '../../base/text/counted.ts'
import { linesOf, readExport } from '../../core/audit/export.ts'
import { readCheckpoint } from '../../doors/cli/checkpoint-file.ts'
import { verb, type Run } from '../../doors/cli/command.ts'
import { openInput } from '../../doors/cli/files.ts'
import { facts, plain } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { CommandError } from '../../doors/cli/world.ts'
import type { AuditCheckpoint } from '../../core/ports/audit.ts'
import { AdminUnreachable } from '../../doors/http/client.ts'
import type { Output } from '../../doors/http/route.ts'
import { auditRoutes } from './routes.ts'

type Proof = Output<typeof auditRoutes.verifyAudit>

export const verifyCommand = verb<{ readonly checkpoint?: string }>({
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

async function proofOf(run: Run, file: string | undefined, checkpoint: string | undefined): Promise<Proof> {
  const kept = checkpoint === undefined ? undefined : await readCheckpoint(checkpoint)
  if (file !== undefined) {
    const { bytes } = await openInput(run.world, file)
    return verifyExport(linesOf(bytes), kept)
  }
  const admin = await run.client()
  if (!kept) return admin.call(auditRoutes.verifyAudit)
  return verifyExport(await admin.call(auditRoutes.exportAudit, { query: { for: 'verify' } }), kept)
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
    [
      'Not yet provable',
      `${counted(proof.unprovedEntries, 'entry', 'entries')} younger than the last checkpoint`,
    ],
    ['Signing key', proof.keySha256],
  ])}`
}

/** Rejects with CommandError where the export cannot be read, and with AdminUnreachable where the server that sends it goes away. */
async function verifyExport(
  lines: AsyncIterable<string>,
  checkpoint: AuditCheckpoint | undefined,
): Promise<Proof> {
  const { verifyLog } = await import('../../core/audit/verify.ts')
  try {
    const { publicKey, ...log } = await readExport(lines)
    const proof = await verifyLog(log, { publicKey, ...(checkpoint && { checkpoint }) })
    const { provedFromMs, provedToMs, ...rest } = proof
    return {
      ...rest,
      problems: [...rest.problems],
      restores: [...rest.restores],
      provedFrom: time(provedFromMs),
      provedTo: time(provedToMs),
    }
  } catch (cause) {
    if (cause instanceof AdminUnreachable) throw cause
    throw new CommandError(cause instanceof Error ? cause.message : String(cause), undefined, { cause })
  }
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
