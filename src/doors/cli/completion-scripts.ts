// The scripts that bash, zsh and fish read to complete a command line of mortise. Each finds the command in the words before the
// cursor, and offers what can follow it.

/** The words that can stand at one place of the command line. */
export interface CompletedCommand {
  /** `key list`; empty for the program itself. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly summary: string }[]
  readonly flags: readonly {
    readonly name: string
    readonly summary: string
    readonly value: CompletionValue
  }[]
  readonly argument: CompletionValue
}

/** A flag or a command is followed by nothing, a path, one of a few words, or something that no shell can know. */
export type CompletionValue = 'none' | 'file' | 'folder' | 'any' | readonly string[]

const head = '# Made by `mortise completion`. Completes the commands and flags of mortise.'

export function bashCompletion(all: readonly CompletedCommand[]): string {
  return `${head}
_mortise() {
  local current=\${COMP_WORDS[COMP_CWORD]} command='' offered='' i
  COMPREPLY=()
  compopt -o default
  for ((i = 1; i < COMP_CWORD; i++)); do
    # The words after it are those of another program.
    if [ "\${COMP_WORDS[i]}" = -- ]; then return; fi
    case "$command \${COMP_WORDS[i]}" in
      ${paths(all)}) command="\${command:+$command }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$command \${COMP_WORDS[COMP_CWORD - 1]}" in
${valueCases(all, (value) => {
  if (value === 'file') return 'return'
  if (value === 'folder')
    return 'compopt +o default -o filenames; COMPREPLY=($(compgen -d -- "$current")); return'
  if (value === 'any') return 'compopt +o default; return'
  return `compopt +o default; COMPREPLY=($(compgen -W ${quoted(value.join(' '))} -- "$current")); return`
})}
  esac
  case "$command" in
${all
  .map(
    (one) =>
      `    ${quoted(one.path)}) offered=${quoted(offered(one).join(' '))}${one.argument === 'file' ? '' : '; compopt +o default'} ;;`,
  )
  .join('\n')}
  esac
  COMPREPLY=($(compgen -W "$offered" -- "$current"))
}
complete -F _mortise mortise
`
}

export function zshCompletion(all: readonly CompletedCommand[]): string {
  const lines = all.map(({ path, commands, flags, argument }) => {
    const words = typeof argument === 'string' ? [] : argument.map(quoted)
    const files = argument === 'file' ? ' files=1' : ''
    return `    ${quoted(path)}) found=(${[...commands.map(described), ...words].join(' ')}) flags=(${flags.map(described).join(' ')})${files} ;;`
  })
  return `#compdef mortise
${head}
_mortise() {
  local command='' word files=0
  local -a found flags
  for word in \${words[2,CURRENT-1]}; do
    if [[ $word = -- ]] { _files; return }
    case "$command $word" in
      ${paths(all)}) command="\${command:+$command }$word" ;;
    esac
  done
  case "$command \${words[CURRENT-1]}" in
${valueCases(all, (value) => {
  if (value === 'file') return '_files; return'
  if (value === 'folder') return '_files -/; return'
  if (value === 'any') return '_message value; return'
  return `compadd -- ${value.map(quoted).join(' ')}; return`
})}
  esac
  case "$command" in
${lines.join('\n')}
  esac
  (( \${#found} )) && _describe -t commands command found
  (( files )) && _files
  _describe -t flags flag flags
}
_mortise "$@"
`
}

export function fishCompletion(all: readonly CompletedCommand[]): string {
  const lines = all.flatMap(({ path, commands, flags, argument }) => [
    ...commands.map(({ name, summary }) => line(path, '-a', name, '-d', fishQuoted(summary))),
    ...(argument === 'file' ? [line(path, '-F')] : []),
    ...(typeof argument === 'string' ? [] : [line(path, '-a', fishQuoted(argument.join(' ')))]),
    ...flags.map(({ name, summary, value }) =>
      line(path, '-l', name.replace(/^--/, ''), ...fishValue(value), '-d', fishQuoted(summary)),
    ),
  ])
  const known = all.flatMap(({ path }) => (path === '' ? [] : [fishQuoted(path)]))
  return `${head}
set -g __mortise_commands ${known.join(' ')}
function __mortise_at
  set -l command
  for word in (commandline -opc)[2..-1]
    if test "$word" = --
      return 1
    end
    if contains -- "$(string join -- ' ' $command $word)" $__mortise_commands
      set -a command $word
    end
  end
  test "$command" = "$argv"
end
complete -c mortise -f
complete -c mortise -n 'contains -- -- (commandline -opc)' -F
${lines.join('\n')}
`
}

function line(path: string, ...rest: readonly string[]): string {
  return `complete -c mortise -n ${fishQuoted(`__mortise_at ${path}`.trim())} ${rest.join(' ')}`
}

function fishValue(value: CompletionValue): string[] {
  if (value === 'none') return []
  if (value === 'file') return ['-r', '-F']
  if (value === 'folder') return ['-x', '-a', fishQuoted('(__fish_complete_directories)')]
  return value === 'any' ? ['-x'] : ['-x', '-a', fishQuoted(value.join(' '))]
}

function offered({ commands, flags, argument }: CompletedCommand): readonly string[] {
  return [...commands, ...flags].map(({ name }) => name).concat(typeof argument === 'string' ? [] : argument)
}

/** Writes a word in the form that _describe of zsh takes. */
function described({ name, summary }: { readonly name: string; readonly summary: string }): string {
  return quoted(`${name}:${summary}`)
}

/** Patterns of all commands, as the words of a command line build them up: ` key`, `key list`. */
function paths(all: readonly CompletedCommand[]): string {
  return all
    .filter(({ path }) => path !== '')
    .map(({ path }) => quoted(path.includes(' ') ? path : ` ${path}`))
    .join(' | ')
}

/** A line for each kind of value, with the flags that take one: `key list --state`. */
function valueCases(
  all: readonly CompletedCommand[],
  act: (value: Exclude<CompletionValue, 'none'>) => string,
): string {
  const cases = all.flatMap(({ path, flags }) =>
    flags.flatMap(({ name, value }) => (value === 'none' ? [] : [{ pattern: `${path} ${name}`, value }])),
  )
  return [...Map.groupBy(cases, ({ value }) => act(value))]
    .map(([action, flags]) => `    ${flags.map(({ pattern }) => quoted(pattern)).join(' | ')}) ${action} ;;`)
    .join('\n')
}

/** Quotes a text for bash and zsh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`
}
