// The upstream of an instance as the admin API shows it: what its row says, and what is known of it since the server runs.

import type { UpstreamHealth } from './upstream-health.ts'
import { parseCertificates } from '../../core/pki/certificate.ts'
import type { AdoptedOnDemand } from '../../core/ports/objects.ts'
import type { Instance } from '../../core/trust/rows.ts'
import type { Upstream } from '../../core/trust/upstream.ts'
import type { Output } from '../../doors/http/route.ts'
import type { Adopting } from './needs.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { isoTime, isoTimeOrNull } from '../../doors/http/views/shown.ts'
import type { instanceRoutes } from '../instances/routes.ts'

export interface UpstreamFacts {
  readonly instance: Pick<Instance, 'id' | 'name'>
  readonly upstream: Upstream
  /** undefined: it was not asked since the server runs. */
  readonly health: UpstreamHealth | undefined
  readonly adopted: AdoptedOnDemand
  /** Whether every viewer of the instance may know why the upstream does not answer. */
  readonly isListed: boolean
}

type Parts = Pick<Adopting, 'upstreams' | 'workerReports'> & {
  readonly store: Pick<Adopting['store'], 'adoptedOnDemand'>
}

/** null: the instance has none. */
export async function upstreamFacts(
  { upstreams, workerReports, store }: Parts,
  instance: Instance,
): Promise<UpstreamFacts | null> {
  const { id, name, upstream } = instance
  if (!upstream) return null
  const adopted = await store.adoptedOnDemand(id)
  const isListed = upstreams.trials.mayTellAll(upstream.servers)
  const elsewhere = workerReports().map((report) => report.adopt)
  const health = upstreams.health(id, upstream, elsewhere)
  return { instance: { id, name }, upstream, health, adopted, isListed }
}

/** The answer to a token or a login for one instance does not say why an unlisted host did not answer. */
export async function shownUpstream(
  parts: Parts,
  { instanceId }: Pick<ApiRequester, 'instanceId'>,
  instance: Instance,
): Promise<Output<typeof instanceRoutes.showInstance>['upstream']> {
  const facts = await upstreamFacts(parts, instance)
  if (!facts) return null
  const { upstream, health, adopted, isListed } = facts
  const { servers, certificate, sinceMs, off } = upstream
  const lastFailure = health?.lastFailure ?? null
  return {
    servers: [...servers],
    certificateSha256: parseCertificates(certificate)[0]?.sha256 ?? '',
    since: isoTime(sinceMs),
    state: off ? 'off' : health?.failing === true ? 'not-answering' : 'on',
    off: off ? isoTime(off.atMs) : null,
    adopted: adopted.count,
    lastAdopted: isoTimeOrNull(adopted.lastMs),
    lastAnswer: isoTimeOrNull(health?.lastAnswerMs ?? null),
    lastFailure: lastFailure && {
      at: isoTime(lastFailure.atMs),
      message: instanceId === null || isListed ? lastFailure.message : 'no answer',
    },
    notAdopted: (health?.notAdopted ?? []).map((item) => ({ ...item })),
  }
}
