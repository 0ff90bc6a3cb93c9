// Proves an exported log in this browser, against a checkpoint that was kept elsewhere. Works in slices, so that the page
// stays alive beside it.

import { ExportReader, linesOf, parseCheckpoint } from '../../../src/core/audit/export.ts'
import { proveLog, type AuditProof, type ProofCrypto } from '../../../src/core/audit/proof.ts'
import type { AuditCheckpoint, StoredAuditEntry } from '../../../src/core/ports/audit.ts'

export interface Progress {
  readonly done: number
  readonly of: number
}

/** Rests after so many milliseconds of work, for less than a frame. */
const sliceMs = 12

/** Throws an Error with a sentence for people. `signal` ends it when nobody waits for it any more. */
export async function proveExport(
  exported: Blob,
  checkpointText: string,
  crypto: ProofCrypto,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (made: Progress) => void },
): Promise<AuditProof> {
  const rest = resting(signal)
  const checkpoint = checkpointText.trim() === '' ? undefined : checkpointOf(checkpointText)
  const reader = new ExportReader()
  for await (const line of linesOf(partsOf(await unpacked(exported)))) {
    reader.add(line)
    if (rest.isDue()) await rest.now()
  }
  const { publicKey, ...log } = reader.log()
  const of = log.entries.length
  const entries = (async function* (): AsyncGenerator<StoredAuditEntry> {
    for (const [done, entry] of log.entries.entries()) {
      if (rest.isDue()) {
        onProgress({ done, of })
        await rest.now()
      }
      yield entry
    }
  })()
  return proveLog({ ...log, entries }, { publicKey, ...(checkpoint && { checkpoint }) }, crypto)
}

function checkpointOf(text: string): AuditCheckpoint {
  const checkpoint = parseCheckpoint(text)
  if (checkpoint) return checkpoint
  throw new Error(
    'This is no checkpoint: it should be one line of JSON with number, body and signature, as in the log of the server.',
  )
}

function resting(signal: AbortSignal) {
  let startedMs = performance.now()
  return {
    isDue: () => performance.now() - startedMs > sliceMs,
    now: async () => {
      signal.throwIfAborted()
      await new Promise((resolve) => setTimeout(resolve))
      startedMs = performance.now()
    },
  }
}

/** `audit export - | gzip` makes a file that is a tenth as large. */
async function unpacked(exported: Blob): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const [first, second] = new Uint8Array(await exported.slice(0, 2).arrayBuffer())
  if (first !== 0x1f || second !== 0x8b) return exported.stream()
  return exported.stream().pipeThrough(new DecompressionStream('gzip'))
}

/** Not every browser goes through a stream by itself. */
async function* partsOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    yield value
  }
}
