// Users of the command line, each with a home of their own, and a server to which they log in.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { runCommand } from '../../../src/program/cli.ts'
import { makeWorld } from '../../../src/program/world.ts'
import type { RealProvider } from './real-provider.ts'

export interface RunningCommand {
  readonly stdin: PassThrough
  /** The exit code. */
  readonly ended: Promise<number>
  readonly said: { readonly stdout: string; readonly stderr: string }
  /** Resolves once standard error has it. */
  until(pattern: RegExp): Promise<RegExpExecArray>
}

export class CliUsers {
  readonly #folder: string
  readonly #server: { readonly admin: string; readonly data: string }

  constructor(folder: string, server: { readonly admin: string; readonly data: string }) {
    this.#folder = folder
    this.#server = server
  }

  /** A command that runs. */
  begin(user: string, ...words: string[]): RunningCommand {
    const stdin = new PassThrough()
    const said = { stdout: '', stderr: '' }
    const waiting: (() => void)[] = []
    const world = makeWorld({
      stdin,
      stdout: { write: (part) => void (said.stdout += String(part)) },
      stderr: {
        write: (part) => {
          said.stderr += part
          for (const look of waiting) look()
        },
      },
      env: { XDG_CONFIG_HOME: path.join(this.#folder, user) },
      enterFips: () => assert.fail('no FIPS mode here'),
      whenServing: () => assert.fail('no server is started here'),
    })
    const { admin, data } = this.#server
    const where = ['--admin', admin, '--admin-ca', path.join(data, 'admin-ca.pem')]
    return {
      stdin,
      ended: runCommand([...words, ...where], world),
      said,
      until: (pattern) =>
        new Promise((resolve) => {
          const look = () => {
            const found = pattern.exec(said.stderr)
            if (found) resolve(found)
          }
          waiting.push(look)
          look()
        }),
    }
  }

  async run(user: string, ...words: string[]) {
    const { ended, said, stdin } = this.begin(user, ...words)
    stdin.end()
    return { code: await ended, ...said }
  }

  /** By the browser of this machine, as somebody whom the provider knows by this name. */
  async logIn(user: string, provider: Pick<RealProvider, 'browse'>, login = user): Promise<void> {
    const command = this.begin(user, 'login')
    await visit(await provider.browse(await addressOf(command), login))
    assert.equal(await command.ended, 0, command.said.stderr)
  }

  sessionFile(user: string): string {
    const { host } = new URL(this.#server.admin)
    return path.join(this.#folder, user, 'mortise/sessions', host.replace(':', '_'))
  }
}

/** Where a login sends the browser. */
export async function addressOf(login: RunningCommand): Promise<string> {
  const [, url = ''] = await login.until(/^ {2}(https:\/\/\S+)$/m)
  return url
}

/** As a browser does, to a port of this machine. */
export async function visit(url: string) {
  const [answer] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage]
  return { status: answer.statusCode, headers: answer.headers, text: await text(answer) }
}
