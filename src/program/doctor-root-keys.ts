// The doctor adds what is wrong with root keys, where the server is a Mortise that this command can ask: what the server knows of
// them, and, on its own machine, a trial of those on tokens and in clouds. A client of KMIP does not see them.

import { AdminUnreachable, type AdminClient } from '../doors/http/client.ts'
import { Refusal } from '../base/refusal.ts'
import type { AskedServer } from '../tools/commands/doctor.ts'
import type { DoctorFinding } from '../tools/vsphere/doctor-findings.ts'
import type { Run } from '../doors/cli/command.ts'
import { orAdvice } from '../doors/cli/advice.ts'
import { CommandError, UsageError, type Flags } from '../doors/cli/world.ts'
import { openInstallation } from '../host/installation.ts'
import { ConfigError } from '../outside/config/config.ts'
import { instanceRoutes } from '../features/instances/routes.ts'
import { statusRoutes } from '../features/status/routes.ts'

const shown = ['root-key-file', 'root-key-unreachable', 'root-key-withdrawn', 'root-key-failing', 'hpcs-ends']

export async function rootKeyFindings(
  run: Pick<Run, 'client' | 'world'>,
  { isNamed, local }: AskedServer,
): Promise<readonly DoctorFinding[]> {
  try {
    const admin = await run.client()
    const { conditions } = await admin.call(statusRoutes.status)
    const known = conditions
      .filter(({ id }) => shown.includes(id))
      .map(({ id, message, action }): DoctorFinding => ({
        check: 'root key',
        severity: id === 'hpcs-ends' ? 'warning' : 'fault',
        what: message,
        mend: action,
      }))
    return local === undefined ? known : [...known, ...(await tried(run, admin, local))]
  } catch (error) {
    const expected = [AdminUnreachable, Refusal, CommandError, UsageError, ConfigError].some(
      (kind) => error instanceof kind,
    )
    if (isNamed || !expected) throw error
    return []
  }
}

/**
 * Tries the root keys on tokens and in clouds as `root-key check` does. Warnings only: the server may have other variables than this
 * command, and it tells by itself when keys are not served.
 */
async function tried(
  { world }: Pick<Run, 'world'>,
  admin: AdminClient,
  local: Flags,
): Promise<readonly DoctorFinding[]> {
  const instances = await admin.call(instanceRoutes.listInstances)
  const uris = new Set(instances.map(({ rootKey }) => rootKey).filter((uri) => !isTriedByServer.test(uri)))
  const findings: DoctorFinding[] = []
  for (const uri of uris) {
    const mend = `Look at it with: mortise root-key check '${uri}', as the user of the server and with its configuration and variables`
    const warn = (what: string) => findings.push({ check: 'root key', severity: 'warning', what, mend })
    try {
      const installation = await openInstallation(world, local)
      const { tryRootKey } = await import('../host/root-keys/try-root-key.ts')
      const trial = tryRootKey(installation, { uri, create: false })
      const { warnings } = await orAdvice('this root key cannot be used', installation.config, trial)
      for (const warning of warnings) warn(warning)
    } catch (error) {
      if (!(error instanceof CommandError || error instanceof ConfigError)) throw error
      warn(`the root key ${uri} did not pass the check on this machine: ${error.message}`)
    }
  }
  return findings
}

/** The server looks at files by itself, and has the API keys for Key Protect and HPCS alone. */
const isTriedByServer = /^(file|keyprotect|hpcs):/i
