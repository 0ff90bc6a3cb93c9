// The manual pages, from the commands and options themselves: mortise(1), a page for each command, mortise.toml(5). Dates and version
// come from outside, so that a page is the same for the same commit.

import type { Command, Option } from 'commander'
import type { Option as ConfigOption } from '../src/base/option.ts'
import { allOptions } from '../src/program/features.ts'

export interface Edition {
  readonly version: string
  /** YYYY-MM-DD */
  readonly date: string
}

/** The text of each page by its path: `man1/mortise-key.1`. */
export function manPages(program: Command, edition: Edition): Readonly<Record<string, string>> {
  const pages = program.commands.map((command) => [
    `man1/mortise-${command.name()}.1`,
    commandPage(command, edition),
  ])
  return Object.fromEntries([
    ['man1/mortise.1', programPage(program, edition)],
    ...pages,
    ['man5/mortise.toml.5', configurationPage(edition)],
  ]) as Record<string, string>
}

function programPage(program: Command, edition: Edition): string {
  const [summary = '', ...firstSteps] = program.description().split('\n\n')
  return page('mortise', 1, edition, summary.replace(/^A /, '').replace(/\.$/, ''), [
    ['SYNOPSIS', '.B mortise\n.I COMMAND\n[...]'],
    ['DESCRIPTION', `${roff(summary)}\n.PP\n${preformatted(firstSteps.join('\n\n'))}`],
    [
      'COMMANDS',
      program.commands
        .map((one) => item(`\\fBmortise\\-${roff(one.name())}\\fR(1)`, one.description()))
        .join('\n'),
    ],
    [
      'EXIT STATUS',
      [
        item('0', 'done'),
        item('1', 'refused, or failed'),
        item('2', 'the words of the command are wrong'),
      ].join('\n'),
    ],
    [
      'ENVIRONMENT',
      roff(
        'MORTISE_CONFIG names the configuration file; each option has a variable of its own: mortise.toml(5). MORTISE_PROFILE, MORTISE_ADMIN_URL and MORTISE_TOKEN_FILE say where the server is. MORTISE_PAGER, otherwise PAGER, is the command that shows lists on a terminal (otherwise less; cat: none).',
      ),
    ],
    [
      'SEE ALSO',
      `${program.commands.map((one) => `\\fBmortise\\-${roff(one.name())}\\fR(1)`).join(', ')}, \\fBmortise.toml\\fR(5)`,
    ],
  ])
}

function commandPage(command: Command, edition: Edition): string {
  const leaves = command.commands.length > 0 ? command.commands : [command]
  const sections = leaves.map((leaf): [string, string] => [
    leaf === command ? 'OPTIONS' : nameOf(leaf),
    leafText(leaf, leaf === command),
  ])
  const synopsis = leaves.map((leaf) => `.B ${roff(nameOf(leaf))}\n${roff(leaf.usage())}`).join('\n.br\n')
  return page(`mortise-${command.name()}`, 1, edition, command.description(), [
    ['SYNOPSIS', synopsis],
    ...sections,
    ['SEE ALSO', '\\fBmortise\\fR(1), \\fBmortise.toml\\fR(5)'],
  ])
}

function leafText(leaf: Command, alone: boolean): string {
  const flags = leaf.options.map((option: Option) =>
    item(`\\fB${roff(option.flags)}\\fR`, option.description),
  )
  const examples = examplesOf(leaf)
  return [
    ...(alone ? [] : [`${roff(leaf.description())}.`]),
    ...flags,
    ...(examples === '' ? [] : [`.PP\nExamples:\n${preformatted(examples)}`]),
  ].join('\n')
}

/** As the help prints them. */
function examplesOf(command: Command): string {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
  return /\nExamples:\n([\s\S]*)$/.exec(help)?.[1]?.trimEnd() ?? ''
}

function configurationPage(edition: Edition): string {
  const sections = Object.entries(allOptions).map(([section, named]): [string, string] => [
    `[${section}]`,
    Object.entries(named)
      .map(([name, { text, reason, initial, variable, live }]: [string, ConfigOption]) =>
        item(
          `\\fB${roff(name)}\\fR = ${roff(JSON.stringify(initial))}`,
          `${text} ${reason} Variable: ${variable}. Changed by a ${live ? 'reload' : 'restart'}.`,
        ),
      )
      .join('\n'),
  ])
  return page('mortise.toml', 5, edition, 'configuration of the key server mortise', [
    [
      'DESCRIPTION',
      roff(
        'Each option has a default, shown here. A flag of mortise serve overrides the variable, and a variable overrides the file. A key that does not exist is an error.',
      ),
    ],
    ...sections,
    ['SEE ALSO', '\\fBmortise\\fR(1), \\fBmortise\\-serve\\fR(1), \\fBmortise\\-reload\\fR(1)'],
  ])
}

function page(
  name: string,
  section: number,
  { version, date }: Edition,
  summary: string,
  sections: readonly (readonly [string, string])[],
): string {
  const all = [['NAME', `${roff(name)} \\- ${roff(summary)}`], ...sections]
  const text = all.map(([title = '', body = '']) => `.SH "${roff(title).toUpperCase()}"\n${body}\n`).join('')
  return `.TH "${roff(name.toUpperCase())}" "${section}" "${date}" "Mortise ${version}" "Mortise"\n.nh\n.ad l\n${text}`
}

function item(title: string, text: string): string {
  return `.TP\n${title}\n${roff(text)}`
}

function preformatted(text: string): string {
  return `.PP\n.nf\n.RS 4\n${roff(text)}\n.RE\n.fi`
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name()
}

/** What groff would read as its own is plain text. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^([.'])/gm, '\\&$1')
}
