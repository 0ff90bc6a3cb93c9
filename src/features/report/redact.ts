// The rule by which a support bundle hides secrets and names of keys in any text. It rather hides too much: the reader of the bundle
// knows the program, not the site. Within one bundle, equal texts get equal words, so that lines still belong together.

import { createHmac, randomBytes } from 'node:crypto'

export type Redacted =
  | 'PEM block'
  | 'token'
  | 'secret field'
  | 'known secret'
  | 'password in a URL'
  | 'name of a key'
  | 'UUID'
  | 'long hex'
  | 'long base64'

/** Shorter names of keys are everyday words and letters. */
const nameCharactersMin = 3
/** Shorter secrets would hide half of the text. */
const secretCharactersMin = 4

export class Redactor {
  readonly counts = new Map<Redacted, number>()
  readonly #key = randomBytes(32)
  readonly #secrets: readonly string[]
  readonly #names = new Set<string>()
  #nameLengths: readonly number[] = []

  /** `secrets`: whole texts that must not be in it, such as the passphrase. */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets
      .filter((secret) => secret.length >= secretCharactersMin)
      .toSorted((a, b) => b.length - a.length)
  }

  addNames(names: Iterable<string>): void {
    for (const name of names) if (name.length >= nameCharactersMin) this.#names.add(name)
    this.#nameLengths = [...new Set([...this.#names].map((name) => name.length))].toSorted((a, b) => b - a)
  }

  redact(text: string): string {
    let redacted = text
    for (const secret of this.#secrets)
      for (const form of new Set([secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]))
        redacted = redacted.replaceAll(form, () => this.#hidden('known secret', secret))
    for (const [what, pattern] of patterns)
      redacted = redacted.replaceAll(pattern, (match: string, before: unknown, after: unknown) =>
        what === 'secret field'
          ? `${String(before)}${quote(after)}${this.#hidden(what, match)}${quote(after)}`
          : what === 'password in a URL'
            ? `${String(before)}${this.#hidden(what, match)}@`
            : this.#hidden(what, match),
      )
    return this.#withoutNames(redacted)
  }

  /** Whole words and rows of words only: a key named "all" does not hide "allow". */
  #withoutNames(text: string): string {
    if (this.#names.size === 0) return text
    let done = ''
    let from = 0
    for (const { index } of text.matchAll(/(?<![\p{L}\p{N}])\S/gu)) {
      if (index < from) continue
      const length = this.#nameLengths.find((one) => {
        const next = text.charAt(index + one)
        return !/[\p{L}\p{N}]/u.test(next) && this.#names.has(text.slice(index, index + one))
      })
      if (length === undefined) continue
      done += text.slice(from, index) + this.#hidden('name of a key', text.slice(index, index + length))
      from = index + length
    }
    return done + text.slice(from)
  }

  /** `[UUID 3f2a9c1b]` */
  #hidden(what: Redacted, text: string): string {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
    return `[${what} ${createHmac('sha256', this.#key).update(text).digest('hex').slice(0, 8)}]`
  }
}

const quote = (mark: unknown): string => (typeof mark === 'string' ? mark : '')

/** In this order: what one has hidden, the next does not look into, since `[what 8 digits]` fits none of them. */
const patterns: readonly (readonly [Redacted, RegExp])[] = [
  ['PEM block', /-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g],
  // Metrics have names such as mortise_conditions.
  [
    'token',
    /\b(?:mortise_(?=[\w-]*[A-Z])(?=[\w-]{16})|mortise-session\.|AGE-SECRET-KEY-1|Bearer |Basic |eyJ)[\w.~+/=-]{8,}/g,
  ],
  // `password = "..."`, `"apikey":"..."`, `passphrase=...`, also within a text that is quoted again. Names of files stay, since
  // they are how support finds a mistake.
  [
    'secret field',
    /((?:pass(?:word|phrase)?|secret|api-?_?key|token|authorization|credential)(?:\\*["'])?\s*[:=]\s*)(?![[{]|null\b|true\b|false\b)(?:(\\*["'])[^\n]{0,4096}?\2|[^\s,}]+)/gi,
  ],
  // Up to the last at sign, as URLs are read: a password may have others, and unescaped slashes.
  ['password in a URL', /([a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:"]*:)[^\s"]{1,4096}(@)/gi],
  ['UUID', /\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi],
  ['long hex', /\b(?:[0-9a-f]{2}:?){16,}\b/gi],
  // Not a path, which begins with a slash. Padded ones are as short as a key of 128 bits.
  [
    'long base64',
    /(?<![\w+/.-])(?:[\w+/]{21,}={1,2}(?![\w=])|(?=[\w+/-]*\d)(?=[\w+/-]*[A-Z])(?=[\w+/-]*[a-z])[\w+-][\w+/-]{39,})/g,
  ],
]
