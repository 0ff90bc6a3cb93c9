// `mortise hardening`: whether this machine keeps keys from others: files, user, swap, core dumps, ptrace, disk. It changes nothing.

import { verb } from '../../doors/cli/command.ts'
import { coloured } from '../../doors/cli/text/colour.ts'
import { plain } from '../../doors/cli/text/output.ts'
import type { World } from '../../doors/cli/world.ts'
import { readConfiguration } from '../../host/installation.ts'
import { secretFiles } from '../../outside/config/config.ts'
import { gatherHardening } from './facts.ts'
import { findingsOf, type HardeningFinding } from './rules.ts'

export const hardeningCommand = verb<{ readonly data?: string; readonly config?: string }>({
  words: 'hardening',
  summary:
    'check whether this machine keeps keys from others; changes nothing; exit code 1 if something is to do',
  flags: [
    ['--data <dir>', 'data folder of the local server (default: as configured, else ./mortise-data)'],
    [
      '--config <file>',
      'configuration file (default: that of MORTISE_CONFIG, else mortise.toml in this folder)',
    ],
  ],
  examples: ['hardening', 'hardening --data /var/lib/mortise --json'],
  offline: true,
  action: async ({ world, show }, { data, config }) => {
    const configuration = readConfiguration(world, { data, config })
    const { server, admin } = configuration
    const facts = await gatherHardening({
      dataFolder: server.data,
      secretFiles: secretFiles(configuration, world.configuration.features),
      adminHost: admin.listen.host,
    })
    const findings = findingsOf(facts)
    show({ findings }, () => findingsText(findings, world.stdout))
    return findings.every(({ state }) => state !== 'bad') ? 0 : 1
  },
})

const marks: { readonly [S in HardeningFinding['state']]: string } = {
  good: 'ok ',
  bad: 'BAD',
  unknown: '?  ',
}

export function findingsText(findings: readonly HardeningFinding[], stdout: World['stdout']): string {
  const lines = findings.map(({ state, says, action }) => {
    const advice = action === null ? '' : plain`     ${action}\n`
    return coloured(stdout, state, marks[state]) + plain`  ${says}\n` + advice
  })
  const count = (state: HardeningFinding['state']) => findings.filter((one) => one.state === state).length
  const [bad, unknown] = [count('bad'), count('unknown')]
  const good = unknown === 0 ? 'Nothing is to do here.' : 'Nothing is to do in what is seen here.'
  const first = bad === 0 ? good : `${bad} of ${findings.length} ${bad === 1 ? 'needs' : 'need'} you.`
  const end =
    unknown === 0
      ? first
      : `${first} ${unknown} of ${findings.length} ${unknown === 1 ? 'was' : 'were'} not seen.`
  return `${lines.join('')}${end} docs/hardening.md says more.\n`
}
