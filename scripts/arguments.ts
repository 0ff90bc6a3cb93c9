// Reads the arguments of the scripts behind `npm run`: --help prints how one is called, and a wrong argument ends it with one line.

import { parseArgs, type ParseArgsConfig } from 'node:util'

/** `usage`: what follows `npm run`. `more`: further lines of the help. */
export function argumentsOf<T extends ParseArgsConfig>(usage: string, config: T, more = '') {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(`usage: npm run ${usage}\n${more}`)
    process.exit(0)
  }
  try {
    return parseArgs(config)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const [sentence = ''] = error.message.split('. ')
    return misused(usage, sentence)
  }
}

/** Ends the script. */
export function misused(usage: string, why: string): never {
  process.stderr.write(`${why}. Usage: npm run ${usage}\n`)
  process.exit(2)
}

export function positiveNumber(usage: string, flag: string, text: string): number {
  const number = Number(text)
  if (text.trim() !== '' && Number.isFinite(number) && number > 0) return number
  return misused(usage, `${flag} takes a number above 0, not ${text}`)
}
