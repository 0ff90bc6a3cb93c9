// The doctor adds root keys that do not answer, are refused, or whose service ends, where the server is a Mortise that this command can ask. From outside nobody
// sees them.

import { AdminUnreachable } from '../admin/client.ts'
import { Refusal } from '../admin/errors.ts'
import type { Finding } from '../vsphere/doctor-findings.ts'
import type { Run } from './command.ts'
import { CommandError, UsageError } from './world.ts'

const shown = ['root-key-file', 'root-key-unreachable', 'root-key-withdrawn', 'root-key-failing', 'hpcs-ends']

/** `isNamed`: the user said which server to ask, so it must answer. Otherwise there may be none. */
export async function rootKeyFindings(
  run: Pick<Run, 'client'>,
  isNamed: boolean,
): Promise<readonly Finding[]> {
  try {
    const admin = await run.client()
    const { conditions } = await admin.call('status')
    return conditions
      .filter(({ id }) => shown.includes(id))
      .map(({ id, message, action }) => ({
        check: 'root key',
        severity: id === 'hpcs-ends' ? 'warning' : 'fault',
        what: message,
        mend: action,
      }))
  } catch (error) {
    const expected = [AdminUnreachable, Refusal, CommandError, UsageError].some(
      (kind) => error instanceof kind,
    )
    if (isNamed || !expected) throw error
    return []
  }
}
