// Keys that a vCenter uses, taken over before its key provider changes: adopted from the upstream, and each opened here.

import { Refusal } from '../../base/refusal.ts'
import { shellWord } from '../../base/text/shell-word.ts'
import type { Instance } from '../../core/trust/rows.ts'
import type { TakenOver, TakeOverRequest } from '../../doors/http/plugs.ts'
import type { ApiRequester } from '../../doors/http/route-request.ts'
import { Fault } from '../../wire/kmip/fault.ts'
import { aboutObject } from './adoption.ts'
import type { AdoptionActs } from './jobs.ts'
import type { Adopting } from './needs.ts'
import type { AdoptionReport, ListedObjects } from './report.ts'

type Parts = Pick<Adopting, 'adoptions' | 'keys' | 'upstreamKeys'>

/** The acts on the keys of the instance in the name of the asker. */
export function actsOf(
  { keys }: Pick<Adopting, 'keys'>,
  asker: Pick<ApiRequester, 'identify'>,
  instanceId: string,
): Pick<AdoptionActs, 'perform' | 'isHere'> {
  return {
    perform: (work) => keys.perform(async () => asker.identify(instanceId), work),
    isHere: async (identifier) => (await keys.show(instanceId, identifier)) !== undefined,
  }
}

/** Rejects with Refusal where the upstream cannot be asked, and with Faults that concern all keys. */
export async function takeOver(
  parts: Parts,
  asker: Pick<ApiRequester, 'identify'>,
  instance: Instance,
  { keys, others, dryRun, onProgress, signal }: TakeOverRequest,
): Promise<TakenOver> {
  const acts = actsOf(parts, asker, instance.id)
  const report = await adopted(parts, instance, {
    ...acts,
    dryRun,
    ids: others ? undefined : keys,
    onProgress: (now) => onProgress({ ...now, step: 'adopt' }),
  })
  const conflicts = new Map(report?.conflicts.items.map(({ id, why }) => [id, why]))
  const refused = new Map(failuresOf(report).map(({ id, why }) => [id, why]))
  const troubles: { id: string; why: string }[] = []
  for (const [index, id] of keys.entries()) {
    signal.throwIfAborted()
    onProgress({ step: 'open', done: index, total: keys.length })
    const isToCome = dryRun && report !== undefined && !refused.has(id) && !(await acts.isHere(id))
    const why = conflicts.get(id) ?? (isToCome ? undefined : await whyNotOpened(acts, id))
    if (why === undefined) continue
    const isHere = await acts.isHere(id)
    troubles.push({ id, why: isHere ? why : `it is not here: ${refused.get(id) ?? 'no upstream has it'}` })
  }
  return { adopted: (report?.adopted ?? 0) + (report?.updated ?? 0), troubles }
}

/** undefined: it is here, and this server has just opened it. */
async function whyNotOpened(
  { perform }: Pick<AdoptionActs, 'perform'>,
  id: string,
): Promise<string | undefined> {
  try {
    await perform((work) => work.digest(id))
    return undefined
  } catch (error) {
    if (!(error instanceof Fault) || !aboutObject.has(error.reason)) throw error
    return error.message
  }
}

/** undefined: the instance has no upstream. */
async function adopted(
  { adoptions, upstreamKeys }: Parts,
  instance: Instance,
  {
    dryRun,
    ids,
    ...acts
  }: AdoptionActs & { readonly dryRun: boolean; readonly ids: readonly string[] | undefined },
): Promise<AdoptionReport | undefined> {
  const { id, name, upstream } = instance
  if (!upstream) return undefined
  const key = await upstreamKeys.of(upstream)
  if (upstream.off || !key)
    throw new Refusal(
      'refused',
      `the upstream of the instance ${name} is off since a restore`,
      `Turn it on: mortise instance set ${shellWord(name)} --upstream-on`,
    )
  const { servers, certificate: cert, trust } = upstream
  const job = adoptions.begin(instance, acts, { servers, cert, key, trust, ids, dryRun, verify: false })
  const ended = await adoptions.ended(id)
  if (ended?.id !== job.id || !ended.ended) throw new Error('the adoption did not end')
  if (ended.ended.state === 'failed') throw ended.ended.refusal
  return ended.ended.report
}

/** The objects that were not adopted, as far as the report names them. */
function failuresOf(report: AdoptionReport | undefined): ListedObjects['items'] {
  if (!report) return []
  const { conflicts, notChecked, notExported, notStored } = report
  return [conflicts, notChecked, notExported, notStored].flatMap(({ items }) => items)
}
