// The tokens that this server uses. Each token has a helper process of its own. The server starts it at the first call, and starts
// another after it ended or lost the token. A helper loads a module only if the configuration names the module: an administrator who may
// set a root key through the admin API must not make the server run any library.

import type { Clock } from '../../../core/ports/clock.ts'
import { RootKeyError } from '../../../core/ports/root-key.ts'
import type { HelperCallName, HelperCalls } from './helper-messages.ts'
import { HelperError, HelperProcess } from './helper-process.ts'
import { readPin, RefusedPins } from './pins.ts'
import { formatPkcs11Uri, formatToken, type PinSource, type Pkcs11Uri } from './uri.ts'

/** After a failed start of a token's process, the server does not start another one for this long. */
export const pkcs11StartAgainMs = 1_000

export interface Pkcs11Options {
  /** Paths of the modules that may be loaded. */
  readonly modules: readonly string[]
  /** Where systemd puts credentials; null: it gives none. */
  readonly credentialsFolder: string | null
  readonly dataFolder: string
  readonly clock: Pick<Clock, 'after' | 'monotonic'>
  /** Called when a helper process has ended. `reason`: for people. */
  readonly onEnded: (ended: { readonly token: string; readonly reason: string }) => void
}

export class Pkcs11Tokens {
  readonly #options: Pkcs11Options
  readonly #refused: RefusedPins
  readonly #tokens = new Map<string, TokenAccess>()

  constructor(options: Pkcs11Options) {
    this.#options = options
    this.#refused = new RefusedPins(options.dataFolder)
  }

  /** Throws RootKeyError. Loads nothing yet. */
  token(uri: Pkcs11Uri): TokenAccess {
    const module = this.#moduleOf(uri)
    const name = formatToken({ ...uri, modulePath: module })
    const known = this.#tokens.get(name) ?? new TokenAccess(uri, module, this.#options, this.#refused)
    this.#tokens.set(name, known)
    return known
  }

  close(): void {
    for (const token of this.#tokens.values()) token.close()
    this.#tokens.clear()
  }

  #moduleOf({ modulePath }: Pkcs11Uri): string {
    const { modules } = this.#options
    const [only, another] = modules
    if (modulePath !== undefined && modules.includes(modulePath)) return modulePath
    if (modulePath === undefined && only !== undefined && another === undefined) return only
    const allow =
      'A module runs with the rights of Mortise, so the configuration of the server must name it: pkcs11.modules (MORTISE_PKCS11_MODULES)'
    throw new RootKeyError(
      'root-key',
      modulePath === undefined
        ? `the URI names no module (module-path), and the configuration names ${only === undefined ? 'none' : 'several'}. ${allow}`
        : `${modulePath} is not among the modules that the configuration allows (${modules.join(', ') || 'none'}). ${allow}`,
    )
  }
}

/** One token with one PIN. */
export class TokenAccess {
  readonly #uri: Pkcs11Uri
  readonly #module: string
  readonly #options: Pkcs11Options
  readonly #refused: RefusedPins
  readonly #shown: string
  #helper: Promise<HelperProcess> | undefined
  /** The last helper process, also while it starts. */
  #process: HelperProcess | undefined
  /** The last start, if it failed. */
  #failed: { readonly atMs: number; readonly error: unknown } | undefined
  #closed = false

  constructor(uri: Pkcs11Uri, module: string, options: Pkcs11Options, refused: RefusedPins) {
    this.#uri = uri
    this.#module = module
    this.#options = options
    this.#refused = refused
    this.#shown = formatPkcs11Uri({ token: uri.token, key: {} })
  }

  /** Throws RootKeyError. Where the process has lost the token, starts a second one at once and makes the call there. */
  async call<Name extends HelperCallName>(
    call: Name,
    input: HelperCalls[Name][0],
  ): Promise<HelperCalls[Name][1]> {
    for (let tries = 1; ; tries++) {
      const helper = await this.#started()
      try {
        return await helper.call(call, input)
      } catch (error) {
        if (!(error instanceof RootKeyError)) throw error
        const isLost = error instanceof HelperError && error.lost
        // Many modules find a token again only after a new start.
        if (isLost || error.reach === 'unreachable') helper.kill(error.message)
        if (!isLost || tries === 2) throw this.#named(error)
      }
    }
  }

  close(): void {
    this.#closed = true
    this.#process?.kill('the server ends')
  }

  async #started(): Promise<HelperProcess> {
    const { clock } = this.#options
    // Many calls may come while the token is away, and not each of them starts a process.
    if (this.#failed && clock.monotonic() - this.#failed.atMs < pkcs11StartAgainMs) throw this.#failed.error
    const starting = (this.#helper ??= this.#start().catch((error: unknown) => {
      this.#helper = undefined
      const named = error instanceof RootKeyError ? this.#named(error) : error
      this.#failed = { atMs: clock.monotonic(), error: named }
      throw named
    }))
    const helper = await starting
    if (!helper.hasEnded) return helper
    if (this.#helper === starting) this.#helper = undefined
    return this.#started()
  }

  async #start(): Promise<HelperProcess> {
    const { pinSource, token } = this.#uri
    const pin = pinSource === undefined ? null : await readPin(pinSource, this.#options.credentialsFolder)
    const begin = async (): Promise<HelperProcess> => {
      if (this.#closed) throw new RootKeyError('unreachable', 'the server ends')
      const helper = new HelperProcess(this.#options.clock, (reason) => {
        if (!this.#closed) this.#options.onEnded({ token: this.#shown, reason })
      })
      this.#process = helper
      try {
        await helper.call('start', { module: this.#module, token, pin })
        return helper
      } catch (error) {
        helper.kill('it did not start')
        throw error
      }
    }
    if (pin === null || pinSource === undefined) return begin()
    try {
      return await this.#refused.logIn(`${this.#module} ${this.#shown}`, pin, begin, (error) =>
        error instanceof HelperError && error.refusesPin ? whatToDo(error, pinSource) : undefined,
      )
    } finally {
      pin.fill(0)
    }
  }

  /** The error with the token's URI at the beginning of its message. */
  #named(error: RootKeyError): RootKeyError {
    const { reach, altered, message } = error
    return new RootKeyError(reach, `${this.#shown}: ${message}`, { cause: error, altered })
  }
}

function whatToDo({ message }: RootKeyError, { kind, name }: PinSource): string {
  const where = kind === 'file' ? name : `the credential ${name}`
  return (
    `${message}. Put the right PIN into ${where}; if it is locked or has expired, the security officer of the token sets a ` +
    'new one first. To try this one again, remove pkcs11/refused-pins.json from the data folder.'
  )
}
