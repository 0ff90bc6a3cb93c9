// What the command line needs from outside, passed in by main.ts: streams, configuration, and the parts of the server that
// some commands use themselves. Tests pass in their own.

import type { Output } from '../admin/api.ts'
import type { ProbeReport } from '../adopt/probe.ts'
import type { ClientOptions } from '../kmip-client/client.ts'

export interface World {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stdout: { write(text: string | Uint8Array): unknown; readonly isTTY?: boolean }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean }
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly version: string
  /** How the user calls this program: `mortise`, or its equivalent in a checkout. */
  readonly command: string
  /** The data folder, as flags, environment and file say. Throws UsageError. */
  readonly dataFolder: (flags: Flags) => string
  /** The variables that say where the server is. */
  readonly environment: ClientEnvironment
  /** A profile of the user's configuration. Throws UsageError. */
  readonly profile: (name: string) => Profile
  /** Runs the server until a signal stops it; the exit code. Calls `started` once it serves. Throws UsageError. */
  readonly serve: (flags: Flags, json: boolean, started: (about: Started) => void) => Promise<number>
  /** Accepts a database that is older than its anchor. `anyway`: also one that is not. Throws UsageError. */
  readonly acceptRestore: (flags: Flags, json: boolean, anyway: boolean) => Promise<AcceptedRestore>
  /** Reads what IBM's service stored beside a root key, and tries to open it. Throws CommandError. */
  readonly probe: (wanted: ProbeWanted) => Promise<ProbeReport>
  /** Verifies the lines of an audit export. Throws CommandError if they are not an export. */
  readonly verifyExport: (lines: readonly string[], checkpoint: Checkpoint | undefined) => Promise<Proof>
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

/** A server that serves, as its welcome shows it. */
export interface Started {
  readonly kmip: string
  readonly admin: string
  readonly serverCertSha256: string
  readonly firstStart: boolean
  readonly dataFolder: string
  readonly warnings: readonly string[]
}

/** What `restore-accept` found and did. */
export interface AcceptedRestore {
  /** What was wrong; null when nothing was. */
  readonly found: string | null
  readonly trustVersion: number
  readonly checkpoint: number
  readonly tokensRevoked: number
  /** The only token that counts now. */
  readonly token: string
  readonly tokenFile: string
  /**
   * That this database counts, recorded at the service of each root key beside which an instance keeps its keys. `cause`:
   * why it is not recorded there yet; null: it is.
   */
  readonly epochs: readonly {
    readonly instance: string
    readonly rootKey: string
    readonly cause: string | null
  }[]
}

/** What `adopt probe` looks at. */
export interface ProbeWanted {
  readonly rootKey: string
  readonly apiKey: string
  /** The old service, while it still answers. */
  readonly kmip?: Pick<ClientOptions, 'addresses' | 'cert' | 'key' | 'trust'>
  readonly keysMax?: number
  readonly onProgress: (done: number) => void
}

/** A signed checkpoint of the audit log that was kept outside. */
export interface Checkpoint {
  readonly number: number
  readonly body: string
  readonly signature: string
}

export type Flags = Readonly<Record<string, string | undefined>>
export type Proof = Output<'verifyAudit'>

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
