// An export of keys may need a second person.

import type { Guards } from '../../doors/http/feature.ts'
import { ofInstance } from '../../doors/http/guard.ts'
import type { Exporting } from './needs.ts'
import type { keyExportRoutes } from './routes.ts'
import { shownRecipients } from '../../core/sealing/for-recipients.ts'
import { requirePortable } from './handlers.ts'

export const guards: Guards<typeof keyExportRoutes, Exporting> = {
  exportKeys: {
    acts: () => ['key export'],
    reach: ofInstance,
    facts: async (context, { instance, body }) => {
      requirePortable(instance)
      context.keyExports.requireFree(instance)
      return {
        Instance: instance.name,
        'What leaves': 'every key of it that may leave',
        'Who can open it': (await shownRecipients(body.recipients)).join(', '),
      }
    },
    isRepeated: true,
  },
}
