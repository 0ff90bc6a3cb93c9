// The command line needs this from outside, passed in by main.ts: streams, configuration, and the parts of the server that
// some commands use themselves. Tests pass in their own.

import type { AcceptedNode, AcceptedRestore } from '../../core/server/anchor.ts'
import type { Probed } from '../../features/adopt/probe.ts'
import type { Manifest } from '../../core/backup/manifest.ts'
import type { BackupProof } from '../../core/backup/verify.ts'
import type { ClientOptions } from '../../outside/kmip-client/client.ts'

export interface World {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly stdout: {
    write(text: string | Uint8Array): unknown
    readonly isTTY?: boolean
    /** The width of the terminal in characters. */
    readonly columns?: number
  }
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean }
  /** Shows lists page by page; left out: there is none, or standard output is not a terminal. */
  readonly pager?: PagerProgram | undefined
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly version: string
  /** How the user calls this program: `mortise`, or its equivalent in a checkout. */
  readonly command: string
  /** The data folder, as flags, environment and file say. Throws UsageError. */
  readonly dataFolder: (flags: Flags) => string
  /** The whole configuration, which holds no secrets, and the files that do. Throws UsageError. */
  readonly configuration: (flags: Flags) => {
    readonly configuration: object
    readonly secretFiles: readonly string[]
    /** Where the admin API listens. */
    readonly adminHost: string
  }
  /** The variables that say where the server is. */
  readonly environment: ClientEnvironment
  /** Where `mortise login` keeps sessions. */
  readonly sessionFolder: string
  /** Opens an address in the user's browser; false: there is none that could be seen. */
  readonly openBrowser: (url: string) => boolean
  /** A profile of the user's configuration. Throws UsageError. */
  readonly profile: (name: string) => Profile
  /** Runs the server until a signal stops it; the exit code. Calls `started` once it serves. Throws UsageError. */
  readonly serve: (flags: Flags, json: boolean, started: (about: Started) => void) => Promise<number>
  /**
   * Runs a server on a temporary folder, without the configuration and the environment of the user, until `serving` settles; then
   * removes the folder. The exit code is that of `serving`.
   */
  readonly serveTemporary: (
    options: { readonly kmip: string; readonly verbose: boolean },
    serving: (about: TemporaryServer) => Promise<number>,
  ) => Promise<number>
  /** Accepts a database that is older than its anchor. `anyway`: also one that is not. Throws UsageError. */
  readonly acceptRestore: (
    flags: Flags,
    json: boolean,
    anyway: boolean,
  ) => Promise<AcceptedRestore | AcceptedNode>
  /** Verifies a backup. Throws UsageError, and CommandError when it cannot be read or opened. */
  readonly verifyBackup: (
    flags: Flags,
    options: OpenBackupOptions & { readonly all: boolean },
  ) => Promise<BackupVerified>
  /** Starts a server on a backup and fetches keys from it. Throws UsageError, and CommandError when it does not start. */
  readonly drillBackup: (flags: Flags, options: Omit<OpenBackupOptions, 'identity'>) => Promise<BackupDrill>
  /** Makes the database of an empty data folder of a backup. Throws UsageError, and CommandError when it cannot. */
  readonly restoreFile: (flags: Flags, options: RestoreFileOptions) => Promise<RestoredBackup>
  /** Copies a whole database into an empty place. Throws UsageError, and CommandError when it cannot. */
  readonly copyStore: (flags: Flags, options: CopyStoreOptions) => Promise<CopiedStore>
  /** Makes a token on the data folder while no server runs. Throws UsageError. */
  readonly recoverToken: (
    flags: Flags,
    json: boolean,
    signAnew: readonly string[] | undefined,
  ) => Promise<TokenRecovered>
  /**
   * Opens a challenge with a root key: that of the configuration, or the one in a file. The answer, in hex. Throws
   * CommandError if the root key cannot be used or does not open it.
   */
  readonly answerChallenge: (
    by: { readonly flags: Flags } | { readonly file: string },
    challenge: { readonly rootKey: string; readonly wrapped: string },
  ) => Promise<string>
  /** Tries a root key with the configuration of the server; with `create`, after it was made on its token. Throws CommandError. */
  readonly tryRootKey: (
    flags: Flags,
    wanted: { readonly uri: string; readonly create: boolean },
  ) => Promise<TriedRootKey>
  /** Reads what IBM's service stored beside a root key, and tries to open it. Throws CommandError. */
  readonly probe: (wanted: ProbeWanted) => Promise<Probed>
  /** Finds and tests the FIPS module (or takes the one named), and writes the settings of FIPS mode. Throws UsageError and CommandError. */
  readonly setUpFips: (flags: Flags, module: string | undefined) => Promise<FipsModule>
  /**
   * Has PBKDF2 derive the passphrase of a root key file: of that in use, or of the one named, which the passphrase of the
   * configuration opens, or the one named. Throws UsageError and CommandError.
   */
  readonly convertRootKeyFile: (
    flags: Flags,
    options: { readonly file?: string; readonly passphraseFile?: string },
  ) => Promise<ConvertedRootKeyFile>
}

