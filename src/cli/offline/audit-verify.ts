// `audit verify FILE`: verifies an exported file without a server or data folder.

import { parseCheckpoint } from '../../audit/export.ts'
import { readNamed } from '../files.ts'
import { CommandError, type Checkpoint, type Proof, type World } from '../world.ts'

export async function verifyFile(world: World, file: string, checkpoint: string | undefined): Promise<Proof> {
  const kept = checkpoint === undefined ? undefined : await readCheckpoint(checkpoint)
  const content = file === '-' ? await text(world) : (await readNamed(file)).toString('utf8')
  return world.verifyExport(content.split('\n'), kept)
}

/** Reads a checkpoint: by itself, or the last one in the lines of the log stream or of an export. */
export async function readCheckpoint(file: string): Promise<Checkpoint> {
  const content = (await readNamed(file)).toString('utf8')
  const found = parseCheckpoint(content) ?? content.split('\n').map(parseCheckpoint).findLast(Boolean)
  if (found) return found
  throw new CommandError(
    `there is no checkpoint in ${file}`,
    'It should be a line of JSON with number, body and signature, or the log of the server, which has such lines.',
  )
}

async function text({ stdin }: World): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stdin as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
