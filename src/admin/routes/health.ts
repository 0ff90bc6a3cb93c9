// Health and metrics, for whoever watches the server.

import type { Handlers } from '../context.ts'
import { Refusal } from '../errors.ts'

export const healthHandlers: Handlers<'live' | 'ready' | 'metrics'> = {
  live: async () => ({ live: true }),

  ready: async ({ readiness }) => {
    const { ready, degradedInstances } = await readiness()
    // Anybody may ask, so the reason is in the log only.
    if (!ready) throw new Refusal('unavailable', 'this node cannot serve', 'Its log says why.')
    return { ready, degradedInstances }
  },

  metrics: async ({ metrics }) => metrics(),
}
