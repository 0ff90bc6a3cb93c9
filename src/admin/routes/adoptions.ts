// Adoption from another KMIP server, or from the standard keys that one left: begun, looked at, and checked against the identifiers that a vCenter uses.

import type { AdoptionWanted, OldServerWanted } from '../../adopt/adoption.ts'
import type { AdoptionReport, Listed } from '../../adopt/report.ts'
import type { StandardKeysWanted } from '../../adopt/standard-keys.ts'
import { isDestroyed } from '../../keys/lifecycle.ts'
import type { Adoption } from '../adoptions.ts'
import type { AdminContext, Asked, Handlers } from '../context.ts'
import { Refusal } from '../errors.ts'

export const adoptionHandlers: Handlers<
  'beginAdoption' | 'beginStandardKeyAdoption' | 'showAdoption' | 'checkAdoption'
> = {
  beginAdoption: async (context, asked) => {
    const { ids, dryRun, verify, ...server } = asked.body
    return begun(context, asked, { ...oldServer(server), ids, dryRun, verify })
  },

  beginStandardKeyAdoption: async (context, asked) => {
    const { oldServer: server, ...wanted } = asked.body
    return begun(context, asked, { ...wanted, server: server && oldServer(server) })
  },

  showAdoption: async ({ adoptions }, { instance, params }) => {
    const found = adoptions.show(instance.id, params.adoption)
    if (found) return Promise.resolve(shown(found))
    throw new Refusal(
      'not-found',
      'there is no such adoption: the server was started anew, or another one came after it',
      'Begin it again: what was adopted stays, and it goes on from there.',
    )
  },

  checkAdoption: async ({ keys }, { instance, body }) => {
    const missing: string[] = []
    const destroyed: string[] = []
    const ids = [...new Set(body.ids)]
    for (const id of ids) {
      const view = await keys.show(instance.id, id)
      if (!view) missing.push(id)
      else if (isDestroyed(view.state)) destroyed.push(id)
    }
    return { present: ids.length - missing.length - destroyed.length, missing, destroyed }
  },
}

async function begun(
  { adoptions, keys }: Pick<AdminContext, 'adoptions' | 'keys'>,
  { asker, instance }: Pick<Asked<'beginAdoption'>, 'asker' | 'instance'>,
  wanted: AdoptionWanted | StandardKeysWanted,
) {
  const adoption = adoptions.begin(
    instance.id,
    (work) => keys.perform(async () => asker.identify(instance.id), work),
    wanted,
  )
  return Promise.resolve(shown(adoption))
}

function oldServer({
  servers,
  certificate,
  privateKey,
  trust,
}: NonNullable<Asked<'beginStandardKeyAdoption'>['body']['oldServer']>): OldServerWanted {
  return {
    servers,
    cert: certificate,
    key: privateKey,
    trust:
      'authority' in trust
        ? { by: 'authority', pem: trust.authority }
        : { by: 'fingerprint', sha256: trust.fingerprint },
  }
}

function shown({ id, servers, progress, ended }: Adoption) {
  const failed = ended?.state === 'failed' ? ended.refusal : undefined
  return {
    id,
    servers: [...servers],
    state: ended?.state ?? ('running' as const),
    ...progress,
    report: ended?.state === 'done' ? shownReport(ended.report) : null,
    error: failed ? { code: failed.code, message: failed.message, hint: failed.hint ?? null } : null,
  }
}

function shownReport(report: AdoptionReport) {
  const { verified } = report
  return {
    ...report,
    conflicts: shownList(report.conflicts),
    sharedNames: shownList(report.sharedNames),
    notStored: shownList(report.notStored),
    notStoredTypes: { ...report.notStoredTypes },
    notExported: shownList(report.notExported),
    withoutAttributes: shownList(report.withoutAttributes),
    notChecked: shownList(report.notChecked),
    verified: verified && { ...verified, different: shownList(verified.different) },
  }
}

function shownList({ count, items }: Listed) {
  return { count, items: items.map((item) => ({ ...item })) }
}
