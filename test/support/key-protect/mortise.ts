// Mortise's side of the fake: sessions with an API key, and what they told of their calls.

import type { CallMade } from '../../../src/rootkey/keyprotect/session.ts'
import { KeyProtectSessions, type KeyProtectOptions } from '../../../src/rootkey/keyprotect/sessions.ts'
import type { RootKeyOptions } from '../../../src/rootkey/open.ts'
import { withoutPauses } from '../without-pauses.ts'
import type { KeyProtectFake } from './fake.ts'

export interface Side {
  readonly sessions: KeyProtectSessions
  /** For openRootKey and its kin. */
  readonly options: RootKeyOptions
  readonly made: CallMade[]
}

/** To be closed: `side.sessions.close()`. */
export function sideOf(fake: KeyProtectFake, apiKey: string, more: Partial<KeyProtectOptions> = {}): Side {
  const made: CallMade[] = []
  const sessions = new KeyProtectSessions({
    iamUrl: fake.about.iamUrl,
    ca: fake.ca,
    apiKey: () => Promise.resolve(apiKey),
    clock: withoutPauses(),
    onCall: (call) => made.push(call),
    ...more,
  })
  return { sessions, made, options: { dataFolder: '/nowhere', create: false, keyProtect: sessions } }
}
