// Reads a checkpoint of the audit log that an administrator kept outside.

import { linesOf, parseCheckpoint } from '../../core/audit/export.ts'
import type { AuditCheckpoint } from '../../core/ports/audit.ts'
import { openNamed } from './files.ts'
import { CommandError } from './world.ts'

const checkpointCharactersMax = 64 * 1024

/** Reads a checkpoint: by itself, or the last one in the lines of the log stream or of an export. */
export async function readCheckpoint(file: string): Promise<AuditCheckpoint> {
  const { bytes } = await openNamed(file)
  let checkpoint: AuditCheckpoint | undefined
  // A checkpoint by itself may take several lines.
  let start = ''
  for await (const line of linesOf(bytes)) {
    if (start.length < checkpointCharactersMax) start += `${line}\n`
    checkpoint = parseCheckpoint(line) ?? checkpoint
  }
  checkpoint ??= parseCheckpoint(start)
  if (checkpoint) return checkpoint
  throw new CommandError(
    `there is no checkpoint in ${file}`,
    'It should be a line of JSON with number, body and signature, or the log of the server, which has such lines.',
  )
}
