// The configuration of a server with all features, as tests read it.

import { Settings } from '../../../src/host/settings.ts'
import { readConfig as read, type ConfigFlags } from '../../../src/outside/config/config.ts'
import type { Environment } from '../../../src/outside/config/environment.ts'
import { featureOptions, type AllConfig } from '../../../src/program/features.ts'

export function readConfig(flags: ConfigFlags = {}, env: Environment = {}): AllConfig {
  return read(featureOptions, flags, env)
}

/** `env` is asked for at each read, so that a test can change it before a reload. */
export function readSettings(flags: ConfigFlags, env: () => Environment = () => ({})): Settings<AllConfig> {
  const again = () => readConfig(flags, env())
  return new Settings({ initial: again(), read: again, features: featureOptions })
}
