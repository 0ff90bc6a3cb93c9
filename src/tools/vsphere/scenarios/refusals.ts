// The server must refuse some requests and must not refuse others: unknown, deactivated, compromised and destroyed
// keys, and clients without access. vSphere never revokes or destroys; another client plays that part, if the server
// lets it.

import { KmipRefused, KmipTransportError } from '../../../outside/kmip-client/errors.ts'
import { usernameAndPassword } from '../../../wire/kmip/credential.ts'
import { attempt, type Scenario } from '../scenario.ts'
import { fetchAndActivate, newKey } from '../sequences.ts'
import type { Site } from '../site.ts'
import { askUntrusted, untrustedTls, type UntrustedClient } from '../untrusted-client.ts'
import { refusalOf, type VCenterSession } from '../vcenter-session.ts'

/** The refusal that the server sends. An answer that does not come is no refusal: the piece of work fails. */
async function refusedBy(doing: Promise<unknown>): Promise<KmipRefused | undefined> {
  const refused = await refusalOf(doing)
  if (refused instanceof KmipTransportError) throw refused
  return refused
}

/** vSphere distinguishes a missing key, a key that is not active, and a server that is not there. */
async function askForUnknown({ vcenter, runLog }: Site): Promise<void> {
  await vcenter.work('ask for a key that was never made', async (session) => {
    const id = '00000000-0000-4000-8000-000000000000'
    for (const refused of [await refusedBy(session.get(id)), await refusedBy(session.state(id))]) {
      if (!refused) runLog.violation('Get', 'the server returned a key that was never created')
      else if (refused.reason !== 'ItemNotFound')
        runLog.violation(
          refused.operation,
          `an unknown key is ${refused.reason}, not ItemNotFound: not seen as missing`,
        )
    }
  })
}

async function trialKey(site: Site): Promise<string> {
  const key = await newKey(site, 'trial', 'trial')
  await fetchAndActivate(site, key)
  return key
}

/** State says Deactivated, and Get still returns the material: machines that use the key must start again. */
async function deactivate(site: Site): Promise<void> {
  const { vcenter, runLog } = site
  const key = await trialKey(site)
  await vcenter.work('deactivate and destroy a key', async (session) => {
    if (!(await refusedBy(session.destroy(key))))
      return runLog.violation('Destroy', 'an Active key was destroyed')
    if (await refusedBy(session.revoke(key, 'CessationOfOperation')))
      return runLog.remark('Revoke', 'refused: what happens to a deactivated key was not tried')
    const state = await session.state(key)
    if (state !== 'Deactivated') runLog.violation('Revoke', `State is ${state}, not Deactivated`)
    if (await refusedBy(session.get(key)))
      runLog.violation('Get', 'a deactivated key is refused: what it encrypted cannot be opened')
    if (await refusedBy(session.destroy(key)))
      return runLog.remark('Destroy', 'refused: what happens to a destroyed key was not tried')
    await mustBeGone(session, key, site)
  })
}

async function mustBeGone(session: VCenterSession, key: string, { runLog }: Site): Promise<void> {
  if (!(await refusedBy(session.get(key)))) runLog.violation('Get', 'a destroyed key is still given')
}

async function compromise(site: Site): Promise<void> {
  const { vcenter, runLog } = site
  const key = await trialKey(site)
  await vcenter.work('report a key as compromised', async (session) => {
    if (await refusedBy(session.revoke(key, 'KeyCompromise')))
      return runLog.remark('Revoke', 'refused: what happens to a compromised key was not tried')
    const state = await session.state(key)
    if (state !== 'Compromised') runLog.violation('Revoke', `State is ${state}, not Compromised`)
    if (await refusedBy(session.get(key))) runLog.remark('Get', 'a compromised key is refused')
  })
}

/** Only if the site has a password: a server without one for this client may ignore it. */
async function giveWrongPassword(site: Site): Promise<void> {
  if (!site.credential) return
  const credential = usernameAndPassword({ username: 'vSphere', password: 'wrong-on-purpose' })
  const endpoint = site.endpoint('vcenter with a wrong password', { credential })
  const id = '00000000-0000-4000-8000-000000000000'
  await endpoint.work('give a wrong password', async (session) => {
    const refused = await refusedBy(session.get(id))
    if (refused?.reason === 'ItemNotFound')
      site.runLog.remark('password', 'a wrong one is not refused: the server does not check it')
  })
}

async function comeAs(site: Site, kind: UntrustedClient): Promise<void> {
  const answer = await askUntrusted(site, await untrustedTls(site, kind))
  const who = kind === 'expired' ? 'an expired, unknown certificate' : 'no certificate'
  if (answer === undefined) site.runLog.remark(who, 'the server answers')
  else if (answer instanceof KmipRefused && answer.reason !== 'AuthenticationNotSuccessful')
    site.runLog.remark(who, `refused with ${answer.reason}, which means something else`)
}

export const refusalScenarios: readonly Scenario[] = [
  {
    id: 'l',
    name: 'refusals',
    title: 'keys that are unknown, deactivated, compromised, destroyed; clients without access',
    run: async (site) => {
      for (const task of [askForUnknown, deactivate, compromise, giveWrongPassword])
        await attempt(() => task(site))
      await comeAs(site, 'expired')
      await comeAs(site, 'no-certificate')
    },
  },
]
