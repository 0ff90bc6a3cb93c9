// Finds names in src/ that a reader takes for something else: one exported name with several meanings, and participles as names.

import type { Source } from './sources.ts'

/** Each feature declares its own Needs, by its form; the list of routes has the Input and Output of a route by its name. */
const conventional: ReadonlySet<string> = new Set(['Needs', 'Input', 'Output'])

/** Exported types and classes that several files declare, one line each. */
export function repeatedTypes(sources: readonly Source[]): readonly string[] {
  const files = new Map<string, string[]>()
  for (const { file, text } of sources)
    for (const [, name = ''] of text.matchAll(/^export (?:abstract )?(?:class|type|interface) (\w+)/gm))
      if (!conventional.has(name)) files.set(name, [...(files.get(name) ?? []), file])
  return [...files]
    .filter(([, places]) => places.length > 1)
    .map(([name, places]) => `${name}: ${places.join(' ')}`)
}

/** Fields of JSON, of stored rows and of audit details, which keep their names: by name, the files that have them. */
const kept: Readonly<Record<string, RegExp>> = {
  asked:
    /^src\/(?:core\/trust\/(?:approval|second-person)|features\/approvals\/|doors\/http\/(?:samples|waiting-answer)\.ts)/,
  told: /^src\/features\/alerts\//,
  found:
    /^src\/(?:core\/(?:server\/anchor|keys\/key-transaction|ports\/audit-actions)\.ts|host\/restore-accept|features\/restore\/report|tools\/(?:commands\/)?conformance)/,
}

/** Uses of `told`, `asked`, `found`, `given` and `wanted` as names, and of names that end so, but the protocol's own, one line each. */
export function participles(sources: readonly Source[]): readonly string[] {
  return sources.flatMap(({ file, text }) =>
    codeOf(text)
      .split('\n')
      .flatMap((line, index) =>
        [
          ...line.matchAll(
            /(?<![\w.])(?:told|asked|found|given|wanted|\w+(?:Told|Asked|Given|Wanted|(?<!Not)Found))\b/g,
          ),
        ]
          .filter(([name]) => kept[name]?.test(file) !== true)
          .map(([name]) => `${file}:${index + 1}: ${name}`),
      ),
  )
}

/** The text without comments, regular expressions and what strings say, line by line. Expressions within templates stay. */
function codeOf(text: string): string {
  return text.replaceAll(
    /\/\*[^]*?\*\/|\/\/.*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|(?<=[(=,:] |\(|^ +)\/(?:[^/\\\n]|\\.)+\//gm,
    (part) =>
      part.startsWith('`')
        ? part.replaceAll(/(?<!\\)\$\{([^{}]*)\}|[^\n]/g, (_, inner: string | undefined) =>
            codeOf(inner ?? ' '),
          )
        : part.replaceAll(/[^\n]/g, ' '),
  )
}
