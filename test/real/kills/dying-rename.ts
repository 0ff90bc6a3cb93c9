// Kills a process under test beside one of its renames: it is loaded before the program, and reads from MORTISE_TEST_DIES when: `before 2`
// is before the second one.

import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const [when, count] = (process.env['MORTISE_TEST_DIES'] ?? '').split(' ')
const { rename } = fs
let renames = 0

fs.rename = async (from, to) => {
  const dies = ++renames === Number(count)
  if (dies && when === 'before') process.kill(process.pid, 'SIGKILL')
  await rename(from, to)
  if (dies) process.kill(process.pid, 'SIGKILL')
}
syncBuiltinESMExports()
