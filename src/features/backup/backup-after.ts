// Runs the command that copies a backup elsewhere (`[backup] after`): without a shell, with the file's path as its last
// argument. It may print as much as it likes: only the end of what it says on standard error is kept. Part of the
// composition root.

import { spawn } from 'node:child_process'

/** A command that copies a backup elsewhere is ended after this long. */
const backupAfterTimeoutMs = 3600_000

const toldCharactersMax = 500
/** A process that it left behind may hold its standard error open. */
const lastWordsMs = 1_000
const serverEnds = 'the server ends'

/** Null: it ended with 0. Otherwise why not, with the end of what it said. */
export function runAfter(
  [program = '', ...args]: readonly string[],
  file: string,
  signal: AbortSignal,
  timeoutMs: number = backupAfterTimeoutMs,
): Promise<string | null> {
  if (signal.aborted) return Promise.resolve(`${program}: ${serverEnds}`)
  return new Promise((resolve) => {
    const child = spawn(program, [...args, file], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8')
    child.stderr.on('data', (text: string) => (said = (said + text).slice(-toldCharactersMax)))
    let why: string | undefined
    let killer: NodeJS.Timeout | undefined
    const end = () => {
      clearTimeout(timer)
      clearTimeout(killer)
      signal.removeEventListener('abort', abort)
      child.stderr.destroy()
      if (why === undefined) return resolve(null)
      const words = said.trim()
      resolve(words === '' ? `${program}: ${why}` : `${program}: ${why}: ${words}`)
    }
    const timer = setTimeout(() => {
      why = 'it did not end in time'
      child.kill()
      killer = setTimeout(() => child.kill('SIGKILL'), lastWordsMs)
    }, timeoutMs)
    const abort = () => {
      why = serverEnds
      child.kill()
      end()
    }
    signal.addEventListener('abort', abort, { once: true })
    child.on('error', (error) => {
      why = notStarted(error)
      end()
    })
    child.on('exit', (code, killedBy) => {
      if (code !== 0) why ??= `it ended with ${String(code ?? killedBy)}`
      setTimeout(end, lastWordsMs).unref()
    })
    child.on('close', end)
  })
}

function notStarted(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such program'
  if (error.code === 'EACCES') return 'this user may not run it, or it is not executable (chmod +x)'
  return `it does not start: ${error.message}`
}
