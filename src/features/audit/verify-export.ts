// Verifies an exported log for the command line, which takes times as text.

import { AdminUnreachable } from '../../doors/http/client.ts'
import { readExport } from '../../core/audit/export.ts'
import { verifyLog } from '../../core/audit/verify.ts'
import { CommandError, type Checkpoint, type Proof } from '../../doors/cli/world.ts'

/** Rejects with CommandError where the export cannot be read, and with AdminUnreachable where the server that sends it goes away. */
export async function verifyExport(
  lines: AsyncIterable<string>,
  checkpoint: Checkpoint | undefined,
): Promise<Proof> {
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