/** A command for the shell, and its environment. */
export interface PagerProgram {
  readonly command: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A root key that seals and opens. */
export interface TriedRootKey {
  /** To give to an instance. */
  readonly uri: string
  readonly id: string
  /** Sentences for the administrator. */
  readonly warnings: readonly string[]
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

/** OpenSSL's module for FIPS mode. */
export interface FipsModule {
  readonly path: string
  readonly version: string
}

/** `converted`: false where the file had PBKDF2 already, or no passphrase. */
export interface ConvertedRootKeyFile {
  readonly file: string
  readonly id: string
  readonly converted: boolean
}

/** A server that serves, as its welcome shows it. */
export interface Started {
  readonly kmip: string
  /** https://HOST:PORT; null: the server takes no HTTPS. */
  readonly kmipHttps: string | null
  readonly admin: string
  readonly serverCertSha256: string
  /** The number of clients that are trusted. */
  readonly clients: number
  readonly isUnused: boolean
  /** Whether the console is shown at `admin`. */
  readonly hasConsole: boolean
  readonly dataFolder: string
  readonly warnings: readonly string[]
}

/** A server that lives as long as `mortise dev`. */
export interface TemporaryServer extends Pick<Started, 'kmip' | 'admin' | 'serverCertSha256' | 'dataFolder'> {
  /** Only its owner may read it; everything in it goes with it. */
  readonly folder: string
  /** Resolves with the signal that stops the program. */
  readonly stopped: Promise<string>
  /** Runs a command with these variables and those of the user, without what the user set for Mortise; its exit code. */
  readonly run: (words: readonly string[], variables: Readonly<Record<string, string>>) => Promise<number>
}

/** A backup's file and what opens it; without either option the root key that it names. */
export interface OpenBackupOptions {
  readonly file: string
  readonly rootKey?: string
  /** A file with an age identity. */
  readonly identity?: string
  readonly onProgress: (done: number, total: number) => void
}

/** The result of verifying a backup, and which backup it is. */
export interface BackupVerified extends BackupProof, Pick<Manifest, 'id' | 'serverId' | 'created'> {
  readonly instances: readonly string[]
}

/** The result of a drill. */
export interface BackupDrill {
  readonly id: string
  readonly created: string
  readonly ok: boolean
  /** `keys`: all that are not destroyed. */
  readonly instances: readonly { readonly name: string; readonly keys: number; readonly fetched: number }[]
  /** Instances that were not tried. */
  readonly leftOut: readonly string[]
  /** One line for each key that was not served. */
  readonly failures: readonly string[]
}

/** A place is a data folder, its database file, or postgres://user@host/database. */
export interface CopyStoreOptions {
  readonly from: string
  readonly to: string
  /** Left out: as configured. */
  readonly fromPasswordFile?: string
  readonly toPasswordFile?: string
  readonly onProgress: (step: 'copied' | 'compared', done: number, total: number) => void
}

/** The result of `store copy`. */
export interface CopiedStore {
  readonly from: string
  readonly to: string
  /** The kind of the new store. */
  readonly kind: 'sqlite' | 'postgres'
  readonly objects: number
  readonly entries: number
  readonly records: number
  /** A digest of every record of either store: both gave the same. */
  readonly sha256: string
  /** Their URIs, as the data keys name them. */
  readonly rootKeys: readonly string[]
}

export interface RestoreFileOptions extends OpenBackupOptions {
  /** A file with an audit export of the server that ran last: what it closed since is closed again. */
  readonly audit?: string
  /** Kept outside, of the server that ran last: says how much is missing. */
  readonly checkpoint?: Checkpoint
  readonly distrustNewerMs?: number
  /** Called with a whole question where keys may be open again; rejects unless somebody says yes. */
  readonly confirm: (question: string) => Promise<void>
}

/** The result of a restore, and what is known to be missing. */
export interface RestoredBackup {
  readonly id: string
  readonly created: string
  readonly instances: readonly { readonly name: string; readonly objects: number; readonly custody: string }[]
  readonly entries: number
  readonly clients: readonly string[]
  readonly rootKeys: readonly string[]
  readonly rootKeysMissing: readonly string[]
  /** Null: no audit export was given. */
  readonly applied: {
    readonly upTo: string | null
    readonly entries: number
    readonly revoked: number
    readonly destroyed: number
    /** Destroyed before the backup, and brought back after it. */
    readonly broughtBack: number
    readonly blocked: number
  } | null
  /** Keys that were made after the backup, as the audit export names them; null: not known. */
  readonly keysLost: readonly string[] | null
  /** Clients, certificates and CAs that are not trusted any more. */
  readonly withdrawn: readonly string[]
  /** Clients that may ask for less than the backup says, with what that is. */
  readonly limited: readonly string[]
  /** Audit entries that were written after the backup, as an outside checkpoint says. */
  readonly beyond: { readonly entries: number; readonly at: string } | null
}

/** The result of `token recover`. */
export type TokenRecovered =
  | { readonly state: 'made'; readonly id: string; readonly token: string; readonly expires: string }
  /** A server uses the data folder: ask it. */
  | { readonly state: 'running' }
  /** Rows of trust do not count, and somebody must decide about them first. */
  | {
      readonly state: 'altered'
      readonly rows: readonly {
        /** `kind/id`. */
        readonly row: string
        readonly name: string | null
        readonly state: 'genuine' | 'altered' | 'unreadable' | 'over'
      }[]
    }

/** The places that `adopt probe` looks at. */
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
