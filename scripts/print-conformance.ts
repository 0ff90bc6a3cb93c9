// Prints docs/kmip-conformance.md from the tables of wire/kmip/ and the table of handlers; `npm run docs` writes it.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { format } from 'prettier'
import { attributeFact, attributeNames } from '../src/wire/kmip/attribute-table.ts'
import { enums } from '../src/wire/kmip/enums.ts'
import { operationExistsIn, type OperationName } from '../src/wire/kmip/operations.ts'
import { isDefined, type Defined } from '../src/wire/kmip/tags.ts'
import { atLeast, drafts, standards, versions, versionText, type Version } from '../src/wire/kmip/version.ts'
import { handledOperations, type HandledOperation } from '../src/core/operations/handlers.ts'
import { lines, totalOf, type Count, type Counts } from '../test/support/repository/conformance-counts.ts'
import { exceptions } from '../test/support/repository/conformance-exceptions.ts'

const handled: ReadonlySet<OperationName> = new Set(handledOperations)
const floor = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '../test/conformance-floor.json'), 'utf8'),
) as Counts
/** A server sends them to a client that took the server role, which KMIP has since 2.0. */
const notices = ['Notify', 'Put'] as const satisfies readonly OperationName[]
type Notice = (typeof notices)[number]

const isNotice = (name: OperationName): name is Notice => notices.some((one) => one === name)
const isHandled = (name: OperationName): name is HandledOperation => handled.has(name)

/** Operations that are not done on purpose. An operation that is handled does not compile here, nor does a table that leaves one out. */
const declined: Readonly<Record<Exclude<OperationName, HandledOperation | Notice>, string>> = {
  Obliterate: 'no: what is known of a destroyed object stays, and its identifier is never used again',
}
const operationNames = (Object.keys(enums.Operation) as OperationName[]).toSorted()

/** Parts of handled operations that are not done, in the words of people. */
const refused = [
  'wrapping by public keys in other ways than RSA-OAEP, and by TR-31',
  'PKCS#12 containers without a MAC or encrypted by RC2, on Register and Import',
  'certificate requests of the type CRMF, and certificates other than X.509, on Certify and Re-certify',
  'Encrypt and Decrypt by a one-time pad, which is stored and given back: KMIP has no field for the place in the pad, and two texts under the same bytes reveal each other',
  'the functions of PKCS#11 but C_Initialize, C_GetInfo and C_Finalize; Re-Provision without a certificate request',
  'Derive Key by AWS Signature Version 4, and by HASH of Derivation Data alone',
  'rotation by the server itself: Rotate Automatic is kept and nothing more',
  'attestation, and critical message extensions',
  'of the draft 3.0: users and credentials are kept and nothing more; credentials that are neither passwords nor certificates; signatures of digests by ML-DSA and SLH-DSA, and hybrids of ML-KEM',
  'asynchronous answers for other operations than Archive, Locate, Recover and those that make key pairs, derived keys and certificates, and where more than one item is in the message',
]

/** What the specification forbids or demands and this server does otherwise, in the words of people. */
const otherwise = [
  'a Process Start Date before the Activation Date and a Protect Stop Date after the Deactivation Date are kept: each date limits the use of the key by itself',
  'key pairs on curves are made as ECPrivateKey and X.509, where 2.x has Transparent EC keys: Get gives these by Key Format Type',
  'an object has one Digest, of the format in which it is stored, and in 2.x a second one of the default format only where its client named another',
  'the Digest of Secret Data and Opaque Objects, from which a password can be guessed, is shown only to a client that may have the object handed out unwrapped (Get or Export), and Locate finds no object by it',
  'Get Attributes and Get Attribute List describe archived objects, as published cases of 1.x expect, where their error tables say Object Archived',
  'items of a batch need no Unique Batch Item ID',
]

