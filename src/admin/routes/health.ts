// Health and metrics, for whoever watches the server.

import type { Handlers } from '../context.ts'
import { Refusal } from '../errors.ts'

export const healthHandlers: Handlers<'live' | 'ready' | 'metrics'> = {
  live: async () => ({ live: true }),

  ready: async ({ readiness }) => {
    const { ready, reason, degradedInstances } = await readiness()
    if (!ready) throw new Refusal('unavailable', reason ?? 'this node cannot serve', 'See its log.')
    return { ready, degradedInstances }
  },

  metrics: async ({ metrics }) => metrics(),
}
