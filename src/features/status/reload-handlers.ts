// Reloads the configuration.

import type { SomeHandlers } from '../../doors/http/context.ts'

export const reloadHandlers = {
  reloadConfiguration: async ({ reload }, { asker }) => {
    const { applied, needRestart } = await reload(asker.by)
    return { applied: [...applied], needRestart: [...needRestart] }
  },
} satisfies SomeHandlers
