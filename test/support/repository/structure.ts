// Measures the structure of src/: which imports go against the floors, how far one feature reaches, circles, and objects that know
// everything. scripts/structure.ts prints the measures, and test/tidy.test.ts holds each to its ceiling. It works on text, as
// sources.ts does.

import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { participles, repeatedTypes } from './names.ts'
import { unplain } from './plain-english.ts'
import { readSources, root, type Source } from './sources.ts'

export interface Measure {
  /** Names the measure in test/structure-ceilings.json. */
  readonly id: string
  readonly what: string
  readonly value: number
  readonly goal: number
  /** What the measure counts, one line each. */
  readonly parts: readonly string[]
}

export type Ceilings = Readonly<Record<string, number>>

const ceilingsFile = path.join(root, 'test/structure-ceilings.json')

export const featureList = 'src/program/features.ts'

/** The floors of src/, lowest first, as the table of ARCHITECTURE.md lists them. */
export const floors = [
  'base',
  'wire',
  'core',
  'outside',
  'host',
  'doors',
  'tools',
  'features',
  'program',
] as const

/**
 * The rooms of the core that the floor `outside` may import beside base and wire. A writer of the store chains audit entries, signs
 * marks and compares anchors within its transaction, by the rules of `audit/`.
 */
const coreForOutside = /^src\/core\/(?:ports\/|pki\/|audit\/(?:chain|anchor|marks)\.ts$)/
/** The types that doors take from the floor `outside`. */
const outsideForDoors = /^src\/outside\/(?:telemetry|kmip-client)\//
/** What a feature may import of an administration folder. */
const routesFile = /\/(?:[\w-]+-)?routes\.ts$/

export function measures(): readonly Measure[] {
  const sources = readSources('src')
  return [
    measure('against-floors', 'imports against the floors', 0, againstFloors(sources)),
    measure('alerts-importers', 'files outside alerts that import it', 1, importersOf(sources, 'alerts')),
    measure(
      'feature-importers',
      'files outside an optional feature that import it, the most',
      1,
      mostImported(sources),
    ),
    measure('needs-fields', 'fields of the largest Needs of a feature', 12, largestNeeds(sources)),
    measure('world-members', 'members of World', 12, fieldsOf(sources, 'World')),
    measure('core-from-above', 'imports of core/server/core.ts from above', 0, coreFromAbove(sources)),
    measure('lone-bounds', 'bounds in base/bounds.ts that one file uses', 0, loneBounds(sources)),
    measure(
      'small-files',
      'files under 60 lines with one importer, in their folder',
      20,
      smallFiles(sources),
    ),
    measure('circles', 'circles of files, types included', 0, circles(sources)),
    measure('repeated-types', 'exported types that several files declare', 0, repeatedTypes(sources)),
    measure('participles', 'participles as names (found, wanted, asked)', 0, participles(sources)),
    ...floors.map((floor) =>
      measure(
        `english-${floor}`,
        `comments of src/${floor} that hide who does what`,
        0,
        unplain(sources, `src/${floor}`),
      ),
    ),
  ]
}

export function readCeilings(): Ceilings {
  return JSON.parse(readFileSync(ceilingsFile, 'utf8')) as Ceilings
}

export function writeCeilings(ceilings: Ceilings): void {
  writeFileSync(ceilingsFile, `${JSON.stringify(ceilings, null, 2)}\n`)
}

/** The ceilings, each as low as what was measured. A measure without a ceiling gets one. */
export function loweredCeilings(found: readonly Measure[], ceilings: Ceilings): Ceilings {
  return Object.fromEntries(found.map(({ id, value }) => [id, Math.min(value, ceilings[id] ?? value)]))
}

function measure(id: string, what: string, goal: number, parts: readonly string[]): Measure {
  return { id, what, value: parts.length, goal, parts }
}