export async function conformancePage(): Promise<string> {
  const page = `# What Mortise does of KMIP

<!-- Printed from src/wire/kmip and src/core/operations by scripts/print-conformance.ts. Change it there. -->

Mortise answers KMIP ${standards.join(', ')}, and, where \`kmip.drafts\` names it, the draft ${drafts.join(', ')}, which is no standard and may
still change ([what of it, and why](decisions/kmip-3-draft.md)). The tables below are the ones that the server itself runs on. Names are
those of the specification's XML and JSON encodings.

## Operations

● handled · ○ defined by the version, not yet handled (answered with Operation Not Supported) · empty: not in the version

${table(['operation', ...versions.map(versionText), 'in all'], operationNames.map(operationLine))}

${versions.map(operationCount).join('\n')}

What a handled operation still refuses, each with a reason and a message that says so:

${refused.map((line) => `- ${line}`).join('\n')}

Where it does otherwise than a clause says, and refuses nothing:

${otherwise.map((line) => `- ${line}`).join('\n')}

## Check it yourself, and other servers

\`mortise conformance\` asks any KMIP server, in every version that it speaks, what the specification says of some thirty operations: what a request
must do, and what must be refused. The checks are our own, not those of OASIS. It prints a table as the one above, a line for each profile as far
as that can be checked from outside, and why the rest does not work. What it makes it destroys. A request without an answer in ten seconds (\`--timeout\`) is "not checked";
the command stops when the server no longer listens, or answers three checks in a row with silence, and the rest is "not checked" too. \`--encoding xml\` and \`json\` check over HTTPS.

\`\`\`
mortise conformance kms.example.com:5696 --cert client.pem --key client.key --ca ca.pem
mortise conformance kms.example.com:5698 --cert client.pem --key client.key --ca ca.pem --encoding json
\`\`\`

## The OASIS cases

These are the test cases that OASIS published with each version, replayed against the server by \`npm run conformance\`: how
many pass, of those that a server can run. They run in TTLV over TLS and in XML and JSON over HTTPS, and must pass in each. CI fails when a number falls. Cases for a server that calls its client (Notify, Put)
are not counted.

${table(['cases', ...Object.keys(floor).map((one) => versionText(one as Version))], caseLines())}

The cases that do not pass, and why. Clauses are those of KMIP 1.4 where no version is named. Those of 3.0 are the cases of its first draft.

${table(
  ['cases', 'why'],
  exceptions.map(({ cases, why }) => [cases.join(', '), why]),
)}

## Attributes

All of them are kept and given back in the versions that are answered, whatever version they came in.

● known to the version · ◐ known, but deprecated · empty: not in the version, and never in an answer of that version

*Client may* says what a client may do with it: **s**et it when the object is made, **a**dd, **m**odify, **d**elete.
*Server* marks what the server sets or finds out. Any \`x-\` attribute of any type may be set, added, modified and
deleted, several instances included; \`y-\` attributes are the server's.

${table(['attribute', ...versions.map(versionText), 'instances', 'client may', 'notes'], attributeNames.map(attributeLine))}
`
  return format(page, { parser: 'markdown' })
}

function operationLine(name: OperationName): string[] {
  const marks = versions.map((version) => {
    if (!operationExistsIn(name, version)) return ''
    return handled.has(name) || isSent(name, version) ? '●' : '○'
  })
  if (isNotice(name)) return [name, ...marks, 'sent to clients with the server role, which 1.x lacks']
  return [name, ...marks, isHandled(name) ? 'handled' : declined[name]]
}

function isSent(name: OperationName, version: Version): boolean {
  return isNotice(name) && atLeast(version, '2.0')
}

function operationCount(version: Version): string {
  const defined = operationNames.filter((name) => operationExistsIn(name, version))
  const done = defined.filter((name) => handled.has(name) || isSent(name, version))
  return `- KMIP ${versionText(version)}: ${done.length} of ${defined.length} operations`
}

function caseLines(): string[][] {
  const profiles = [...new Set(lines(floor).map(([, profile]) => profile))].toSorted()
  const perProfile = profiles.map((profile) => [
    profile,
    ...Object.values(floor).map((byProfile) => countText(byProfile[profile])),
  ])
  const all = Object.keys(floor).map((version) => countText(totalOf(floor, version)))
  return [...perProfile, ['in all', ...all]]
}

function countText(count: Count | undefined): string {
  return count === undefined ? '' : `${count.passed} of ${count.of}`
}

function attributeLine(key: (typeof attributeNames)[number]): string[] {
  const fact = attributeFact(key)
  const rights = [
    fact.clientMaySet ? 's' : '',
    fact.clientMayAdd ? 'a' : '',
    fact.clientMayModify ? 'm' : '',
    fact.clientMayDelete ? 'd' : '',
  ].join('')
  const notes = [
    fact.modifiableStates ? `modified while ${fact.modifiableStates.join(' or ')}` : '',
    fact.changeable === 'untilReached' ? 'until it is reached' : '',
    fact.changeable === 'untilUsed' ? 'changed until something of it is used' : '',
    fact.clientMayAdd ? '' : 'server',
  ].filter((note) => note !== '')
  const marks = versions.map((version) => mark(fact, version))
  return [fact.name, ...marks, fact.multiple ? 'many' : 'one', rights, notes.join('; ')]
}

function mark(fact: Defined, version: Version): string {
  if (!isDefined(fact, version)) return ''
  return fact.deprecated !== undefined && atLeast(version, fact.deprecated) ? '◐' : '●'
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...lines.map(row)].join('\n')
}
