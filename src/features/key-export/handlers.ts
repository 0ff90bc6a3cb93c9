// The export of keys: the sealed file, and what became of it.

import type { Exporting } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { keyExportRoutes } from './routes.ts'
import { Refusal } from '../../base/refusal.ts'
import { shownFailure } from '../../doors/http/shown-job.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { Instance } from '../../core/trust/rows.ts'

export const keyExportHandlers = {
  exportKeys: async ({ keyExports, keys, version }, { asker, instance, body }) => {
    requirePortable(instance)
    return keyExports.begin({
      ...body,
      instance,
      version,
      perform: (work) => keys.perform(async () => asker.identify(instance.id), work),
    })
  },

  showKeyExport: async ({ keyExports }, { instance, params }) => {
    const outcome = keyExports.outcome(instance.id, params.export)
    if (!outcome)
      throw new Refusal(
        'not-found',
        'there is no such export: the server was restarted, or another one came after it',
        'What it contains is in its last line.',
      )
    const { refusal, notExported, ...known } = outcome
    return {
      ...known,
      notExported: { ...notExported, items: notExported.items.map((item) => ({ ...item })) },
      error: shownFailure(refusal),
    }
  },
} satisfies Handlers<typeof keyExportRoutes, Exporting>

export function requirePortable({ name, portable }: Instance): void {
  if (portable) return
  throw new Refusal(
    'refused',
    `the keys of the instance ${name} may not be exported`,
    `Allow it first, and forbid it again afterwards: mortise instance set ${shellWord(name)} --portable yes`,
  )
}
