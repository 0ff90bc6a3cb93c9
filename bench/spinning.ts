// Computes without an end and without memory, with the priority of the threads that do costly work. bench/costly.ts compares
// what Mortise's costly work does to others with what this does to them.

import { setPriority } from 'node:os'
import { cryptoLongNice } from '../src/core/crypto/bounds.ts'

setPriority(cryptoLongNice)
process.stdout.write('spinning\n', () => {
  for (let number = 1; ; number = (number * 48_271) % 2_147_483_647) if (number === 0) break
})
