// The people who log in, as the configuration says who may do what. Part of the composition root.

import { People } from '../core/trust/people.ts'
import type { Core } from '../core/server/core.ts'
import type { Settings } from './settings.ts'

const minuteMs = 60_000

export function openPeople(
  { access, clock, trust }: Pick<Core, 'access' | 'clock' | 'trust'>,
  settings: Pick<Settings, 'now'>,
): People {
  return new People({
    access,
    clock,
    changes: trust.personSessions,
    settings: () => {
      const { issuer, roles, sessionMinutes, idleMinutes } = settings.now.oidc
      return {
        issuer,
        rules: roles,
        sessionMs: sessionMinutes * minuteMs,
        idleMs: idleMinutes * minuteMs,
      }
    },
  })
}
