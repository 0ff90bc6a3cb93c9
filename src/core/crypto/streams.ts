// Computations whose data comes in parts. One thread of the pool holds all of them, and processes each part in its turn. It
// refuses a part of an unknown stream, since a thread that ended has lost its streams.

import { cryptoStreamsMax } from '../../base/bounds.ts'
import { CryptoError } from './error.ts'
import type { Ending, Finished, CryptoMachine } from './machine.ts'
import { openMachine, type Opening } from './openings.ts'

export interface StreamPart {
  /** The calling thread chooses it. It cannot be guessed. */
  readonly id: string
  /** Only the first part has it. */
  readonly opening?: Opening | undefined
  readonly data?: Uint8Array | undefined
  /** Only the last part has it. */
  readonly ending?: Ending | undefined
}

/** The streams of this thread. */
const machines = new Map<string, CryptoMachine>()

/** Throws CryptoErrors. After an error the stream is gone. */
export function takePart({ id, opening, data, ending }: StreamPart): Finished {
  if (opening) makeRoom()
  const machine = opening ? openMachine(opening) : machines.get(id)
  if (!machine) throw new CryptoError('no-stream', 'the server has lost what was begun: begin again')
  machines.delete(id)
  const now = data ? machine.update(data) : new Uint8Array(0)
  if (!ending) {
    machines.set(id, machine)
    return { data: now }
  }
  return ended(machine, now, ending)
}

/**
 * Removes the oldest stream if there are too many. The calling thread continues at most this many streams, so it does not need
 * that one.
 */
function makeRoom(): void {
  const [oldest] = machines.keys()
  if (machines.size >= cryptoStreamsMax && oldest !== undefined) machines.delete(oldest)
}

/** Forgets streams that the client does not continue. */
export function dropStreams({ ids }: { readonly ids: readonly string[] }): void {
  for (const id of ids) machines.delete(id)
}

/** Computes on the whole data at once. */
export function computeWhole({
  opening,
  data,
  ending,
}: Omit<StreamPart, 'id'> & { readonly opening: Opening }): Finished {
  const machine = openMachine(opening)
  return ended(machine, machine.update(data ?? new Uint8Array(0)), ending ?? {})
}

/** Ends the machine. The result is `now`, the output of the last part, followed by the output of the end. */
function ended(machine: CryptoMachine, now: Uint8Array, ending: Ending): Finished {
  try {
    const finished = machine.finish(ending)
    const { data } = finished
    if (now.length === 0 || !data) return finished
    const whole = Buffer.concat([now, data])
    data.fill(0)
    return { ...finished, data: whole }
  } finally {
    now.fill(0)
  }
}
