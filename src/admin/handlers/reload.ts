// Reloads the configuration.

import type { SomeHandlers } from '../context.ts'

export const reloadHandlers = {
  reloadConfiguration: async ({ reload }, { asker }) => {
    const { applied, needRestart } = await reload(asker.by)
    return { applied: [...applied], needRestart: [...needRestart] }
  },
} satisfies SomeHandlers
