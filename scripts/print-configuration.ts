// Prints docs/configuration.md from the tables in src/outside/config/options.ts and in the options.ts of features; `npm run docs` writes it.

import { format } from 'prettier'
import type { Option } from '../src/base/option.ts'
import { allOptions } from '../src/program/features.ts'

const sections = Object.entries(allOptions).map(([section, named]): [string, [string, Option][]] => [
  section,
  Object.entries(named),
])

export async function configurationPage(): Promise<string> {
  const table = sections.flatMap(([section, lines]) =>
    lines.map(
      ([name, line]) =>
        `| \`${section}.${name}\` | \`${line.variable}\` | ${line.flag ? `\`--${line.flag}\`` : ''} | \`${JSON.stringify(line.initial)}\` | ${line.live ? 'reload' : 'restart'} |`,
    ),
  )
  const page = `# Configuration

<!-- Printed from src/outside/config/options.ts and the options.ts of features by scripts/print-configuration.ts. Change it there. -->

Mortise runs without any configuration. To change a default, write it into \`mortise.toml\`, a \`MORTISE_*\`
variable, or a flag of \`mortise serve\`. A flag overrides the variable, and a variable overrides the file.

Mortise reads the file that \`--config\` names, otherwise that of \`MORTISE_CONFIG\`, otherwise \`mortise.toml\` in the folder in which the
process starts, if there is one. The Debian package sets that variable for \`mortise\`, so a \`mortise.toml\` in another folder is not read there unless \`--config\` names it; a command says so. Paths are relative to that folder. A key that does not exist is an error, and so
is a \`MORTISE_\` variable that does not exist, so that you notice a spelling mistake at once and not months later. [command-line.md](command-line.md) has the variables of the command line
(\`MORTISE_PROFILE\`, \`MORTISE_ADMIN_URL\`, \`MORTISE_TOKEN_FILE\`, \`MORTISE_PAGER\`).

In variables and flags a list is written with commas: \`MORTISE_SERVER_NAMES=kms.example.com,192.0.2.10\`.

A change takes effect with a restart or, where the table says so, with a reload: \`mortise reload\`, the signal
SIGHUP, or \`POST /api/v1/reload\`. The answer (with SIGHUP the log) names the options that were applied and those that need a restart.
A wrong configuration changes nothing. Variables and flags stay those with which the process started.

| option | variable | flag | default | changed by |
| --- | --- | --- | --- | --- |
${table.join('\n')}

## mortise.toml, with every option at its default

\`\`\`toml
${exampleToml('').trimEnd()}
\`\`\`
`
  return format(page, { parser: 'markdown' })
}

/** Every option with what it is for. `mark` stands before each value: `# ` leaves them at their defaults. */
export function exampleToml(mark: string): string {
  const lines = ([name, { text, reason, initial }]: [string, Option]) =>
    `# ${text}\n# ${reason}\n${mark}${name} = ${JSON.stringify(initial)}`
  return sections.map(([section, named]) => `[${section}]\n${named.map(lines).join('\n')}\n`).join('\n')
}
