// `mortise siem ...`: how far the targets are that get the audit log, and a test of the way there.

import type { AdminClient } from '../../doors/http/client.ts'
import { siemPollMs } from './bounds.ts'
import type { Output } from '../../doors/http/route.ts'
import { noun } from '../../doors/cli/command.ts'
import { command } from '../../doors/cli/route-command.ts'
import { plain } from '../../doors/cli/text/output.ts'
import { shortTime } from '../../doors/cli/text/time.ts'
import { interruptible, pause } from '../../doors/cli/watch-work.ts'
import { siemRoutes } from './routes.ts'

/** A test of the targets waits this long. */
const siemTestMs = 60_000

type Shown = Output<typeof siemRoutes.showSiem>

export const siemCommands = noun('siem', 'the audit log in a SIEM: what it has, and a test', () => [
  statusCommand,
  testCommand,
])

const statusCommand = command(siemRoutes.showSiem, {
  words: 'status',
  summary: 'how far each target of the audit log is; exit code 1 if one cannot be reached',
  examples: ['siem status', 'siem status --json'],
  view: targetsText,
  exitCode: ({ targets }) => (targets.every(({ trouble }) => trouble === null) ? 0 : 1),
})

const testCommand = command(siemRoutes.testSiem, {
  words: 'test',
  summary: 'write a test entry into the audit log, and wait until each target has it',
  fields: { wait: ['--no-wait', 'do not wait'] },
  examples: ['siem test'],
  goOn: async ({ at }, { run: { show, tell }, admin, options }) => {
    if (options['wait'] === false) {
      show({ at }, () => plain`An entry siem.test was written at ${at}.\n`)
      return 0
    }
    tell(plain`An entry siem.test was written at ${at}. Waiting until each target surely has it ...\n`)
    const { shown, ok } = await untilTaken(admin, at)
    show({ at, ok, ...shown }, () => `${targetsText(shown)}${ok ? 'Each target has the entry.' : notYet}\n`)
    return ok ? 0 : 1
  },
})

const notYet = `Not every target has the entry after ${String(siemTestMs / 1000)} s. The log of the server says why.`

async function untilTaken(
  admin: AdminClient,
  at: string,
): Promise<{ readonly shown: Shown; readonly ok: boolean }> {
  return interruptible(async (interrupted) => {
    const endMs = performance.now() + siemTestMs
    for (;;) {
      const shown = await admin.call(siemRoutes.showSiem)
      const ok = shown.targets.every(({ behindSince }) => behindSince === null || behindSince > at)
      if (ok || interrupted.aborted || performance.now() > endMs) return { shown, ok }
      await pause(siemPollMs, interrupted)
    }
  })
}

function targetsText({ targets }: Shown): string {
  if (targets.length === 0)
    return 'No SIEM gets the audit log: name a receiver in siem.syslog, or a file in siem.file.\n'
  return targets
    .map(({ target, behindSince, trouble }) => {
      const has =
        behindSince === null ? 'has everything' : `lacks what was entered since ${shortTime(behindSince)}`
      return plain`${target}: ${has}${trouble === null ? '' : `; ${trouble}`}\n`
    })
    .join('')
}
