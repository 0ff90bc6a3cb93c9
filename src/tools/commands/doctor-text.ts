// The report of `mortise doctor` as text: each finding, with its remedy below.

import { counted } from '../../base/text/counted.ts'
import type { AddressReport, Diagnosis } from '../vsphere/doctor.ts'
import type { DoctorFinding, DoctorSeverity } from '../vsphere/doctor-findings.ts'
import { coloured } from '../../doors/cli/text/colour.ts'
import { shownFingerprint, visible } from '../../doors/cli/text/output.ts'
import type { World } from '../../doors/cli/world.ts'

const signs: Readonly<Record<DoctorSeverity, string>> = {
  good: 'ok      ',
  note: 'note    ',
  warning: 'WARNING ',
  fault: 'FAULT   ',
}
const indent = ' '.repeat(12)
const columns = 110

export function diagnosisText(
  { ok, client, addresses, findings }: Diagnosis,
  stdout: World['stdout'],
): string {
  const parts = addresses.map(
    (report) => `${visible(report.address)}\n${certificateText(report)}${listText(report.findings, stdout)}`,
  )
  if (findings.length > 0) parts.push(`All in all\n${listText(findings, stdout)}`)
  const all = [...findings, ...addresses.flatMap((report) => report.findings)]
  const count = (severity: DoctorSeverity) => all.filter((finding) => finding.severity === severity).length
  const verdict = ok
    ? `Seen from this machine${client === null ? ', and from outside only' : ''}, nothing would fail.`
    : `Seen from this machine, ${counted(count('fault'), 'thing')} would fail.`
  const warnings = count('warning') > 0 ? ` ${counted(count('warning'), 'warning')}.` : ''
  return `${parts.join('\n')}\n${verdict}${warnings}\n`
}

function certificateText({ certificate }: AddressReport): string {
  if (certificate === null) return ''
  return `    ${visible(certificate.subject)}, ${certificate.key}\n    SHA-256 ${shownFingerprint(certificate.sha256)}\n    SHA-1   ${shownFingerprint(certificate.sha1)}\n`
}

function listText(findings: readonly DoctorFinding[], stdout: World['stdout']): string {
  return findings
    .map(({ severity, what, mend }) => {
      const lines = wrapped(visible(what))
      const advice =
        mend === null
          ? []
          : wrapped(visible(mend)).map((line, index) => `${index === 0 ? '> ' : '  '}${line}`)
      const [first = '', ...rest] = [...lines, ...advice]
      return [
        `    ${coloured(stdout, severity, signs[severity])}${first}`,
        ...rest.map((line) => `${indent}${line}`),
      ]
        .map((line) => `${line}\n`)
        .join('')
    })
    .join('')
}

function wrapped(text: string): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    if (last !== '' && last.length + word.length + 1 > columns - indent.length) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}
