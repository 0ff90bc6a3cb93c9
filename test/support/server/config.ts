// The configuration of a server with all features, as tests read it.

import type { OptionTable } from '../../../src/base/option.ts'
import { Settings } from '../../../src/host/settings.ts'
import { readConfig as read, type ConfigFlags } from '../../../src/outside/config/config.ts'
import { options } from '../../../src/outside/config/options.ts'
import type { Environment } from '../../../src/outside/config/environment.ts'
import { featureOptions, type AllConfig } from '../../../src/program/features.ts'

/** Every option, by section and name. */
export const allOptions: OptionTable = { ...options, ...featureOptions }

export function readConfig(flags: ConfigFlags = {}, env: Environment = {}): AllConfig {
  return read(featureOptions, flags, env)
}

/** `env` is asked for at each read, so that a test can change it before a reload. */
export function readSettings(flags: ConfigFlags, env: () => Environment = () => ({})): Settings<AllConfig> {
  const again = () => readConfig(flags, env())
  return new Settings({ initial: again(), read: again, features: featureOptions })
}
