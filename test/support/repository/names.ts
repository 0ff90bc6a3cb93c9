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

/** Uses of `told`, `asked`, `found`, `given` and `wanted` as names, and of names that end so, but the protocol's own, one line each. */
export function participles(sources: readonly Source[]): readonly string[] {
  return sources.flatMap(({ file, text }) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        [
          ...codeOf(line).matchAll(
            /(?<!\w)(?:told|asked|found|given|wanted|\w+(?:Told|Asked|Given|Wanted|(?<!Not)Found))\b/g,
          ),
        ].map(([name]) => `${file}:${index + 1}: ${name}`),
      ),
  )
}

/** A line without its comment and its strings. */
function codeOf(line: string): string {
  if (/^\s*(?:\/\/|\/?\*)/.test(line)) return ''
  return line.replaceAll(/'[^']*'|`[^`$]*`|(?<=\s)\/\/ .*$|\/\*.*?\*\//g, '')
}
