// The targets that get the audit log: how far each is, and a test entry.

import type { Siem } from './open-siem.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { siemRoutes } from './routes.ts'
import { Refusal } from '../../base/refusal.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'
import type { AuditKeeper } from '../../core/audit/retention.ts'

export const siemHandlers = {
  showSiem: async ({ siem }) => ({ targets: (await siem.facts()).map(shown) }),

  testSiem: async ({ siem, audit, clock }, { asker }) => {
    if ((await siem.facts()).length === 0)
      throw new Refusal(
        'refused',
        'no SIEM gets the audit log',
        'Name a receiver in siem.syslog or a file in siem.file, and restart the server.',
      )
    const { actor, requestId } = asker
    const about = { result: 'success', instanceId: null, object: null, reason: null, detail: null } as const
    await audit.enter({ action: 'siem.test', actor, requestId, ...about })
    // Not before the time of the entry: a target that lacks it still lacks an entry that is not younger than this.
    return { at: isoTime(clock.now()) }
  },
} satisfies Handlers<typeof siemRoutes, Siem>

function shown({ kind, target, behindSinceMs, trouble }: AuditKeeper) {
  return { kind, target, behindSince: isoTimeOrNull(behindSinceMs), trouble }
}
