// Turns the wall clock of a process under test, as if somebody had set that of its machine: it is loaded before the program, reads
// from a file (MORTISE_TEST_CLOCK) how many milliseconds it is ahead, and reads it again at SIGUSR2. The monotonic clock stays.

import { readFileSync } from 'node:fs'

const file = process.env['MORTISE_TEST_CLOCK'] ?? ''
const machineNow = Date.now
let aheadMs = readAhead()

function readAhead(): number {
  return Number(readFileSync(file, 'utf8'))
}

globalThis.Date = new Proxy(Date, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [turnedNow()] : args, newTarget) as Date,
})
Date.now = turnedNow

function turnedNow(): number {
  return machineNow() + aheadMs
}

process.on('SIGUSR2', () => (aheadMs = readAhead()))