const floorOf = (file: string) =>
  floors.indexOf((/^src\/([\w-]+)\//.exec(file)?.[1] ?? '') as (typeof floors)[number])

const featureOf = (file: string) => /^src\/features\/([\w-]+)\//.exec(file)?.[1]

function againstFloors(sources: readonly Source[]): readonly string[] {
  return sources.flatMap(({ file, imports }) =>
    imports
      .filter(({ target, typeOnly }) => target.startsWith('src/') && !mayImport(file, target, typeOnly))
      .map(({ target, typeOnly }) => `${file} imports ${typeOnly ? 'types of ' : ''}${target}`),
  )
}

function mayImport(file: string, target: string, typeOnly: boolean): boolean {
  const [from, to] = [floorOf(file), floorOf(target)]
  if (from === -1 || to === -1) return false
  if (from === to) {
    const [own, other] = [featureOf(file), featureOf(target)]
    return own === other || routesFile.test(target)
  }
  if (floors[from] === 'outside') return to < 2 || coreForOutside.test(target)
  if (floors[from] === 'doors') return to < 3 || (typeOnly && outsideForDoors.test(target))
  return to < from
}

function importersOf(sources: readonly Source[], feature: string): readonly string[] {
  return sources
    .filter(
      ({ file, imports }) =>
        featureOf(file) !== feature && imports.some(({ target }) => featureOf(target) === feature),
    )
    .map(({ file }) => file)
}

/** The features that a server can lack, by folder: the text of each one's entry in `list`, which is src/program/features.ts. */
export function optionalFeatures(list: string): ReadonlyMap<string, string> {
  const [, entries = ''] = /^const optional = \{\n(.*?)^\}/ms.exec(list) ?? []
  const found = entries.matchAll(/^ {2}\w+: \{(?:\n.*?^ {2}\},| [^\n]* \},)\n/gms)
  return new Map([...found].map(([text]) => [/\.\.\/features\/([\w-]+)\//.exec(text)?.[1] ?? text, text]))
}

function mostImported(sources: readonly Source[]): readonly string[] {
  const list = sources.find(({ file }) => file === featureList)?.text ?? ''
  const features = optionalFeatures(list).keys()
  const importers = [...features].map((feature) =>
    importersOf(sources, feature).map((file) => `${feature}: ${file}`),
  )
  return importers.toSorted((one, other) => other.length - one.length)[0] ?? []
}

/** The members of an interface, wherever it is declared. */
function fieldsOf(sources: readonly Source[], name: string): readonly string[] {
  return sources.flatMap(({ file, text }) => {
    const body = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n([^]*?)^\\}`, 'm').exec(text)?.[1] ?? ''
    return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(<]/gm)].map(([, field]) => `${file}: ${field}`)
  })
}

/** The parts of the server that the neediest feature is handed. */
function largestNeeds(sources: readonly Source[]): readonly string[] {
  const fields = sources
    .filter(({ file }) => file.startsWith('src/features/'))
    .flatMap((source) =>
      [...source.text.matchAll(/^export interface (\w*Needs)\b/gm)].map(([, name = '']) =>
        fieldsOf([source], name),
      ),
    )
  return fields.toSorted((a, b) => b.length - a.length)[0] ?? []
}

function coreFromAbove(sources: readonly Source[]): readonly string[] {
  const core = sources.find(({ file }) => file === 'src/core/server/core.ts')
  return (core?.imports ?? [])
    .filter(({ target }) => target.startsWith('src/') && floorOf(target) > 2)
    .map(({ target }) => target)
}

function loneBounds(sources: readonly Source[]): readonly string[] {
  const shared = sources.find(({ file }) => file === 'src/base/bounds.ts')
  const bounds = [...(shared?.text ?? '').matchAll(/^export const (\w+)/gm)].map(([, name = '']) => name)
  const others = sources.filter((source) => source !== shared)
  return bounds.filter((name) => {
    const use = new RegExp(`\\b${name}\\b`)
    return others.filter(({ text }) => use.test(text)).length === 1
  })
}

/** The files that a feature has by its form, which a reader finds by their names, and the list of routes, which the console imports. */
const ofEachFeature =
  /^src\/(?:features\/[\w-]+\/(?:conditions|guards|(?:[\w-]+-)?(?:examples|handlers)|needs)|program\/routes)\.ts$/

/** Files of operations/ are small by design, one for each operation, and so are lists of bounds. */
function smallFiles(sources: readonly Source[]): readonly string[] {
  const importers = new Map<string, Set<string>>()
  for (const { file, imports } of sources)
    for (const { target } of imports) importers.set(target, (importers.get(target) ?? new Set()).add(file))
  return sources
    .filter(({ file, text }) => {
      const [importer, ...others] = importers.get(file) ?? []
      if (importer === undefined || others.length > 0) return false
      if (file.startsWith('src/core/operations/') || file.endsWith('/bounds.ts') || ofEachFeature.test(file))
        return false
      return text.split('\n').length - 1 < 60 && path.dirname(importer) === path.dirname(file)
    })
    .map(({ file }) => file)
}

/** Each strongly connected part of more than one file (Tarjan's algorithm). */
function circles(sources: readonly Source[]): readonly string[] {
  const graph = new Map(sources.map(({ file, imports }) => [file, imports.map(({ target }) => target)]))
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const open: string[] = []
  const found: string[] = []
  const visit = (file: string): number => {
    const own = order.size
    order.set(file, own)
    low.set(file, own)
    open.push(file)
    for (const next of graph.get(file) ?? []) {
      if (!graph.has(next)) continue
      const seen = order.get(next)
      if (seen === undefined) low.set(file, Math.min(low.get(file) ?? own, visit(next)))
      else if (open.includes(next)) low.set(file, Math.min(low.get(file) ?? own, seen))
    }
    const lowest = low.get(file) ?? own
    if (lowest === own) {
      const part = open.splice(open.indexOf(file))
      if (part.length > 1) found.push(`${part.length} files: ${part.toSorted().join(' ')}`)
    }
    return lowest
  }
  for (const file of graph.keys()) if (!order.has(file)) visit(file)
  return found
}
