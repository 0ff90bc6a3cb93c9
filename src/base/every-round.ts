// Turns for work in the background, which takes none at a door: it goes on in the next round of the event loop.

import { setImmediate as nextRound } from 'node:timers/promises'
import type { Turns } from './parts.ts'

export const everyRound: Turns = { spent: true, turn: nextRound }
