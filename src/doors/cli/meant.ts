// Words that people try because other programs have them, with the command that does it here.

/** By the whole command line as it was tried, without the name of the program. */
const otherPrograms: Readonly<Record<string, string>> = {
  version: 'Use mortise --version.',
  start: 'Use mortise serve.',
  run: 'Use mortise serve.',
  log: 'mortise audit list shows who did what. The log of the server is its standard error (with systemd: journalctl -u mortise).',
  logs: 'mortise audit list shows who did what. The log of the server is its standard error (with systemd: journalctl -u mortise).',
  config: 'All options are in docs/configuration.md. mortise reload reads mortise.toml again.',
  'client add': 'Use mortise client trust, or mortise client issue to make its certificate too.',
  'client create': 'Use mortise client issue, or mortise client trust for one that has a certificate.',
  'client rm': 'Use mortise client remove.',
  'client delete': 'Use mortise client remove.',
  'client revoke':
    'mortise client remove withdraws trust from a client, and mortise client block refuses one certificate for good.',
  'key delete': 'Use mortise key destroy.',
  'key rm': 'Use mortise key destroy.',
  'key remove': 'Use mortise key destroy.',
  'instance rm': 'Use mortise instance delete.',
  'instance remove': 'Use mortise instance delete.',
  'token rm': 'Use mortise token revoke.',
  'token delete': 'Use mortise token revoke.',
  'token remove': 'Use mortise token revoke.',
  'backup restore': 'Use mortise restore FILE.',
}

/** The command of Mortise for these words of other programs. Undefined: there is none. */
export function meantBy(words: string): string | undefined {
  return Object.hasOwn(otherPrograms, words) ? otherPrograms[words] : undefined
}

export const triedWords: readonly string[] = Object.keys(otherPrograms)
