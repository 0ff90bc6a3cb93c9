// The environment beside the options: which server a command asks, and what systemd, Kubernetes and the desktop set.

import { homedir } from 'node:os'
import path from 'node:path'
import { programFolder } from '../../base/program-files.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Variables of the command line: they say which server a command asks. */
export const clientVariables = {
  profile: 'MORTISE_PROFILE',
  admin: 'MORTISE_ADMIN_URL',
  tokenFile: 'MORTISE_TOKEN_FILE',
} as const

/** A variable of the command line too: the program that shows lists on a terminal. */
export const pagerVariable = 'MORTISE_PAGER'

/** The values of these variables; an empty one counts as not set. */
export function readClientEnvironment(env: Environment = process.env): {
  readonly [N in keyof typeof clientVariables]?: string
} {
  const set = Object.entries(clientVariables).map(([name, variable]) => [name, env[variable]] as const)
  return Object.fromEntries(set.filter(([, value]) => value !== undefined && value !== ''))
}

/** For a command that Mortise runs: what the user or bin/mortise.js set for Mortise is not for it. */
export function environmentOfOthers(env: Environment = process.env): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name, value]) => !isForMortise(name, value)))
}

function isForMortise(name: string, value = ''): boolean {
  return name.startsWith('MORTISE_') || (name === 'NODE_COMPILE_CACHE' && value.startsWith(programFolder))
}

/** Where systemd expects messages of the process that it started, and how long it waits for each; null: it expects none. */
export function readServiceManager(
  env: Environment = process.env,
  pid = process.pid,
): { readonly socket: string | null; readonly watchdogMs: number | null } {
  const { NOTIFY_SOCKET: socket = '', WATCHDOG_USEC: microseconds = '', WATCHDOG_PID: watched = '' } = env
  const meant = watched === '' || Number(watched) === pid
  return {
    socket: socket === '' ? null : socket,
    watchdogMs:
      socket !== '' && meant && /^[1-9]\d*$/.test(microseconds) ? Number(microseconds) / 1000 : null,
  }
}

/** The program that opens an address in a browser that the user sees; undefined: there is none. */
export function browserProgram(env: Environment = process.env): string | undefined {
  if (process.platform === 'darwin') return 'open'
  const { DISPLAY: x = '', WAYLAND_DISPLAY: wayland = '' } = env
  return x === '' && wayland === '' ? undefined : 'xdg-open'
}

/** A command for the shell that shows text page by page, and its environment; undefined: the user wants none, or the terminal has no pages. */
export function pagerProgram(
  env: Environment = process.env,
): { readonly command: string; readonly env: Environment } | undefined {
  const { PAGER: general, TERM: terminal = 'dumb', LESS: flags = lessFlags } = env
  const named = (env[pagerVariable] ?? general)?.trim()
  if (named === '' || named === 'cat' || (named === undefined && terminal === 'dumb')) return undefined
  const command = named ?? `command -v less > /dev/null || exec cat; exec less -${lessFlags}`
  // Under sudo a pager that can start a shell would give more rights than the command.
  return { command, env: { ...environmentOfOthers(env), LESS: flags, LESSSECURE: '1' } }
}

/** less ends at once where all fits on the screen, shows colours, and leaves the text on the screen. */
const lessFlags = 'FRX'

/** The folder of the user's own configuration: $XDG_CONFIG_HOME/mortise, or ~/.config/mortise. */
export function userConfigFolder(env: Environment = process.env): string {
  const { XDG_CONFIG_HOME: base = '' } = env
  return path.join(path.isAbsolute(base) ? base : path.join(homedir(), '.config'), 'mortise')
}

/** Names of the variables that Kubernetes set for a service whose name begins with mortise. Nothing reads them. */
export function kubernetesVariables(env: Environment = process.env): readonly string[] {
  return Object.keys(env).filter((name) => isKubernetes(name, env[name]))
}

/** `MORTISE_SERVICE_HOST`, `MORTISE_PORT_5696_TCP_ADDR`, and `MORTISE_PORT` with a URL: a number is a mistake of the administrator. */
export function isKubernetes(name: string, value: string | undefined): boolean {
  if (/^MORTISE_([A-Z0-9_]+_)?SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name)) return true
  if (/^MORTISE_([A-Z0-9_]+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true
  return /^MORTISE_([A-Z0-9_]+_)?PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(value ?? '')
}
