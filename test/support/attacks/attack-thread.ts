// The thread in which an attack runs, so that what it computes does not disturb the client whose answers are timed. Any
// message tells it to stop; it ends when the attack has.

import { parentPort, workerData } from 'node:worker_threads'
import { attacks, type AttackName } from './all.ts'
import type { Target } from './target.ts'

const { name, target } = workerData as { readonly name: AttackName; readonly target: Target }
const stop = new AbortController()
parentPort?.once('message', () => stop.abort())
await attacks[name].attack(target, stop.signal)
