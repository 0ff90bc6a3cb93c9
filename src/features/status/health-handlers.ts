// Health and metrics, for monitoring, and the reload of the configuration.

import type { StandardKeyTrouble } from '../../core/sealing/standard-key-troubles.ts'
import type { SomeHandlers } from '../../doors/http/feature.ts'
import type { RootKeyTrouble } from '../../core/server/readiness-facts.ts'
import { Refusal } from '../../base/refusal.ts'
import { countBySeverity } from '../../core/conditions/conditions.ts'
import { storedKeyConditions, type StoredKeyFacts } from './conditions/stored-keys.ts'
import type { Needs } from './needs.ts'
import type { statusRoutes } from './routes.ts'

export const healthHandlers = {
  live: async () => ({ live: true }),

  ready: async (context) => {
    const readiness = await context.readiness()
    const { ready, degraded, standardKeys } = readiness
    // The route needs no token, so only the log has the reason.
    if (!ready) throw new Refusal('unavailable', 'this node cannot serve', 'Its log says why.')
    const { conditions, of } = await context.conditions.gather(readiness)
    const { recoverable, usages } = of<StoredKeyFacts>(storedKeyConditions)
    const those = (trouble: RootKeyTrouble) =>
      [...degraded].filter(([, its]) => its === trouble).map(([instanceId]) => instanceId)
    const refused = (what: StandardKeyTrouble['what']) =>
      standardKeys.filter((trouble) => trouble.what === what).map(({ instanceId }) => instanceId)
    return {
      ready,
      degradedInstances: degraded.size,
      degraded: [...degraded.keys()],
      unreachable: those('unreachable'),
      withdrawn: those('withdrawn'),
      newKeysRefused: refused('make'),
      readsRefused: refused('read'),
      standardKeysLeft: refused('delete'),
      closingsUnrecorded: refused('record'),
      otherServers: refused('another'),
      nearLimit: usages.filter(({ near }) => near.length > 0).map(({ instance }) => instance.id),
      recoverableKeys: recoverable.reduce((sum, { count }) => sum + count, 0),
      conditions: countBySeverity(conditions),
    }
  },

  metrics: async ({ metricsText }) => metricsText(),

  reloadConfiguration: async ({ reload }, { asker }) => {
    const { applied, needRestart } = await reload(asker.by)
    return { applied: [...applied], needRestart: [...needRestart] }
  },
} satisfies SomeHandlers<typeof statusRoutes, Needs>
