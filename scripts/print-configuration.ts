// Prints docs/configuration.md from the table in src/config.ts; `npm run docs` writes it.

import { format } from 'prettier'
import { options, type Option } from '../src/config.ts'

export async function configurationPage(): Promise<string> {
  const sections = Object.entries(options).map(([section, named]): [string, [string, Option][]] => [
    section,
    Object.entries(named),
  ])
  const example = sections.map(([section, lines]) => `[${section}]\n${lines.map(exampleLines).join('\n')}`)
  const table = sections.flatMap(([section, lines]) =>
    lines.map(
      ([name, line]) =>
        `| \`${section}.${name}\` | \`${line.variable}\` | ${line.flag ? `\`--${line.flag}\`` : ''} | \`${JSON.stringify(line.initial)}\` | ${line.live ? 'reload' : 'restart'} |`,
    ),
  )
  const page = `# Configuration

<!-- Printed from src/config.ts by scripts/print-configuration.ts. Change it there. -->

Mortise runs without any configuration. What you want otherwise goes into \`mortise.toml\`, into \`MORTISE_*\`
variables, or into flags of \`mortise serve\`; a flag wins over a variable, and a variable over the file.

The file is the one that \`--config\` names, else \`MORTISE_CONFIG\`, else \`mortise.toml\` in the folder where the
process is started, if there is one. Paths are relative to that folder. A key that does not exist is an error, and so
is a \`MORTISE_\` variable that does not exist, so that a spelling mistake is noticed at once and not months later.

In variables and flags a list is written with commas: \`MORTISE_SERVER_NAMES=kms.example.com,192.0.2.10\`.

What changed takes effect with a restart, or where the table says so with a reload: \`mortise reload\`, the signal
SIGHUP, or \`POST /api/v1/reload\`. The answer (with SIGHUP the log) names what was applied and what waits for a restart.
A configuration that is not right changes nothing. Variables and flags are those that the process was started with.

| option | variable | flag | default | changed by |
| --- | --- | --- | --- | --- |
${table.join('\n')}

## mortise.toml, with every option at its default

\`\`\`toml
${example.join('\n\n')}
\`\`\`
`
  return format(page, { parser: 'markdown' })
}

function exampleLines([name, line]: [string, Option]): string {
  return `# ${line.text}\n# ${line.reason}\n${name} = ${JSON.stringify(line.initial)}\n`.replace(/\n$/, '')
}
