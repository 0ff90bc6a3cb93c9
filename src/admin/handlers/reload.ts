// Reloads the configuration.

import type { Handlers } from '../context.ts'

export const reloadHandlers: Handlers<'reloadConfiguration'> = {
  reloadConfiguration: async ({ reload }, { asker }) => {
    const { applied, needRestart } = await reload(asker.by)
    return { applied: [...applied], needRestart: [...needRestart] }
  },
}
