// Load for the kill tests: clients that do anything to anybody's keys, so that every call may meet another of the same key.
// They judge nothing themselves: all is in the history.

import type { History } from './history.ts'
import { LostConnection, type TalkOptions } from '../clients/kmip-talk.ts'
import { openRecorded, Unexpected, type RecordedTalk } from './recorded-talk.ts'

/** What the clients share: the keys that they know, and how much they did. */
export class Contended {
  /** Touched since `forget`, in order. */
  readonly touched = new Set<string>()
  readonly keys = new Set<string>()
  /** Gets that were answered with material, by identifier, since `forget`. */
  readonly fetched = new Map<string, number>()
  readonly counts = { created: 0, fetched: 0, changed: 0, refused: 0, unanswered: 0 }

  add(key: string): void {
    this.keys.add(key)
    this.touched.add(key)
  }

  sent(key: string): void {
    this.fetched.set(key, (this.fetched.get(key) ?? 0) + 1)
    this.counts.fetched += 1
  }

  forget(): void {
    this.touched.clear()
    this.fetched.clear()
  }
}

export interface ContentionOptions {
  readonly talk: TalkOptions
  readonly history: History
  /** The client's name in the history. */
  readonly client: string
  readonly contended: Contended
  readonly random: () => number
  /** Whether the connection is to be lost by now. */
  readonly expected: () => boolean
  /** So many of the newest keys are in everybody's hands; left out: 40. */
  readonly hotKeys?: number
  readonly mayFail?: boolean
}

/** One client on one connection until the connection is lost; it throws if that was not to be. */
export async function contend(options: ContentionOptions): Promise<void> {
  const { history, client, contended, random, expected, hotKeys = 40, mayFail = false } = options
  try {
    const talk = await openRecorded(options.talk, { history, client, mayFail })
    try {
      const hot = () => [...contended.touched].slice(-hotKeys)
      for (let step = 1; !expected(); step += 1)
        await act(talk, { contended, random, hot: hot() }, `x-${client}-${step}`)
    } finally {
      talk.close()
    }
  } catch (error) {
    if (!expected() || error instanceof Unexpected) throw error
    if (error instanceof LostConnection) contended.counts.unanswered += 1
  }
}

/** One call. `hot`: the keys to choose from; without any, a new one is created. */
export async function act(
  talk: RecordedTalk,
  {
    contended,
    random,
    hot,
  }: Pick<ContentionOptions, 'contended' | 'random'> & { readonly hot: readonly string[] },
  attribute: string,
): Promise<void> {
  const { counts } = contended
  const key = hot[Math.floor(random() * hot.length)]
  const dice = random()
  if (key === undefined || dice < 0.2) {
    contended.add(await talk.create())
    counts.created += 1
  } else if (dice < 0.45) {
    if ((await talk.get(key)).ok) contended.sent(key)
  } else if (dice < 0.55) await talk.state(key)
  else if (dice < 0.65) await talk.attributes(key)
  else {
    const change =
      dice < 0.77
        ? talk.add(key, attribute)
        : dice < 0.87
          ? talk.activate(key)
          : dice < 0.94
            ? talk.revoke(key)
            : talk.destroy(key)
    if ((await change).ok) counts.changed += 1
    else counts.refused += 1
  }
}
