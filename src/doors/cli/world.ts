// The command line needs this from outside: streams, the environment, the configuration, and what the user has set up. program/world.ts makes
// it of the process. Tests pass in their own.

import type { ConfigurationSource } from '../../base/option.ts'

export interface World {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stdout: {
    write(text: string | Uint8Array): unknown
    readonly isTTY?: boolean
    /** The width of the terminal in characters. */
    readonly columns?: number
  }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean }
  readonly configuration: ConfigurationSource
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly version: string
  /** How the user calls this program: `mortise`, or its equivalent in a checkout. */
  readonly command: string
  /** The data folder, as flags, environment and file say. Throws ConfigError. */
  readonly dataFolder: (flags: Flags) => string
  readonly user: User
  /** Goes on in FIPS mode only, with the settings of the data folder. Throws CommandError. */
  readonly enterFips: (dataFolder: string) => Promise<void>
  /** Receives the lines of the logs; undefined: the standard error of the process. */
  readonly writeLog: ((line: string) => void) | undefined
}

/** The settings of the user for the command line. */
export interface User {
  /** Shows lists page by page; undefined: there is none, or standard output is not a terminal. */
  readonly pager: PagerProgram | undefined
  /** The variables that say where the server is. */
  readonly environment: ClientEnvironment
  /** A profile of the user's configuration. Throws ConfigError. */
  readonly profile: (name: string) => Profile
  /** Where `mortise login` keeps sessions. */
  readonly sessionFolder: string
}

/** A command for the shell, and its environment. */
export interface PagerProgram {
  readonly command: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** MORTISE_PROFILE, MORTISE_ADMIN_URL and MORTISE_TOKEN_FILE. */
export interface ClientEnvironment {
  readonly profile?: string
  readonly admin?: string
  readonly tokenFile?: string
}

/** How to reach one remote server. */
export interface Profile {
  readonly admin: string
  readonly tokenFile?: string
  readonly adminCa?: string
  readonly adminFingerprint?: string
}

export type Flags = Readonly<Record<string, string | undefined>>

/** The command was used wrongly: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command failed or was refused: exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly hint: string | undefined
  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options)
    this.hint = hint
  }
}
