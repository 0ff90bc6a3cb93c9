// Prints docs/conditions.md from the table in src/features/status/conditions; `npm run docs` writes it.

import { format } from 'prettier'
import { severities, type ConditionLine } from '../src/core/conditions/line.ts'
import { readinessConditions } from '../src/core/conditions/readiness.ts'
import { load } from '../src/program/features.ts'

export async function conditionsPage(): Promise<string> {
  const tables = [
    readinessConditions,
    ...Object.values(await load('server')).map(({ conditions }) => conditions),
  ]
  const lines = tables.flatMap((table) => Object.entries(table) as [string, ConditionLine<never>][])
  const parts = severities.flatMap((severity) => [
    `## ${severity[0]?.toUpperCase()}${severity.slice(1)}`,
    intro[severity],
    ...lines
      .filter(([, line]) => line.severity === severity)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, { meaning, action }]) => `### ${id}\n\n${meaning}\n\n**What to do.** ${action}`),
  ])
  const page = `# Conditions

<!-- Printed from src/features/status/conditions/ and the conditions.ts of features by scripts/print-conditions.ts. Change them there. -->

A condition is something that a person should know or act on. \`mortise status\` shows the conditions that hold, the most severe first, each with what to
do; it says _Nothing needs you_ only if there is none. The same table feeds \`GET /api/v1/status\`, \`GET /health/ready\` (how many of each severity), the metric
\`mortise_conditions\` with its [alerts](monitoring.md#alerts), and the log, which has each condition once a day (\`condition\`, \`action\`).

\`mortise status --watch\` follows the state. \`mortise status --nagios\` is a plugin for Nagios and Icinga: exit code 2 (CRITICAL) if a critical condition holds, 1
(WARNING) if a warning does, 0 (OK) otherwise, 3 (UNKNOWN) if the server does not answer.

${parts.join('\n\n')}
`
  return format(page, { parser: 'markdown' })
}

const intro = {
  critical: 'Keys are not served, or may be lost.',
  warning: 'It becomes critical if no administrator acts.',
  notice: 'Somebody should know of it.',
} as const
