// `audit verify FILE`: verifies an exported file without a server or data folder.

import { linesOf, parseCheckpoint } from '../../core/audit/export.ts'
import { openInput, openNamed } from '../../doors/cli/files.ts'
import { CommandError, type Checkpoint, type Proof, type World } from '../../doors/cli/world.ts'

export async function verifyFile(world: World, file: string, checkpoint: string | undefined): Promise<Proof> {
  const kept = checkpoint === undefined ? undefined : await readCheckpoint(checkpoint)
  const { bytes } = await openInput(world, file)
  return world.verifyExport(linesOf(bytes), kept)
}

const checkpointCharactersMax = 64 * 1024

/** Reads a checkpoint: by itself, or the last one in the lines of the log stream or of an export. */
export async function readCheckpoint(file: string): Promise<Checkpoint> {
  const { bytes } = await openNamed(file)
  let found: Checkpoint | undefined
  // A checkpoint by itself may take several lines.
  let start = ''
  for await (const line of linesOf(bytes)) {
    if (start.length < checkpointCharactersMax) start += `${line}\n`
    found = parseCheckpoint(line) ?? found
  }
  found ??= parseCheckpoint(start)
  if (found) return found
  throw new CommandError(
    `there is no checkpoint in ${file}`,
    'It should be a line of JSON with number, body and signature, or the log of the server, which has such lines.',
  )
}
