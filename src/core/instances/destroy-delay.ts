// Which instances may keep destroyed keys for a time: those whose keys the database stores. Key Protect and HPCS keep deleted
// keys restorable for 30 days by themselves, so a copy that waits here would only be another way to open them.

import { counted } from '../../base/text/counted.ts'
import type { Custodies } from '../custody/custodies.ts'
import type { Store } from '../ports/store.ts'
import type { Instance } from '../trust/rows.ts'
import { TrustRefused } from '../trust/writer.ts'
import { shellWord } from '../../base/text/shell-word.ts'

/** Throws TrustRefused if the instance has a delay and stores keys beside its root key, or moves them from there. */
export async function requireFittingDelay(
  { id, name, custody, work, destroyDelaySeconds = 0 }: Instance,
  custodies: Pick<Custodies, 'of' | 'kept'>,
): Promise<void> {
  if (destroyDelaySeconds === 0) return
  if (custodies.of({ custody }).keepsKeysApart)
    throw new TrustRefused(
      'unfit',
      `the instance ${name} cannot have a destroy delay: its keys are stored at the root key's service (custody ${custody})`,
      'Key Protect and HPCS keep each deleted key restorable for 30 days by themselves. A delay is for custody database.',
    )
  if (!work) return
  // If a move went on to another root key, the work names only the place before that.
  const leaves = custodies.of({ custody: work.fromCustody }).keepsKeysApart
  if (leaves || (await custodies.kept(id)).count > 0)
    throw new TrustRefused(
      'in-use',
      `the instance ${name} still moves keys from custody keyprotect: a key that is destroyed there could not be brought back here`,
      `Set the delay when the move is done: mortise instance show ${shellWord(name)}`,
    )
}

/** Throws TrustRefused if the instance may not move to this custody because destroyed keys wait in it, or will. */
export async function requireNoDelayFor(
  store: Pick<Store, 'recoverable'>,
  instance: Instance,
  custody: Instance['custody'],
  custodies: Pick<Custodies, 'of'>,
): Promise<void> {
  if (!custodies.of({ custody }).keepsKeysApart) return
  const { name, destroyDelaySeconds = 0 } = instance
  if (destroyDelaySeconds > 0)
    throw new TrustRefused(
      'unfit',
      `the instance ${name} has a destroy delay, which custody ${custody} cannot have`,
      `Remove it first: mortise instance set ${shellWord(name)} --destroy-delay 0. Key Protect and HPCS keep each deleted key restorable for 30 days by themselves.`,
    )
  await requireNothingWaits(store, instance, {
    cannot: `it cannot move to custody ${custody} meanwhile, where nothing waits`,
    hint: `Bring back those that are needed (mortise key list --recoverable), and move when the others are removed for good: mortise instance show ${shellWord(name)}`,
  })
}

/** Throws TrustRefused while destroyed keys of the instance can still be brought back. */
export async function requireNothingWaits(
  store: Pick<Store, 'recoverable'>,
  { id, name }: Pick<Instance, 'id' | 'name'>,
  { cannot, hint }: { readonly cannot: string; readonly hint: string },
): Promise<void> {
  const { count } = await store.recoverable(id)
  if (count === 0) return
  const keys = counted(count, 'destroyed key')
  throw new TrustRefused(
    'waiting',
    `the instance ${name} has ${keys} that can still be brought back: ${cannot}`,
    hint,
  )
}
