// Sums up a run of the OASIS cases: counts by version and profile, what fell below the floor, and the failures by
// their cause. Pure. scripts/conformance.ts runs the cases; the floor is test/conformance-floor.json.

/** One case, as the acceptance runner reports it. */
export interface CaseResult {
  readonly case: string
  readonly version: string
  readonly profile: string
  readonly status: 'PASS' | 'FAIL' | 'SKIP' | 'ERROR'
  readonly detail: string
}

export interface Count {
  readonly passed: number
  /** The number of cases that ran. */
  readonly of: number
}

/** By version, then by profile. */
export type Counts = Readonly<Record<string, Readonly<Record<string, Count>>>>

export function countCases(results: readonly CaseResult[]): Counts {
  const counts: Record<string, Record<string, Count>> = {}
  for (const { version, profile, status } of results) {
    if (status === 'SKIP') continue
    const byProfile = (counts[version] ??= {})
    const { passed, of } = byProfile[profile] ?? { passed: 0, of: 0 }
    byProfile[profile] = { passed: passed + (status === 'PASS' ? 1 : 0), of: of + 1 }
  }
  return counts
}

/** The sum of one version, or of all. */
export function totalOf(counts: Counts, version?: string): Count {
  const chosen = Object.entries(counts).filter(([name]) => version === undefined || name === version)
  return chosen
    .flatMap(([, byProfile]) => Object.values(byProfile))
    .reduce((sum, { passed, of }) => ({ passed: sum.passed + passed, of: sum.of + of }), { passed: 0, of: 0 })
}

/** A sentence for each number that is lower than the floor says. A profile that did not run at all counts as none. */
export function fallen(counts: Counts, floor: Counts): readonly string[] {
  return lines(floor).flatMap(([version, profile, { passed }]) => {
    const now = counts[version]?.[profile] ?? { passed: 0, of: 0 }
    return now.passed < passed
      ? [`KMIP ${version} ${profile}: ${now.passed} of ${now.of} passed, but the floor is ${passed}`]
      : []
  })
}

/** Whether some number is higher than the floor says, so that the floor can be raised. */
export function risen(counts: Counts, floor: Counts): boolean {
  return lines(counts).some(([version, profile, { passed }]) => {
    const before = floor[version]?.[profile]?.passed ?? 0
    return passed > before
  })
}

/** Each line of the table: version, profile, count. */
export function lines(counts: Counts): readonly (readonly [string, string, Count])[] {
  return Object.entries(counts).flatMap(([version, byProfile]) =>
    Object.entries(byProfile).map(([profile, count]) => [version, profile, count] as const),
  )
}

/** The failed cases by their first difference, the most frequent one first. */
export function failuresByCause(
  results: readonly CaseResult[],
): readonly (readonly [string, readonly CaseResult[]])[] {
  const failed = results.filter(({ status }) => status === 'FAIL' || status === 'ERROR')
  const groups = Map.groupBy(failed, ({ detail }) => causeOf(detail))
  return [...groups].toSorted(([, a], [, b]) => b.length - a.length)
}

/** The server's own message if there is one, since that names the cause; without what differs from case to case. */
function causeOf(detail: string): string {
  const [, operation = '', differences = detail] = /^step \d+\/\d+ ([^:]*): (.*)$/s.exec(detail) ?? []
  const [, message] = /\(([^()]*)\)/.exec(differences) ?? []
  const first = message ?? differences.split('; ')[0] ?? ''
  return `${operation}: ${first.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}/g, '…').slice(0, 160)}`
}

interface Excused {
  readonly cases: readonly string[]
  readonly byChance?: true
}

/** The results as the floor counts them: a case that passes now and then must not raise it. */
export function withoutChance(
  results: readonly CaseResult[],
  exceptions: readonly Excused[],
): readonly CaseResult[] {
  const names = exceptions.filter(({ byChance }) => byChance === true).flatMap(({ cases }) => cases)
  return results.map((result) =>
    result.status === 'PASS' && names.some((name) => isNamed(result, name))
      ? { ...result, status: 'FAIL' }
      : result,
  )
}

function isNamed(result: CaseResult, name: string): boolean {
  return result.case === name || result.case.startsWith(`${name}_`)
}

/** A sentence for each failed case that no exception names, and for each exception whose case passed or did not run. */
export function unexplained(
  results: readonly CaseResult[],
  exceptions: readonly Excused[],
): readonly string[] {
  const failed = results.filter(({ status }) => status === 'FAIL' || status === 'ERROR')
  const names = exceptions.flatMap(({ cases }) => cases)
  const unnamed = failed.filter((result) => !names.some((name) => isNamed(result, name)))
  const needless = exceptions
    .filter(({ byChance }) => byChance !== true)
    .flatMap(({ cases }) => cases.filter((name) => !failed.some((result) => isNamed(result, name))))
  return [
    ...unnamed.map(
      ({ version, case: name, detail }) => `no exception names KMIP ${version} ${name}: ${detail}`,
    ),
    ...needless.map((name) => `${name} is an exception, but it does not fail`),
  ]
}
