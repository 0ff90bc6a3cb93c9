// Mortise's side of the fake: sessions with an API key, and what they told of their calls.

import { readFileSync } from 'node:fs'
import type { CallMade } from '../../../src/outside/rootkey/keyprotect/session.ts'
import {
  KeyProtectSessions,
  type KeyProtectOptions,
} from '../../../src/outside/rootkey/keyprotect/sessions.ts'
import type { RootKeyOptions } from '../../../src/outside/rootkey/open.ts'
import { systemClock } from '../../../src/host/system-clock.ts'
import { withoutPauses } from '../time/without-pauses.ts'
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

/** For a real instance, with the API key in the file that MORTISE_TEST_KEYPROTECT_API_KEY_FILE names. To be closed likewise. */
export function sideOfReal(): Pick<Side, 'sessions' | 'options'> {
  const file = process.env['MORTISE_TEST_KEYPROTECT_API_KEY_FILE'] ?? ''
  const sessions = new KeyProtectSessions({
    iamUrl: 'https://iam.cloud.ibm.com',
    apiKey: () => Promise.resolve(readFileSync(file, 'utf8').trim()),
    clock: systemClock,
  })
  return { sessions, options: { dataFolder: '/nowhere', create: false, keyProtect: sessions } }
}
