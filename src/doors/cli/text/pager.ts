// Lists on a terminal go through the user's pager. It may end before it has read everything: then the command stops, and that is
// no error. Without a pager, and everywhere but on a terminal, the text goes to standard output.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { CommandError, type PagerProgram, type World } from '../world.ts'

/** Where a list is written. */
export interface PagedOutput {
  /** Resolves when there is room for more; false: the reader has left. */
  write(text: string): Promise<boolean>
  /** Resolves once the reader has left. Throws CommandError if the pager cannot be run. */
  close(): Promise<void>
}

/** Starts the pager, if there is one. */
export async function openPaged({ user, stdout }: Pick<World, 'user' | 'stdout'>): Promise<PagedOutput> {
  const { pager } = user
  const child = pager && (await started(pager))
  return pager && child ? throughPager(child, pager.command) : straightTo(stdout)
}

function straightTo(stdout: World['stdout']): PagedOutput {
  return {
    write: async (text) => {
      stdout.write(text)
      return true
    },
    close: async () => undefined,
  }
}

type Child = ChildProcess & { readonly stdin: Writable }

/** undefined: there is no shell that could run it. */
async function started({ command, env }: PagerProgram): Promise<Child | undefined> {
  const child = spawn('sh', ['-c', command], { stdio: ['pipe', 'inherit', 'inherit'], env })
  try {
    await once(child, 'spawn')
    return child
  } catch {
    return undefined
  }
}

function throughPager(child: Child, command: string): PagedOutput {
  const { stdin } = child
  const left = once(child, 'exit')
  // A pager that ended early closes its end of the pipe.
  stdin.on('error', () => undefined)
  process.on('SIGINT', leaveToPager)
  const stays = () => stdin.writable && child.exitCode === null && child.signalCode === null
  return {
    write: async (text) => {
      if (stays() && !stdin.write(text))
        await Promise.race([once(stdin, 'drain'), left]).catch(() => undefined)
      return stays()
    },
    close: async () => {
      stdin.end()
      await left
      process.off('SIGINT', leaveToPager)
      if (child.exitCode === noSuchCommand || child.exitCode === notExecutable)
        throw new CommandError(
          `the pager ${command} cannot be run`,
          'Name another one in MORTISE_PAGER (or PAGER), or give MORTISE_PAGER=cat to do without.',
        )
    },
  }
}

/** The terminal sends Ctrl-C to the pager too. */
function leaveToPager(): void {
  // The pager decides what it means.
}

/** Exit codes of a shell. */
const notExecutable = 126
const noSuchCommand = 127
