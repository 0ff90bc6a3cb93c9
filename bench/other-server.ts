// A KMIP server that the user of `npm run bench` names by its address, to be measured like the others: its options, and what they mean.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { ParseArgsConfig } from 'node:util'
import { misused } from '../scripts/arguments.ts'
import { measure } from './measure.ts'
import { onCore, serverOf, type Server } from './servers.ts'

const text = { type: 'string' } as const

export const otherServerOptions = {
  server: text,
  cert: text,
  key: text,
  ca: text,
  fingerprint: text,
  insecure: { type: 'boolean' },
  name: text,
  start: text,
  pid: text,
} as const satisfies ParseArgsConfig['options']

export const otherServerUsage =
  '[--server HOST:PORT --cert PEM --key PEM (--ca PEM | --fingerprint SHA256 | --insecure) [--name NAME] [--start COMMAND | --pid PID]]'

export const otherServerHelp = `
With --server: the same work, in one run, for that server, Mortise and PyKMIP's server in turn; about five minutes, with --quick one.
  --server HOST:PORT  a KMIP server that speaks KMIP 1.1 and TLS 1.2
  --cert, --key       a client's certificate and key, in files; the client may create, get, locate, revoke and destroy keys
  --ca PEM            the authority of the server's certificate; or its --fingerprint, or --insecure
  --name NAME         what the report calls the server (its address, if you leave it out)
  --start COMMAND     a shell command that runs the server in the foreground: the run starts it, restarts it and ends it, and
                      measures its start, its memory and its processor time
  --pid PID           the server's process, if it runs on this machine already: its memory and its processor time
`

/** Whether it lets the client in, before anything else is done. */
const tryForSeconds = 0.1

type Values = { readonly [Name in keyof typeof otherServerOptions]?: string | boolean | undefined }

/** Undefined without --server. Starts it if the user said how. Ends the script if the server does not do what the client asks. */
export async function otherServer(usage: string, values: Values): Promise<Server | undefined> {
  const { server: address, start, pid, insecure } = values
  if (typeof address !== 'string') {
    const [stray] = Object.keys(otherServerOptions).filter((option) => option in values)
    return stray === undefined ? undefined : misused(usage, `--${stray} belongs to --server`)
  }
  if (!/^\S+:\d+$/.test(address)) misused(usage, `--server takes HOST:PORT, not ${address}`)
  const [cert, key] = [fileOf(usage, 'cert', values.cert), fileOf(usage, 'key', values.key)]
  const trust = [
    ...(insecure === true ? ['--insecure'] : []),
    ...(values.ca === undefined ? [] : ['--ca', fileOf(usage, 'ca', values.ca)]),
    ...(values.fingerprint === undefined ? [] : ['--fingerprint', String(values.fingerprint)]),
  ]
  if (trust.length === 0)
    misused(usage, 'say how the server proves itself: --ca, --fingerprint or --insecure')
  if (start !== undefined && pid !== undefined) misused(usage, '--start and --pid exclude each other')
  if (pid !== undefined && !/^[1-9]\d*$/.test(String(pid))) misused(usage, `--pid takes a number, not ${pid}`)
  const about = { name: String(values.name ?? address), address, client: { cert, key, trust } }
  const running = {
    ...about,
    ...(pid !== undefined && { pid: Number(pid) }),
    [Symbol.dispose]: () => {},
  }
  const [program, ...args] = onCore(0, 'sh', '-c', String(start))
  const startIt = () => spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], detached: true })
  let server: Server | undefined
  try {
    server = start === undefined ? running : await serverOf({ ...about, start: startIt })
    await measure(server, tryForSeconds, ['--mix', 'get'])
    return server
  } catch (error) {
    server?.[Symbol.dispose]()
    return failed(error as Error)
  }
}

function failed({ message }: Error): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

function fileOf(usage: string, option: string, file: string | boolean | undefined): string {
  if (typeof file !== 'string') return misused(usage, `--${option} is missing`)
  try {
    readFileSync(file)
    return file
  } catch (error) {
    return misused(usage, `--${option}: ${(error as Error).message}`)
  }
}
