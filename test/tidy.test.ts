// The repository tests itself: the layer table of ARCHITECTURE.md against the imports, cycles, the length of files, words that
// must not be there, and that each operation the server handles has its test and its line in docs/kmip-conformance.md.
// Not here: the length of functions and type-aware rules, which `npm run check` holds (.oxlintrc.json).

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { handledOperations } from '../src/core/operations/handlers.ts'
import { filesBelow, readSources, root } from './support/repository/sources.ts'
import { floors, measures, readCeilings } from './support/repository/structure.ts'

const fileLinesMax = { src: 400, scripts: 400, test: 600 }
const sources = readSources('src')
const architecture = readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8')
const rooms = layerTable()
const measured = measures()

/** Fails with the list of what was found and what to do about it. */
function none(found: readonly string[], whatToDo: string): void {
  assert.ok(found.length === 0, `${whatToDo}\n  ${found.join('\n  ')}`)
}

interface Rule {
  /** `keys`, or `core/ports/store` for one file. */
  readonly target: string
  readonly typesOnly: boolean
}

/** From ARCHITECTURE.md: | `floor/room/` | … | what it may import |, each in backticks; `types of` before one limits it. */
function layerTable(): Map<string, readonly Rule[]> {
  const table = new Map<string, readonly Rule[]>()
  for (const [, folder, allowed] of architecture.matchAll(/^\| `([\w-]+\/[\w-]+)\/`\s*\|.*\|([^|]*)\|$/gm)) {
    if (folder === undefined || allowed === undefined) continue
    const rules = [...allowed.matchAll(/(types of )?`([\w/-]+)`/g)].map((match): Rule => {
      return { target: match[2] ?? '', typesOnly: match[1] !== undefined }
    })
    table.set(folder, rules)
  }
  return table
}

/** `core/pki`; undefined: the file lies on a floor without rooms. */
function roomOf(file: string): string | undefined {
  return /^src\/([\w-]+\/[\w-]+)\//.exec(file)?.[1]
}

test('src/ has the nine floors of ARCHITECTURE.md, in their order, and nothing beside them', () => {
  const listed = [...architecture.matchAll(/^\| `([\w-]+)\/`\s*\|/gm)].map(([, floor = '']) => floor)
  assert.deepEqual(listed, floors)
  assert.deepEqual(readdirSync(path.join(root, 'src')).toSorted(), floors.toSorted())
})

