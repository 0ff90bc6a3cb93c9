// The calls that Mortise makes, each with the least service role that IAM must grant for it. All of them may be
// repeated when no answer came: the root key stays as it is, whether it was done once or twice.

export const calls = {
  list: { method: 'GET', path: '/keys', role: 'Reader', to: 'list the keys' },
  metadata: { method: 'GET', path: '/keys/{key}/metadata', role: 'Reader', to: 'look at the key' },
  wrap: { method: 'POST', path: '/keys/{key}/actions/wrap', role: 'Reader', to: 'wrap with the key' },
  unwrap: { method: 'POST', path: '/keys/{key}/actions/unwrap', role: 'Reader', to: 'unwrap with the key' },
} as const satisfies Record<string, Call>

export type CallName = keyof typeof calls

interface Call {
  readonly method: 'GET' | 'POST'
  /** Below /api/v2. */
  readonly path: string
  readonly role: 'Reader' | 'ReaderPlus' | 'Writer' | 'Manager'
  /** What it is for, after "may not". */
  readonly to: string
}

/** As Key Protect writes them; the action calls also take application/json. */
export function contentTypeOf(call: CallName): string | undefined {
  if (call === 'wrap' || call === 'unwrap') return `application/vnd.ibm.kms.key_action_${call}+json`
  return undefined
}
