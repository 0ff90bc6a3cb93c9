// Takes a change-over back: the old servers again, by their names, while no key was made here since.

import { Refusal } from '../../../base/refusal.ts'
import { counted } from '../../../base/text/counted.ts'
import { listed } from '../../../base/text/listed.ts'
import { shellWord } from '../../../base/text/shell-word.ts'
import { addressOf, greenStep, privilegesStep, providerNamed } from '../common-steps.ts'
import type { StepOutcome } from '../steps.ts'
import type { Switched } from '../vcenters.ts'
import { namesMax, type SwitchParts } from './switch-run.ts'

export interface BackParts extends Pick<
  SwitchParts,
  'change' | 'clock' | 'providers' | 'signal' | 'steps' | 'vcenter'
> {
  readonly dryRun: boolean
  readonly switched: Switched
  /** The keys that were made here since the change-over began, with the machines that use them; the first of them. */
  readonly keysMade: () => Promise<{ readonly count: number; readonly first: readonly string[] }>
  /** The change-over is taken back. */
  readonly forget: () => Promise<void>
}

/** Rejects with Refusal and VsphereError, and with the signal's reason. */
export async function switchBack(parts: BackParts): Promise<void> {
  const { dryRun, providers, steps, switched } = parts
  const { provider } = switched
  await steps.run('privileges', 'the privileges of the user', () => privilegesStep(providers))
  await steps.run('new-keys', 'keys that were made here since', () => newKeysStep(parts))
  await steps.run('trust-mortise', 'vCenter trusts the old servers', () => trustStep(parts))
  await steps.run('servers', `the servers of ${provider}`, () => serversStep(parts))
  if (!dryRun) {
    // vCenter may have made one while its servers were changed.
    await newKeysStep(parts, 'meanwhile ')
  }
  await steps.run('green', 'vCenter says that it reaches the old servers', async () =>
    dryRun
      ? { state: 'would', text: 'would wait until vCenter says green' }
      : greenStep(parts, provider, false),
  )
  if (!dryRun) await parts.forget()
}

async function newKeysStep({ keysMade, vcenter }: BackParts, meanwhile = ''): Promise<StepOutcome> {
  const { count, first } = await keysMade()
  if (count === 0) return { state: 'done', text: 'no key was made here since the change-over' }
  const more = count > first.length ? `; and ${String(count - first.length)} more` : ''
  throw new Refusal(
    'refused',
    `${meanwhile}${counted(count, 'key was', 'keys were')} made here since the change-over, and the old server does not have ${count === 1 ? 'it' : 'them'}: ${first.slice(0, namesMax).join('; ')}${more}`,
    meanwhile === ''
      ? 'Nothing was changed. Give these machines keys of another key provider first, and destroy these.'
      : `Put this server back: mortise vcenter switch ${shellWord(vcenter.name)}`,
  )
}

async function trustStep({ change, dryRun, providers, switched, steps }: BackParts): Promise<StepOutcome> {
  const { provider, servers } = switched
  const certificates = [...new Set(servers.flatMap(({ certificate }) => certificate ?? []))]
  const unknown = servers.filter(({ certificate }) => certificate === undefined)
  if (unknown.length > 0)
    steps.warn(
      `vCenter did not say which certificate ${listed(unknown.map(addressOf), 'and')} had. If it stays yellow or red, trust the server in vCenter: Establish Trust, Make vCenter Trust KMS`,
    )
  for (const { name } of servers.filter(({ userName }) => userName !== undefined))
    steps.warn(
      `the server ${name} had a user name, and vCenter tells nobody the password: enter it in vCenter again`,
    )
  const text = counted(
    certificates.length,
    'certificate of the old servers',
    'certificates of the old servers',
  )
  if (certificates.length === 0) return { state: 'skipped', text: 'vCenter keeps its trust as it is' }
  if (dryRun) return { state: 'would', text: `would give vCenter ${text}` }
  for (const certificate of certificates)
    await change('UploadKmipServerCert', { provider }, () => providers.trustServer(provider, certificate))
  return { state: 'done', text: `gave vCenter ${text}` }
}

async function serversStep({ change, dryRun, providers, switched }: BackParts): Promise<StepOutcome> {
  const { provider, servers: old } = switched
  const { servers } = await providerNamed(providers, provider)
  const byName = new Map(servers.map((server) => [server.name, server]))
  const extra = servers.filter(({ name }) => !old.some((one) => one.name === name))
  const changed = old.filter((server) => {
    const now = byName.get(server.name)
    return !now || addressOf(now) !== addressOf(server)
  })
  const shown = listed(old.map(addressOf), 'and')
  if (extra.length === 0 && changed.length === 0)
    return { state: 'already', text: `the key provider ${provider} has the old servers: ${shown}` }
  if (dryRun) return { state: 'would', text: `would put back ${shown}` }
  // Where no server has an old name, the old ones come before the last of the others goes.
  const isNamed = servers.some(({ name }) => old.some((one) => one.name === name))
  const remove = async () => {
    for (const { name, ...server } of extra)
      await change('RemoveKmipServer', { provider, server: name, address: addressOf(server) }, () =>
        providers.remove(provider, name),
      )
  }
  if (isNamed) await remove()
  for (const { certificate: _certificate, ...server } of changed) {
    const detail = { provider, server: server.name, address: addressOf(server) }
    if (byName.has(server.name))
      await change('UpdateKmipServer', detail, () => providers.update(provider, server))
    else await change('RegisterKmipServer', detail, () => providers.register(provider, server))
  }
  if (!isNamed) await remove()
  return { state: 'done', text: `put back ${shown}` }
}