test('ARCHITECTURE.md lists only rooms that are there, and names every folder of the core', () => {
  none(
    [...rooms.keys()].filter((room) => !existsSync(path.join(root, 'src', room))),
    'ARCHITECTURE.md has lines of rooms that are not there:',
  )
  none(
    readdirSync(path.join(root, 'src/core'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !architecture.includes(`\`core/${entry.name}/\``))
      .map(({ name }) => name),
    'Say in ARCHITECTURE.md what each is:',
  )
})

test('a room imports only what its line in ARCHITECTURE.md allows', () => {
  const wrong = sources.flatMap(({ file, imports }) =>
    imports
      .filter(({ target }) => target.startsWith('src/'))
      .filter(({ target, typeOnly }) => !mayImport(file, target, typeOnly))
      .map(({ target, typeOnly }) => `${file} imports ${typeOnly ? 'types of ' : ''}${target}`),
  )
  // Imports against the floors have a ceiling of their own.
  const known = new Set(measured.find(({ id }) => id === 'against-floors')?.parts)
  none(
    wrong.filter((line) => !known.has(line)),
    'Move the code to a room that may import it, pass it in, or allow it in the table of ARCHITECTURE.md:',
  )
})

function mayImport(file: string, target: string, typeOnly: boolean): boolean {
  const room = roomOf(file)
  const rules = room === undefined ? undefined : rooms.get(room)
  if (rules === undefined || roomOf(target) === room || target.startsWith('src/base/')) return true
  const wanted = target.slice('src/'.length, -'.ts'.length)
  return rules.some(
    (rule) =>
      (wanted === rule.target || wanted.startsWith(`${rule.target}/`)) && (typeOnly || !rule.typesOnly),
  )
}

test('no measure of the structure is above its ceiling', () => {
  const ceilings = readCeilings()
  none(
    measured
      .filter(({ id, value }) => value > (ceilings[id] ?? 0))
      .map(({ id, what, value, parts }) => {
        const most = ceilings[id] ?? 0
        const counted = most === 0 || parts.length <= 10 ? parts.map((part) => `\n    ${part}`) : []
        return `${what}: ${String(value)}, at most ${String(most)} (${id})${counted.join('')}`
      }),
    'Mend these; npm run structure -- --list ID names all that was counted:',
  )
  none(
    measured.filter(({ id, value }) => value < (ceilings[id] ?? 0)).map(({ id }) => id),
    'These fell: keep them there, by npm run structure -- --lower:',
  )
})

test('test/ mirrors src/: each test file carries the name of the file that it tests', () => {
  // `room/file.test.ts`, or `room/file.aspect.test.ts` for one aspect of it.
  const astray = filesBelow('test', '.test.ts')
    .filter((file) => file.split('/').length > 2 && !/^test\/(system|real|clients)\//.test(file))
    .filter((file) => {
      const tested = file
        .replace(/^test\/console\//, 'console/src/')
        .replace(/^test\//, 'src/')
        .replace(/(\.[\w-]+)?\.test\.ts$/, '.ts')
      return !existsSync(path.join(root, tested))
    })
  none(astray, 'Each tests no file of src/ with its name: rename or move it, or put it into test/system/:')
})

/** Packages from outside, and where they may be used. The core stands on Node.js alone. */
const packages: Record<string, RegExp> = {
  '@peculiar/': /^src\/core\/pki\//,
  asn1js: /^src\/core\/pki\//,
  hono: /^src\/(doors\/http|program|core\/identity|host)\//,
  '@hono/': /^src\/(doors\/http|program)\//,
  zod: /^src\/(doors\/(http|cli)\/|features\/[\w-]+\/(?:[\w-]+-)?(?:routes|options|shown-[\w-]+)\.ts|base\/option\.ts|outside\/config\/|core\/custody\/keyprotect\/|outside\/rootkey\/(keyprotect|clouds|vault|aws-kms|azure-kv|gcp-kms)\/)/,
  '@aws-sdk/': /^src\/outside\/rootkey\/aws-kms\/api\.ts$/,
  '@smithy/': /^src\/outside\/rootkey\/aws-kms\/api\.ts$/,
  koffi: /^src\/outside\/rootkey\/pkcs11\/module\.ts$/,
  'openid-client': /^src\/features\/login\/oidc\//,
  nodemailer: /^src\/features\/alerts\//,
  'p-queue': /^src\/outside\/rootkey\/https\//,
  saxes: /^src\/outside\/vsphere-api\/xml\.ts$/,
  'smol-toml': /^src\/outside\/config\/(config|profiles)\.ts$/,
  pino: /^src\/outside\/telemetry\//,
  'prom-client': /^src\/outside\/telemetry\//,
  '@noble/curves': /^src\/core\/crypto\/curve-digests\.ts$/,
  '@opentelemetry/api': /^src\/outside\/telemetry\/open-telemetry/,
  '@opentelemetry/exporter-trace-otlp-http': /^src\/outside\/telemetry\/open-telemetry/,
  '@opentelemetry/resources': /^src\/outside\/telemetry\/open-telemetry/,
  '@opentelemetry/sdk-trace': /^src\/outside\/telemetry\/open-telemetry/,
  'age-encryption': /^src\/core\/(backup|sealing\/age-file)/,
  pg: /^src\/outside\/store\/postgres\//,
  commander: /^src\/(doors\/cli\/|program\/|tools\/commands\/|features\/)/,
}

test('packages from outside are used only where they have their place', () => {
  const wrong = sources.flatMap(({ file, imports }) =>
    imports
      .filter(
        ({ target }) =>
          !target.startsWith('src/') && !target.startsWith('node:') && target !== 'package.json',
      )
      .filter(({ target }) => {
        const place = Object.entries(packages).find(([name]) => target === name || target.startsWith(name))
        return !place?.[1].test(file)
      })
      .map(({ target }) => `${file} uses ${target}`),
  )
  none(
    wrong,
    'Use the package where `packages` above has it; a new one needs a line there and docs/decisions:',
  )
})

test('the console takes types from src/, and the code of a proof alone', () => {
  const proof = ['src/core/audit/export.ts', 'src/core/audit/proof.ts']
  const files = ['.ts', '.tsx']
    .flatMap((ending) => readSources('console/src', ending))
    .filter(({ file }) => !file.endsWith('.d.ts'))
  assert.ok(files.length > 50)
  const taken = files.flatMap(({ file, imports }) =>
    imports
      .filter(({ target, typeOnly }) => target.startsWith('src/') && !typeOnly && !proof.includes(target))
      .map(({ target }) => `${file} imports ${target}`),
  )
  none(taken, 'Import types alone (import type), or move what the console needs to console/src/:')
  // What a browser runs reaches no part of Node.js.
  const reached = new Set(proof)
  for (const file of reached)
    for (const { target, typeOnly } of sources.find((one) => one.file === file)?.imports ?? [])
      if (!typeOnly) reached.add(target)
  none(
    [...reached].filter((target) => !target.startsWith('src/')),
    'core/audit/export.ts and core/audit/proof.ts run in browsers; they must not reach:',
  )
})

test('keys, operations, kmip and ttlv know neither sockets nor SQL', () => {
  const outside = /^node:(net|tls|http|https|http2|dgram|sqlite|child_process)$/
  const wrong = sources
    .filter(({ file }) => /^src\/(core\/(keys|operations)|wire)\//.test(file))
    .flatMap(({ file, imports }) =>
      imports.filter(({ target }) => outside.test(target)).map(({ target }) => `${file}: ${target}`),
    )
  none(wrong, 'Move what needs sockets or SQL to kmip-server/ or store/, and pass it in:')
})

test('no import cycle; with types, only those through doors/http, which the ceiling `circles` counts', () => {
  const graph = sources.map(({ file, imports }): [string, readonly string[]] => [
    file,
    imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target),
  ])
  none(cyclesIn(new Map(graph)), 'Move what both sides need to a file of its own:')
  const counted = /src\/doors\/http\//
  none(
    (measured.find(({ id }) => id === 'circles')?.parts ?? []).filter((circle) => !counted.test(circle)),
    'Move the type that both sides need to a file below both:',
  )
})

test('no cycle between the rooms that ARCHITECTURE.md lists, types included', () => {
  none(
    cyclesBetween((file) => {
      const room = roomOf(file)
      return room !== undefined && rooms.has(room) ? room : undefined
    }),
    'Move what both rooms need to the room that the other imports already:',
  )
})

test('no cycle between the folders of core/keys/, types included; the door at its top is one of them', () => {
  none(
    cyclesBetween((file) => /^src\/core\/keys\/(?:([\w-]+)\/)?/.exec(file)?.[0]),
    'A folder of core/keys/ imports only those before it in docs/internals.md:',
  )
})

function cyclesBetween(placeOf: (file: string) => string | undefined): readonly string[] {
  const graph = new Map<string, Set<string>>()
  for (const { file, imports } of sources) {
    const from = placeOf(file)
    if (from === undefined) continue
    const next = graph.get(from) ?? new Set()
    for (const { target } of imports) {
      const to = placeOf(target)
      if (to !== undefined && to !== from) next.add(to)
    }
    graph.set(from, next)
  }
  return cyclesIn(graph)
}

function cyclesIn(graph: ReadonlyMap<string, Iterable<string>>): readonly string[] {
  const done = new Set<string>()
  const cycles: string[] = []
  const walk = (place: string, above: readonly string[]): void => {
    if (above.includes(place)) {
      cycles.push([...above.slice(above.indexOf(place)), place].join(' > '))
      return
    }
    if (done.has(place)) return
    for (const next of graph.get(place) ?? []) walk(next, [...above, place])
    done.add(place)
  }
  for (const place of graph.keys()) walk(place, [])
  return cycles
}

for (const [folder, most] of Object.entries(fileLinesMax)) {
  test(`a file of ${folder}/ that is longer than ${most} lines states the reason in its first line`, () => {
    const silent = readSources(folder)
      .filter(({ text }) => text.split('\n').length - 1 > most)
      .filter(({ text }) => !/^\/\/.*\blong because of that\b/.test(text))
      .map(({ file }) => file)
    none(silent, 'Split it by subject, or state in the first line that it is long because of something:')
  })
}

test('outside test/system/ and test/real/, no test sleeps longer than 50 ms', () => {
  const found = readSources('test')
    .filter(({ file }) => !/^test\/(system|real|support)\//.test(file))
    .flatMap(({ file, text }) =>
      [...text.matchAll(/(?:\bsleep|\blater|\bsetTimeout)\((?:resolve, )?([\d_]+)\)/g)]
        .filter(([, ms = '']) => Number(ms.replaceAll('_', '')) > 50)
        .map(([call]) => `${file}: ${call}`),
    )
  none(
    found,
    'Wait for the event itself, or turn the clock that the code gets (test/support/time/movable-clock.ts):',
  )
})

test('files of one folder alone take or keep a lease of one name', () => {
  const folders = new Map<string, Set<string>>()
  for (const { file, text } of sources)
    for (const [, name = ''] of text.matchAll(/\.(?:hold|during)\('([\w-]+)'/g))
      folders.set(name, (folders.get(name) ?? new Set()).add(path.dirname(file)))
  assert.ok(folders.has('inventory') && folders.has('adoption'), 'no lease is found')
  const shared = [...folders]
    .filter(([, of]) => of.size > 1)
    .map(([name, of]) => `${name}: ${[...of].join(', ')}`)
  none(
    shared,
    'Two kinds of work have a lease of one name and would wait for each other: rename the newer one.',
  )
})

test('every source file says in its first line what it is for', () => {
  const silent = [...sources, ...readSources('scripts')]
    .filter(({ text }) => !/^(#!.*\n)?\/[/*]/.test(text))
    .map(({ file }) => file)
  none(silent, 'Begin it with a comment that says what it is for and what it does not do:')
})

test('each source file that a comment of src/ names is there', () => {
  const files = ['src', 'test', 'scripts', 'console'].flatMap((folder) => [
    ...filesBelow(folder, '.ts'),
    ...filesBelow(folder, '.tsx'),
  ])
  const lost = sources.flatMap(({ file, text }) =>
    [...text.matchAll(/(?<=^|\s)(?:\/\/|\/?\*\*?) .*/gm)].flatMap(([line]) =>
      [...line.matchAll(/(?<![\w./-])[\w/-]+(?:\.[\w-]+)*\.tsx?\b/g)]
        .filter(([name]) => !files.some((known) => `/${known}`.endsWith(`/${name}`)))
        .map(([name]) => `${file}: ${name}`),
    ),
  )
  none(lost, 'Name the file that has it now:')
})

test('no comment begins with Of, Who or Told, nor one of src/ with What', () => {
  const texts = ['src', 'test', 'scripts', 'bench', 'console/src'].flatMap((folder) =>
    ['.ts', '.tsx'].flatMap((ending) => readSources(folder, ending)),
  )
  const found = texts.flatMap(({ file, text }) =>
    [...text.matchAll(/(?<=^|\s)(?:\/\/|\/?\*\*?) (Of|Who|Whoever|Told|What)\b.*/gm)]
      .filter(([, word]) => word !== 'What' || file.startsWith('src/'))
      .map(([line]) => `${file}: ${line}`),
  )
  none(found, 'Name the subject: say who does it, or what the thing is:')
})

const banned: readonly { word: string; pattern: RegExp; instead: string; except?: RegExp }[] = [
  {
    word: 'console',
    instead: 'use the log that is passed in (outside/telemetry/log.ts), or the streams of doors/cli/world.ts',
    pattern: /\bconsole\.(?:log|info|warn|error|debug|dir|table|trace)\b/,
  },
  {
    word: 'process.env outside config/',
    instead: 'read it in config/ and pass the value on',
    pattern: /\bprocess\.env\b/,
    except: /^src\/outside\/config\//,
  },
  { word: 'Math.random', instead: 'use node:crypto', pattern: /\bMath\.random\b/ },
  { word: 'left-over notes', instead: 'do it, or drop it', pattern: /\b(FIXME|TODO|XXX|HACK)\b/ },
  { word: 'default export', instead: 'export by name', pattern: /^export default\b/m },
  {
    word: 'enum',
    instead: 'use a table `as const` and the type of its keys',
    pattern: /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/m,
  },
  { word: 'namespace', instead: 'use a file', pattern: /^\s*(?:export\s+)?(?:declare\s+)?namespace\s+\w/m },
  { word: 'a silenced compiler', instead: 'repair the type', pattern: /@ts-(ignore|nocheck|expect-error)/ },
  {
    word: 'reference material beside the project',
    instead: 'src/ stands alone: copy the fact',
    pattern: /\.\.\/shared\b/,
  },
]

for (const { word, pattern, instead, except } of banned) {
  test(`src/ is free of: ${word}`, () => {
    const found = sources
      .filter(({ file, text }) => !except?.test(file) && pattern.test(text))
      .map(({ file }) => file)
    none(found, `Instead: ${instead}:`)
  })
}

test('imports of the project end in .ts and are never written upwards out of src/', () => {
  const wrong = sources.flatMap(({ file, imports }) =>
    imports
      .filter(
        ({ target }) => !target.startsWith('node:') && (target.startsWith('.') || target.startsWith('src/')),
      )
      .filter(({ target }) => !target.startsWith('src/') || !/\.[jt]s$/.test(target))
      .map(({ target }) => `${file}: ${target}`),
  )
  none(wrong, 'Write the path of a file of src/ with its ending, as ./ or ../:')
})

test('the checks that need a compiler are switched on in the linter', () => {
  const { rules } = JSON.parse(readFileSync(path.join(root, '.oxlintrc.json'), 'utf8')) as {
    rules: Record<string, unknown>
  }
  assert.deepEqual(rules['max-lines-per-function'], ['error', { max: 70 }])
  for (const rule of [
    'import/no-cycle',
    'import/no-default-export',
    'typescript/no-floating-promises',
    'typescript/no-explicit-any',
    'typescript/no-non-null-assertion',
  ])
    assert.equal([rules[rule]].flat()[0], 'error', rule)
})

test('links between documents lead somewhere', () => {
  const pages = [...readdirSync(root).filter((name) => name.endsWith('.md')), ...filesBelow('docs', '.md')]
  const broken = pages.flatMap((page) => {
    const text = readFileSync(path.join(root, page), 'utf8')
    return [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1] ?? '')
      .filter((link) => !existsSync(path.resolve(root, path.dirname(page), link)))
      .map((link) => `${page}: ${link}`)
  })
  none(broken, 'No file is there:')
  const strayed = pages.flatMap((page) =>
    [...proseOf(page).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)#([^)\s]+)\)/g)]
      .filter(([, file = '', anchor = '']) => {
        const target = file === '' ? page : path.join(path.dirname(page), file)
        return target.endsWith('.md') && !anchorsOf(target).includes(anchor)
      })
      .map(([, file = '', anchor = '']) => `${page}: ${file}#${anchor}`),
  )
  none(strayed, 'No heading is there:')
})

const proseOf = (page: string) =>
  readFileSync(path.join(root, page), 'utf8').replaceAll(/^ *```[^]*?^ *```$/gm, '')

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): readonly string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test('every handled operation has a test in test/core/operations/ and a line in docs/kmip-conformance.md', () => {
  const page = readFileSync(path.join(root, 'docs/kmip-conformance.md'), 'utf8')
  const tests = readSources('test/core/operations').filter(({ file }) => file.endsWith('.test.ts'))
  const missing = handledOperations.flatMap((operation) => [
    ...(new RegExp(`^\\| ${operation} .*\\| handled`, 'm').test(page) ? [] : [`${operation}: no line`]),
    ...(tests.some(({ text }) => text.includes(`'${operation}'`)) ? [] : [`${operation}: no test`]),
  ])
  none(
    missing,
    'Test it through the listener in test/core/operations/NAME.test.ts, where it is named in quotes; npm run docs prints the line:',
  )
})
