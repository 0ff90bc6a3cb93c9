// The report of `mortise conformance` as text: a table by check and version as that of docs/kmip-conformance.md, then by profile, then
// why what does not work does not.

import type { Examined, Finding } from '../conformance/examine.ts'
import { plain, table, visible } from '../../doors/cli/text/output.ts'

const signs: Readonly<Record<Finding['result'], string>> = { works: '●', missing: '○', differs: '✗' }

export function conformanceText(examined: Examined): string {
  const { server, encoding, versions, unspoken, checks, profiles, left } = examined
  const marks = (found: Examined['checks'][number]['found']) =>
    versions.map((version) => {
      const finding = found[version]
      return finding ? signs[finding.result] : ''
    })
  const parts = [
    plain`${server} speaks KMIP ${versions.join(', ') || 'in no version'} in ${encoding}.\n`,
    ...unspoken.map(({ version, why }) => `KMIP ${version} is not spoken: ${visible(why)}\n`),
    '\n● works · ○ the server does not do it · ✗ it differs from the specification · empty: not in the version\n\n',
    table(
      ['operation', 'what it must do', ...versions],
      checks.map(({ operation, what, found }) => [operation, what, ...marks(found)]),
    ),
    '\n',
    table(
      ['profile, as far as this can be checked', ...versions],
      profiles.map(({ profile, found }) => [profile, ...marks(found)]),
    ),
  ]
  const reasons = checks.flatMap(({ operation, what, found }) =>
    whys(found).map((why) => `${operation} ${what}: ${why}`),
  )
  if (reasons.length > 0)
    parts.push('\nWhat does not work, and why:\n', ...reasons.map((line) => `  ${visible(line)}\n`))
  if (left.length > 0)
    parts.push('\nThese objects could not be destroyed:\n', ...left.map((one) => `  ${visible(one)}\n`))
  return parts.join('')
}

/** Each reason once, with the versions that it is for. */
function whys(found: Examined['checks'][number]['found']): readonly string[] {
  const failed = Object.entries(found).filter(([, { result }]) => result !== 'works')
  const byWhy = Map.groupBy(failed, ([, { why }]) => why ?? '')
  return [...byWhy].map(([why, versions]) => `${versions.map(([version]) => version).join(', ')}: ${why}`)
}
