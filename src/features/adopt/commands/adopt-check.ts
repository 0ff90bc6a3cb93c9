// `mortise adopt check`: before the old server is switched off. Which keys a vCenter uses that are missing here, and whether
// every adopted key has the bytes that the old server has.

import type { Output } from '../../../doors/http/route.ts'
import type { AdminClient } from '../../../doors/http/client.ts'
import { listText, type ShownAdoptionReport } from './adopt-text.ts'
import { watch } from './adopt-watch.ts'
import { instanceFlag, verb } from '../../../doors/cli/command.ts'
import { identifierParts, readIdentifiers } from '../../../doors/cli/identifier-file.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { facts, plain } from '../../../doors/cli/text/output.ts'
import { UsageError } from '../../../doors/cli/world.ts'
import { adoptionRoutes } from '../routes.ts'

interface CheckOptions {
  readonly instance?: string
  readonly ids?: string
  readonly digests?: boolean
}

export const adoptCheckCommand = verb<CheckOptions>({
  words: 'check',
  summary:
    'list the keys that a vCenter uses and that are missing here; compare all adopted keys with the old server',
  flags: [
    instanceFlag,
    [
      '--ids <file>',
      'the identifiers: one a line, or CSV or JSON with a column named id or keyId (docs/adopt.md)',
    ],
    ['--digests', 'compare every adopted key with the one that the upstream has, by digest'],
  ],
  examples: [
    'adopt check --ids keys.csv --instance production',
    'adopt check --digests --instance production',
  ],
  action: async (run, { instance: named, ids: file, digests = false }) => {
    if (file === undefined && !digests)
      throw new UsageError('say what to check: give --ids FILE, --digests or both')
    const ids = file === undefined ? undefined : await readIdentifiers(file)
    const admin = await run.client()
    const instance = await instanceOf(admin, named)
    const present = ids && (await presence(admin, instance, ids))
    let report: ShownAdoptionReport | undefined
    if (digests) {
      report = await watch(
        run,
        admin,
        instance,
        await admin.call(adoptionRoutes.compareAdopted, { instance }),
      )
      if (!report) return 1
    }
    const compared = report?.verified ?? undefined
    run.show({ ...present, ...(compared && { compared }) }, () => {
      const texts = [
        ...(present ? [presenceText(present)] : []),
        ...(compared ? [comparedText(compared)] : []),
      ]
      return texts.join('\n')
    })
    const wrong =
      (present ? present.missing.length + present.destroyed.length : 0) + (compared?.different.count ?? 0)
    return wrong === 0 ? 0 : 1
  },
})

async function presence(
  admin: AdminClient,
  instance: string,
  ids: readonly string[],
): Promise<Output<typeof adoptionRoutes.checkAdoption>> {
  const sum: Output<typeof adoptionRoutes.checkAdoption> = { present: 0, missing: [], destroyed: [] }
  for (const part of identifierParts(ids)) {
    const { present, missing, destroyed } = await admin.call(adoptionRoutes.checkAdoption, {
      instance,
      body: { ids: part },
    })
    sum.present += present
    sum.missing.push(...missing)
    sum.destroyed.push(...destroyed)
  }
  return sum
}

function presenceText({ present, missing, destroyed }: Output<typeof adoptionRoutes.checkAdoption>): string {
  const counts = facts([
    ['Here', String(present)],
    ['Missing', String(missing.length)],
    ['Destroyed here', String(destroyed.length)],
  ])
  return counts + identifierLines('Missing:', missing) + identifierLines('Destroyed here:', destroyed)
}

function identifierLines(title: string, ids: readonly string[]): string {
  return ids.length === 0 ? '' : `\n${title}\n${ids.map((id) => plain`  ${id}\n`).join('')}`
}

function comparedText({ equal, different }: NonNullable<ShownAdoptionReport['verified']>): string {
  const counts = facts([
    ['Equal on both servers', String(equal)],
    ['Different', String(different.count)],
  ])
  return counts + listText('Different on the two servers:', different)
}
