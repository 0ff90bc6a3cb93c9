// `mortise adopt status`: how far an adoption is, or what it did, for somebody who did not begin it or stopped watching.

import { adoptionText, isWhole } from './adopt-text.ts'
import { steps, watch, type Adoption } from './adopt-watch.ts'
import { instanceFlag, verb } from '../../../doors/cli/command.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { adoptionRoutes } from '../routes.ts'

interface StatusOptions {
  readonly instance?: string
  readonly watch?: boolean
}

export const adoptStatusCommand = verb<StatusOptions>({
  words: 'status',
  summary: 'show the adoption that runs, or the report of the last one; kept until the server is restarted',
  flags: [instanceFlag, ['--watch', 'follow it until it ends']],
  examples: ['adopt status --instance production', 'adopt status --watch --instance production'],
  action: async (run, { instance: named, watch: follow = false }) => {
    const admin = await run.client()
    const instance = await instanceOf(admin, named)
    const [last] = await admin.call(adoptionRoutes.listAdoptions, { instance })
    if (!last) {
      run.show(null, () => 'No adoption into this instance since the server was started.\n')
      return 0
    }
    if (last.state === 'running' && follow) {
      const report = await watch(run, admin, instance, last)
      if (!report) return 1
      const ended = await admin.call(adoptionRoutes.showAdoption, { instance, adoption: last.id })
      run.show(ended, () => statusText(ended))
      return isWhole(report) ? 0 : 1
    }
    run.show(last, () => statusText(last))
    return last.state === 'failed' || (last.report && !isWhole(last.report)) ? 1 : 0
  },
})

function statusText({ servers, state, step, done, total, trouble, report, error }: Adoption): string {
  const from = servers.join(', ')
  if (report) return adoptionText(report, from.includes('://') ? 'standard keys' : 'old server')
  if (state === 'failed')
    return plain`The adoption from ${from} failed: ${error?.message ?? ''}\n${error?.hint ?? ''}\n`
  const count = total === null ? `${done}` : `${done} of ${total}`
  const waits = trouble === null ? '' : plain`\nIt waits, and goes on by itself: ${trouble}`
  return `${plain`An adoption from ${from} runs: ${count} ${steps[step]}.`}${waits}\n`
}
