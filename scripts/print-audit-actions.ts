// Prints docs/audit-actions.md from the table in src/core/ports/audit-actions.ts; `npm run docs` writes it.

import { format } from 'prettier'
import { auditActions } from '../src/core/ports/audit-actions.ts'

export async function auditActionsPage(): Promise<string> {
  const rows = Object.entries(auditActions)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([action, meaning]) => `| \`${action}\` | ${meaning} |`)
  const page = `# What the audit records

<!-- Printed from src/core/ports/audit-actions.ts by scripts/print-audit-actions.ts. Change it there. -->

Each entry of the audit log names one of these actions, the party that acted, the object, the time and the result: \`success\`,
\`refused\` (with the reason) or \`undone\` (a batch with Undo that was rolled back). \`mortise audit list --action ACTION\` shows the
entries of one.

| action | meaning |
| --- | --- |
${rows.join('\n')}
`
  return format(page, { parser: 'markdown' })
}
