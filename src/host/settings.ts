// The current configuration, and its reload while the server runs. The line of each option says whether it is live: the users of live ones
// read them here each time, or `apply` passes them on. The other options keep the value from the start. Part of the
// composition root.

import { Refusal } from '../base/refusal.ts'
import { changedOptions, ConfigError, withLiveOptions } from '../outside/config/config.ts'
import type { OptionTable } from '../base/option.ts'
import type { Config } from '../outside/config/options.ts'
import type { Audit } from '../core/audit/audit.ts'
import type { By } from '../core/audit/actor.ts'

/** `C`: the server's own options, with those of features where these are opened. */
export interface SettingsOptions<C extends Config> {
  readonly initial: C
  /** Reads the configuration again from its source. Throws ConfigError. */
  readonly read: () => C
  /** The options of features. */
  readonly features: OptionTable
}

/** The names (`log.level`) of the options whose value has changed. */
export interface Reloaded {
  readonly applied: readonly string[]
  readonly needRestart: readonly string[]
}

/** Applies the live options of a configuration. Rejects if they cannot be applied, and changes nothing then. */
type Apply<C> = (config: C) => Promise<void>

export class Settings<C extends Config = Config> {
  readonly #read: () => C
  readonly #features: OptionTable
  /** Live options as last read; the others as at the start. Only `reload` changes it. */
  now: C
  #apply: Apply<C> | undefined
  #audit: Audit | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor({ initial, read, features }: SettingsOptions<C>) {
    this.now = initial
    this.#read = read
    this.#features = features
  }

  start(audit: Audit, apply: Apply<C>): void {
    this.#audit = audit
    this.#apply = apply
  }

  /** Runs one reload at a time. Throws Refusal if the new configuration is not valid, and changes nothing then. */
  reload(by: By): Promise<Reloaded> {
    const reloaded = this.#last.then(async () => {
      try {
        return await this.#reload(by)
      } catch (error) {
        // The server refuses the configuration also where it cannot write the refusal into the audit log.
        if (error instanceof Refusal) await this.#enter(by, 'refused', { why: error.message }).catch(() => {})
        throw error
      }
    })
    this.#last = reloaded.catch(() => undefined)
    return reloaded
  }

  async #reload(by: By): Promise<Reloaded> {
    const read = this.#readAnew()
    const changed = changedOptions(this.now, read, this.#features)
    const [applied, needRestart] = [true, false].map((live) =>
      changed.filter((option) => option.live === live).map(({ name }) => name),
    )
    const report = { applied: applied ?? [], needRestart: needRestart ?? [] }
    const next = withLiveOptions(this.now, read, this.#features)
    await this.#apply?.(next)
    try {
      const names = { applied: report.applied.join(','), needRestart: report.needRestart.join(',') }
      await this.#enter(by, 'success', names)
    } catch (error) {
      // A reload without an audit entry is taken back.
      await this.#apply?.(this.now)
      throw error
    }
    this.now = next
    return report
  }

  async #enter(
    { requestId = null, ...actor }: By,
    result: 'success' | 'refused',
    detail: Readonly<Record<string, string>>,
  ): Promise<void> {
    const reason = result === 'refused' ? 'InvalidField' : null
    const about = { action: 'server.reload', instanceId: null, object: null } as const
    await this.#audit?.enter({ ...about, result, actor, reason, requestId, detail })
  }

  #readAnew(): C {
    try {
      return this.#read()
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      throw new Refusal(
        'refused',
        `the new configuration is not valid: ${error.message}`,
        'Nothing was changed.',
        {
          cause: error,
        },
      )
    }
  }
}
