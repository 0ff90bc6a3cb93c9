// A restore from standard keys that moves them to another root key may need a second person.

import type { Guards } from '../../doors/http/feature.ts'
import { named, serverReach } from '../../doors/http/guard.ts'
import type { RestoreService } from './needs.ts'
import type { restoreRoutes } from './routes.ts'

export const guards: Guards<typeof restoreRoutes, RestoreService> = {
  beginRestore: {
    // With an earlier root key named, the keys move from there to the other one.
    acts: ({ body }) => ((body.oldRootKeys ?? []).length > 0 ? ['set-root-key', 'key export'] : []),
    reach: serverReach,
    facts: (_context, { body }) =>
      Promise.resolve({
        Instance: body.instance ?? 'the only one beside these root keys',
        ...named('Name', body.name),
        'Root key': body.rootKey,
        'Root keys that its keys leave': (body.oldRootKeys ?? []).join(', '),
        'API key': body.ibmApiKey === undefined ? "the server's" : 'one that comes with the request',
      }),
    secrets: ['ibmApiKey'],
    isLong: true,
  },
}
