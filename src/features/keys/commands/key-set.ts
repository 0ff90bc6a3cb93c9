// `mortise key set`: what only a manager sets of a key.

import { instanceFlag, oneOf, verb } from '../../../doors/cli/command.ts'
import { instanceOf } from '../../../doors/cli/text/names.ts'
import { plain } from '../../../doors/cli/text/output.ts'
import { UsageError } from '../../../doors/cli/world.ts'
import { keyRoutes } from '../routes.ts'
import { keyOf } from './named-key.ts'

interface SetOptions {
  readonly instance?: string
  readonly wrapsSensitive?: string
  readonly extractable?: string
  readonly sensitive?: string
}

export const setCommand = verb<SetOptions>({
  words: 'set <id>',
  summary: 'name a key by which Sensitive keys leave, or let a key leave that a client restricted',
  flags: [
    instanceFlag,
    [
      '--wraps-sensitive <yes|no>',
      'yes: Sensitive keys of its instance leave wrapped by this key, which serves for nothing else from then on; no: they do not any more, and it still serves for nothing else',
    ],
    ['--extractable <yes>', 'it may leave again, although a client made it not Extractable'],
    ['--sensitive <no>', 'it may leave unwrapped again, although a client made it Sensitive'],
  ],
  guarded: true,
  examples: ['key set KEY --wraps-sensitive yes', 'key set KEY --extractable yes --sensitive no'],
  action: async ({ client, show }, options, id = '') => {
    const body = settingsOf(options)
    const admin = await client()
    const instance = await instanceOf(admin, options.instance)
    const key = await admin.call(keyRoutes.setKey, {
      instance,
      key: await keyOf(admin, instance, id),
      body,
    })
    show(key, () => textOf(key.id, body))
  },
})

interface Body {
  readonly wrapsSensitive?: boolean
  readonly extractable?: true
  readonly sensitive?: false
}

function settingsOf({ wrapsSensitive, extractable, sensitive }: SetOptions): Body {
  if (extractable !== undefined) oneOf('--extractable', extractable, ['yes'])
  if (sensitive !== undefined) oneOf('--sensitive', sensitive, ['no'])
  const body: Body = {
    ...(wrapsSensitive !== undefined && {
      wrapsSensitive: oneOf('--wraps-sensitive', wrapsSensitive, ['yes', 'no']) === 'yes',
    }),
    ...(extractable !== undefined && { extractable: true }),
    ...(sensitive !== undefined && { sensitive: false }),
  }
  if (Object.keys(body).length > 0) return body
  throw new UsageError('say what to set: --wraps-sensitive, --extractable or --sensitive')
}

function textOf(id: string, { wrapsSensitive, extractable, sensitive }: Body): string {
  const lines = [
    ...(extractable ? [plain`${id} may leave again.`] : []),
    ...(sensitive === false ? [plain`${id} may leave unwrapped again.`] : []),
    ...(wrapsSensitive === undefined
      ? []
      : [plain`${id} is a wrapping key: ${wrappingText(wrapsSensitive)}.`]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

export function wrappingText(wraps: boolean): string {
  return wraps
    ? 'Sensitive keys leave wrapped by it, and it serves for nothing else'
    : 'no Sensitive key leaves by it any more, and it serves for nothing else'
}
