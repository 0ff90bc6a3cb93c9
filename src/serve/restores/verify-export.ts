// Verifies an exported log for the command line, which takes times as text.

import { parseExport } from '../../audit/export.ts'
import { verifyLog } from '../../audit/verify.ts'
import { CommandError, type Checkpoint, type Proof } from '../../cli/world.ts'

/** Throws CommandError where the export cannot be read. */
export async function verifyExport(
  lines: readonly string[],
  checkpoint: Checkpoint | undefined,
): Promise<Proof> {
  try {
    const { publicKey, ...log } = parseExport(lines)
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
    throw new CommandError(cause instanceof Error ? cause.message : String(cause), undefined, { cause })
  }
}

function time(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}
