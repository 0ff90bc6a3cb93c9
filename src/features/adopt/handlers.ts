// Begins and shows an adoption from another KMIP server, or from the standard keys that one left, and checks it against the
// identifiers that a vCenter uses.

import { pause } from '../../base/parts.ts'
import type { AdoptionRequest } from './adoption.ts'
import { AdoptionFailed } from './failure.ts'
import type { OldServerRequest } from './old-server.ts'
import type { AdoptionReport, ListedObjects } from './report.ts'
import type { StandardKeysRequest } from './standard-keys.ts'
import { isAdopted } from '../../core/keys/object/adopted-object.ts'
import type { Keys } from '../../core/keys/keys.ts'
import { isDestroyed } from '../../core/keys/object/lifecycle.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import { refusalOfAdoption, type AdoptionJob } from './jobs.ts'
import { actsOf } from './take-over.ts'
import type { Adopting } from './needs.ts'
import type { Handlers } from '../../doors/http/feature.ts'
import type { adoptionRoutes } from './routes.ts'
import type { RouteRequest } from '../../doors/http/route-request.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { Refusal } from '../../base/refusal.ts'
import { refuseIfElsewhere } from '../../doors/http/jobs.ts'
import { keyPages } from '../../core/keys/key-pages.ts'
import { serverTrust } from '../../doors/http/schemas.ts'
import { shownJob } from '../../doors/http/shown-job.ts'

export const adoptionHandlers = {
  beginAdoption: async (context, request) => {
    const { ids, dryRun, verify, ...server } = request.body
    return begun(context, request, { ...oldServer(server), ids, dryRun, verify })
  },

  beginStandardKeyAdoption: async (context, request) => {
    const { oldServer: server, ...options } = request.body
    return begun(context, request, { ...options, server: server && oldServer(server) })
  },

  showAdoption: async (context, { instance, params }) => {
    const adoption = context.adoptions.show(instance.id, params.adoption)
    if (adoption) return shown(adoption)
    await refuseIfElsewhere(context, 'adoption')
    throw new Refusal(
      'not-found',
      'there is no such adoption: the server was restarted, or another one came after it',
      'Begin it again: what was adopted stays, and it goes on from there.',
    )
  },

  listAdoptions: async ({ adoptions }, { instance }) => {
    const last = adoptions.last(instance.id)
    return Promise.resolve(last ? [shown(last)] : [])
  },

  compareAdopted: async (context, request) => {
    const { upstream, id, name } = request.instance
    const key = upstream && (await context.upstreamKeys.of(upstream))
    if (!key)
      throw new Refusal(
        'not-found',
        `the instance ${name} has no upstream to compare with`,
        `Name the old server: mortise instance set ${shellWord(name)} --upstream kmip://HOST, or compare with mortise adopt kmip HOST --verify.`,
      )
    const { servers, certificate: cert, trust } = upstream
    const ids = () => adoptedIn(context.keys, id)
    const what = { ids, dryRun: false, verify: true, onlyVerify: true }
    return begun(context, request, { servers, cert, key, trust, ...what })
  },

  checkAdoption: async ({ keys }, { instance, body, pace }) => {
    const missing: string[] = []
    const destroyed: string[] = []
    const ids = [...new Set(body.ids)]
    for (const id of ids) {
      // A read of the embedded store waits for nothing, so other requests would not run before the last one.
      await pause(pace)
      const view = await keys.show(instance.id, id)
      if (!view) missing.push(id)
      else if (isDestroyed(view.state)) destroyed.push(id)
    }
    return { present: ids.length - missing.length - destroyed.length, missing, destroyed }
  },
} satisfies Handlers<typeof adoptionRoutes, Adopting>

type Beginning = Pick<Adopting, 'adoptions' | 'keys' | 'upstreams'>

async function begun(
  parts: Beginning,
  { asker, instance }: Pick<RouteRequest<(typeof adoptionRoutes)['beginAdoption']>, 'asker' | 'instance'>,
  options: AdoptionRequest | StandardKeysRequest,
) {
  const before = triedBefore(parts.upstreams, asker, 'rootKey' in options ? options.server : options)
  const acts = { ...actsOf(parts, asker, instance.id), ...(before && { before }) }
  return Promise.resolve(shown(parts.adoptions.begin(instance, acts, options)))
}

/** A trial of the old server, for an asker who is not told why it cannot be used. Throws Refusal if it may not be asked. */
function triedBefore(
  { trials }: Adopting['upstreams'],
  { instanceId }: Pick<ApiRequester, 'instanceId'>,
  server: OldServerRequest | undefined,
): (() => Promise<void>) | undefined {
  try {
    return trials.before(server, instanceId)
  } catch (error) {
    throw error instanceof AdoptionFailed ? refusalOfAdoption(error) : error
  }
}

/** The identifiers of all objects that came from another server and are not destroyed. */
async function adoptedIn(keys: Pick<Keys, 'list'>, instanceId: string): Promise<readonly string[]> {
  const identifiers: string[] = []
  for await (const page of keyPages(keys, { instanceId, includeDestroyed: false }))
    identifiers.push(...page.filter(isAdopted).map(({ uniqueIdentifier }) => uniqueIdentifier))
  return identifiers
}

function oldServer({
  servers,
  certificate,
  privateKey,
  trust,
}: NonNullable<
  RouteRequest<(typeof adoptionRoutes)['beginStandardKeyAdoption']>['body']['oldServer']
>): OldServerRequest {
  return {
    servers,
    cert: certificate,
    key: privateKey,
    trust: serverTrust(trust),
  }
}

function shown(adoption: AdoptionJob) {
  const { servers, ended } = adoption
  return {
    ...shownJob(adoption),
    servers: [...servers],
    report: ended?.state === 'done' ? shownReport(ended.report) : null,
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

function shownList({ count, items }: ListedObjects) {
  return { count, items: items.map((item) => ({ ...item })) }
}
