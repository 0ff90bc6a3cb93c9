// `npm run vulnerabilities -- FILE.cdx.json ...`: asks a database of vulnerabilities (OSV, https://osv.dev) about each component of these
// lists of contents, and prints what is known, by component. Ends with 1 if something is known that packaging/known-vulnerabilities.json
// does not excuse, with a reason and a last day. Only names and versions of public packages leave the machine.
//
//   --database URL   another server with OSV's API (POST /v1/querybatch)

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { argumentsOf, misused } from './arguments.ts'
import { root } from './package/run.ts'

interface Excuse {
  readonly id: string
  readonly why: string
  /** `2027-03-31`: from the next day on it excuses nothing. */
  readonly until: string
}

interface Found {
  readonly purl: string
  readonly id: string
}

const usage = 'vulnerabilities -- [--database URL] FILE.cdx.json ...'
const { values, positionals } = argumentsOf(usage, {
  options: { database: { type: 'string', default: 'https://api.osv.dev' } },
  allowPositionals: true,
})
if (positionals.length === 0) misused(usage, 'Name the lists of contents')
/** OSV takes at most 1,000 queries at once. */
const queriesMax = 1000
const pagesMax = 100

const components = [...new Set(positionals.flatMap(purlsOf))].toSorted()
const known: Found[] = []
for (let from = 0; from < components.length; from += queriesMax)
  known.push(...(await ask(components.slice(from, from + queriesMax))))
const today = new Date().toISOString().slice(0, 10)
const excuses = JSON.parse(
  readFileSync(path.join(root, 'packaging/known-vulnerabilities.json'), 'utf8'),
) as readonly Excuse[]
let unexcused = 0
for (const { purl, id } of known) {
  const excuse = excuses.find((one) => one.id === id)
  const counts = excuse === undefined || excuse.until < today
  if (counts) unexcused++
  const said =
    excuse === undefined ? '' : counts ? ` (excused until ${excuse.until})` : ` (excused: ${excuse.why})`
  process.stdout.write(`${id}  ${purl}${said}\n`)
}
process.stdout.write(
  `${String(components.length)} components, ${String(known.length)} known vulnerabilities, ${String(unexcused)} not excused\n`,
)
if (unexcused > 0) process.exitCode = 1

/** Without qualifiers: OSV knows packages by type, name and version. Ours is in no database. */
function purlsOf(file: string): readonly string[] {
  const { components: listed } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly components: readonly { readonly purl?: string }[]
  }
  return listed.flatMap(({ purl }) => (purl === undefined ? [] : [purl.replace(/[?#].*$/, '')]))
}

/** Follows the pages of each answer. */
async function ask(purls: readonly string[]): Promise<readonly Found[]> {
  const found: Found[] = []
  let open = purls.map((purl): { readonly purl: string; readonly token?: string } => ({ purl }))
  for (let page = 0; open.length > 0; page++) {
    if (page === pagesMax)
      throw new Error(`${values.database} has more than ${String(pagesMax)} pages about one package`)
    const queries = open.map(({ purl, token }) => ({
      package: { purl },
      ...(token && { page_token: token }),
    }))
    const answer = await fetch(new URL('/v1/querybatch', values.database), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ queries }),
      signal: AbortSignal.timeout(60_000),
    })
    if (!answer.ok)
      throw new Error(
        `${values.database} answered ${String(answer.status)}: ${(await answer.text()).slice(0, 500)}`,
      )
    const { results } = (await answer.json()) as {
      readonly results: readonly {
        readonly vulns?: readonly { readonly id: string }[]
        readonly next_page_token?: string
      }[]
    }
    if (results.length !== open.length)
      throw new Error(
        `${values.database} answered ${String(results.length)} of ${String(open.length)} questions`,
      )
    const next: { purl: string; token: string }[] = []
    for (const [index, { vulns = [], next_page_token: token }] of results.entries()) {
      const purl = open[index]?.purl ?? ''
      found.push(...vulns.map(({ id }) => ({ purl, id })))
      if (token) next.push({ purl, token })
    }
    open = next
  }
  return found
}
