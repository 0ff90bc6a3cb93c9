// Finds the forms in comments of src/ that hide who does what: CONTRIBUTING.md asks for subject, verb, object. The measures of the
// structure count them for each floor. It reads comments alone, and not what a string says.

import type { Source } from './sources.ts'

/** Each form, and what a reader understands at once instead. */
const forms: readonly { readonly pattern: RegExp; readonly rather: string }[] = [
  { pattern: /\b(?:that|which) (?:is|are|was|were) none\b/, rather: 'an invalid X, or: not an X' },
  { pattern: /\bso (?:many|much)\b/i, rather: 'the name of the number' },
  {
    pattern: /(?:^|[.:;] )The same(?=[.,:;]| (?:for|as|of|with|in|by|to|from|on|again)\b|$)/,
    rather: 'say it again, or delete it',
  },
  { pattern: /(?:^|[.:;] )(?:As|Said) (?:there|above|below|here)\b/, rather: 'say it again, or delete it' },
  {
    pattern: /\b(?:nobody|somebody|anybody|everybody|whoever|anyone|someone|no one)\b/i,
    rather: 'the actor: no client, the caller, the administrator',
  },
  {
    pattern: /^\s*(?:It|They|Those|Their|That|So that)\b/,
    rather: 'the subject: a comment names what it is about',
  },
  { pattern: /\banew\b/i, rather: 'again' },
  { pattern: /\bit is looked\b|\b(?:is|are|was|were) looked (?:whether|at)\b/, rather: 'checks' },
  { pattern: /\b(?:is|are|was|were|be|been) told\b|\btells of\b/, rather: 'receives, learns, shows' },
  {
    pattern: /\b(?:what|all that) (?:was|were|is|are) (?:told|asked|given|found|wanted|said)\b/i,
    rather: 'the noun: the request, the response, the options',
  },
]

/** What a pattern takes wrongly, by a part of the comment. */
const exceptions: readonly string[] = []

/** One line for each use of a form below the folder. */
export function unplain(sources: readonly Source[], folder: string): readonly string[] {
  return sources
    .filter(({ file }) => file.startsWith(`${folder}/`))
    .flatMap(({ file, text }) =>
      commentsOf(text).flatMap(({ line, words }) =>
        forms.flatMap(({ pattern, rather }) =>
          [...withoutCode(words).matchAll(new RegExp(pattern, `g${pattern.flags}`))]
            .map(({ index }) => words.slice(Math.max(0, index - 30), index + 40))
            .filter((part) => !exceptions.some((known) => part.includes(known)))
            .map((part) => `${file}:${line}: …${part}… rather: ${rather}`),
        ),
      ),
    )
}

const withoutCode = (words: string) => words.replaceAll(/`[^`]*`/g, (code) => ' '.repeat(code.length))

/** The words of each comment: of lines that follow one another, and of one behind code. */
function commentsOf(text: string): readonly { line: number; words: string }[] {
  const comments: { line: number; words: string }[] = []
  let whole = false
  for (const [index, code] of text.split('\n').entries()) {
    const [, before = '', words = ''] =
      /^(.*?)(?:(?<=^|\s)\/\/ |\/\*\*? ?|^\s*\*\/?(?: |$))(.*?)(?:\*\/)?$/.exec(code) ?? []
    const alone = before.trim() === '' && /^\s*(?:\/\/|\/?\*)/.test(code)
    const last = comments.at(-1)
    if (alone && whole && last !== undefined) last.words += ` ${words}`
    else if (words !== '') comments.push({ line: index + 1, words })
    whole = alone
  }
  return comments
}
