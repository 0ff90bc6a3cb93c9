// The steps that a connect and a change-over have in common.

import type { Clock } from '../../core/ports/clock.ts'
import { addressText, type Address } from '../../base/kmip-address.ts'
import { Refusal } from '../../base/refusal.ts'
import { listed } from '../../base/text/listed.ts'
import type {
  KeyProvider,
  KeyProviders,
  KmipServer,
  ProviderStatus,
} from '../../outside/vsphere-api/key-providers.ts'
import { shownStatus } from './states.ts'
import type { StepOutcome } from './steps.ts'

/** vCenter asks the servers of a provider every few minutes by itself, and at once when it is asked for the status. */
const greenWaitMs = 60_000
const greenLookMs = 2_000

export const setupPrivileges = ['Cryptographer.ManageKeyServers', 'Cryptographer.ManageKeys'] as const

/** Throws Refusal where the user lacks any of them. */
export async function privilegesStep(
  providers: Pick<KeyProviders, 'missingPrivileges'>,
): Promise<StepOutcome> {
  const missing = await providers.missingPrivileges(setupPrivileges)
  if (missing.length > 0)
    throw new Refusal(
      'refused',
      `the user lacks ${listed(missing, 'and')} in vCenter`,
      'Give the user a role with these privileges on the vCenter itself (the root of the inventory), with Propagate to children.',
    )
  return { state: 'done', text: `the user has ${listed(setupPrivileges, 'and')}` }
}

export interface GreenParts {
  readonly providers: Pick<KeyProviders, 'status'>
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly signal: AbortSignal
}

/** Waits until vCenter says green. Throws Refusal if it does not within a minute. */
export async function greenStep(
  { clock, providers, signal }: GreenParts,
  provider: string,
  dryRun: boolean,
): Promise<StepOutcome> {
  const endMs = clock.monotonic() + greenWaitMs
  for (;;) {
    const status = await providers.status(provider, signal)
    if (status.health === 'green') return { state: dryRun ? 'already' : 'done', text: 'vCenter says green' }
    if (dryRun)
      return { state: 'would', text: `would wait until vCenter says green; it says ${shownStatus(status)}` }
    if (clock.monotonic() >= endMs) throw notGreen(provider, status)
    await clock.sleep(greenLookMs, signal)
    signal.throwIfAborted()
  }
}

function notGreen(provider: string, status: ProviderStatus): Refusal {
  return new Refusal(
    'refused',
    `vCenter does not say green for ${provider} within ${greenWaitMs / 1000} s; it says ${shownStatus(status)}`,
    'Check that vCenter reaches the addresses above (name, firewall, port). What was done stays: run again.',
  )
}

/** Throws Refusal if vCenter has no such provider. */
export async function providerNamed(
  providers: Pick<KeyProviders, 'list'>,
  name: string,
): Promise<KeyProvider> {
  const all = await providers.list()
  const known = all.find((one) => one.name === name)
  if (known) return known
  throw new Refusal(
    'not-found',
    `vCenter has no key provider ${name}`,
    all.length === 0
      ? 'It has no key providers. Make one: mortise vcenter connect'
      : `It has ${listed(
          all.map((one) => one.name),
          'and',
        )}; upper and lower case differ.`,
  )
}

/** One text for each address, with which two are compared. */
export function addressKey(address: Pick<Address, 'host' | 'port'>): string {
  return addressText(address).toLowerCase()
}

export function addressOf({ address: host, port }: Pick<KmipServer, 'address' | 'port'>): string {
  return addressText({ host, port })
}

/** Names that the provider does not have: `mortise-1`, `mortise-2`. */
export function serverNames(count: number, taken: ReadonlySet<string>): readonly string[] {
  const names: string[] = []
  for (let number = 1; names.length < count; number++)
    if (!taken.has(`mortise-${number}`)) names.push(`mortise-${number}`)
  return names
}
