// `mortise completion bash|zsh|fish`: prints what makes a shell complete commands and flags, from the commands themselves.

import { Argument, type Command } from 'commander'
import { verb, type CommandOutcome } from './command.ts'
import {
  bashCompletion,
  fishCompletion,
  zshCompletion,
  type CompletedCommand,
  type CompletionValue,
} from './completion-scripts.ts'
import type { World } from './world.ts'

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const
export const shellNames = Object.keys(shells) as readonly (keyof typeof shells)[]

/** `tree`: makes the whole tree of commands. */
export function completionCommand(
  world: World,
  outcome: CommandOutcome,
  tree: () => Promise<Command>,
): Command {
  const command = verb({
    words: 'completion',
    summary: 'print what makes a shell complete commands and flags',
    examples: [
      'completion bash > /etc/bash_completion.d/mortise',
      'completion zsh > /usr/local/share/zsh/site-functions/_mortise',
      'completion fish > ~/.config/fish/completions/mortise.fish',
    ],
    offline: true,
    action: async ({ show }, _options, shell) => {
      const script = completionOf(shell as keyof typeof shells, await tree())
      show({ script }, () => script)
    },
  })(world, outcome)
  return command.addArgument(new Argument('<shell>').choices(shellNames))
}

export function completionOf(shell: keyof typeof shells, program: Command): string {
  return shells[shell](completedCommands(program))
}

function completedCommands(command: Command, path = ''): readonly CompletedCommand[] {
  const below = command.commands.map((child) => ({ name: child.name(), summary: child.description(), child }))
  const here: CompletedCommand = {
    path,
    commands: below,
    flags: [
      ...command.options.map(({ long, description, flags, argChoices }) => ({
        name: long ?? flags,
        summary: description,
        value: argChoices ?? valueOf(flags),
      })),
      { name: '--help', summary: 'display help for command', value: 'none' },
    ],
    argument: argumentOf(command),
  }
  return [
    here,
    ...below.flatMap(({ name, child }) => completedCommands(child, path === '' ? name : `${path} ${name}`)),
  ]
}

function argumentOf({ registeredArguments: [first] }: Command): CompletionValue {
  return first === undefined ? 'none' : (first.argChoices ?? valueOf(`<${first.name()}>`))
}

/** By the word in angle brackets, as the help shows it. */
function valueOf(flags: string): CompletionValue {
  const word = /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1]?.replace(/\.+$/, '')
  if (word === undefined) return 'none'
  if (word.includes('|')) return word.split('|')
  return ({ file: 'file', pem: 'file', csr: 'file', dir: 'folder' } as const)[word] ?? 'any'
}
