// The user's own configuration of the command line, ~/.config/mortise/config.toml: profiles, each of which says how to reach
// one server. config.ts reads the server's configuration. Holds no secret: a profile names the file of its token.

import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { parse } from 'smol-toml'
import { z } from 'zod'
import { didYouMean } from '../../base/text/closest.ts'
import { ConfigError, unreadable } from './config.ts'
import { userConfigFolder } from './environment.ts'

const keys = ['admin', 'token-file', 'admin-ca', 'admin-fingerprint'] as const

const profileSchema = z
  .strictObject({
    admin: z.string(),
    'token-file': z.string().optional(),
    'admin-ca': z.string().optional(),
    'admin-fingerprint': z.string().optional(),
  })
  .refine((profile) => profile['admin-ca'] === undefined || profile['admin-fingerprint'] === undefined, {
    error: 'give admin-ca or admin-fingerprint, not both',
  })

/** The profile of that name. Paths are relative to the file's folder; `~/` is the user's home. Throws ConfigError. */
export function readProfile(name: string, folder: string = userConfigFolder()) {
  const file = path.join(folder, 'config.toml')
  const profiles = profilesIn(file)
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined
  if (profile === undefined)
    throw new ConfigError(`${file} has no profile ${name}${didYouMean(name, Object.keys(profiles))}`)
  const read = profileSchema.safeParse(profile)
  if (!read.success)
    throw new ConfigError(
      read.error.issues.map((issue) => `${file}, profile ${name}: ${problem(issue)}`).join('\n'),
    )
  const {
    admin,
    'token-file': tokenFile,
    'admin-ca': adminCa,
    'admin-fingerprint': adminFingerprint,
  } = read.data
  return {
    admin,
    ...(tokenFile !== undefined && { tokenFile: resolved(folder, tokenFile) }),
    ...(adminCa !== undefined && { adminCa: resolved(folder, adminCa) }),
    ...(adminFingerprint !== undefined && { adminFingerprint }),
  }
}

function problem(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => `there is no key "${key}"${didYouMean(key, keys)}`).join('; ')
  const where = issue.path.join('.')
  return where === '' ? issue.message : `${where}: ${issue.message}`
}

function resolved(folder: string, file: string): string {
  return file.startsWith('~/') ? path.join(homedir(), file.slice(2)) : path.resolve(folder, file)
}

function profilesIn(file: string): Readonly<Record<string, unknown>> {
  try {
    const { profile = {} } = parse(readFileSync(file, 'utf8'))
    return z.record(z.string(), z.unknown()).parse(profile)
  } catch (error) {
    if (error instanceof z.ZodError)
      throw new ConfigError(`${file}: write each profile as a section, [profile.NAME]`, { cause: error })
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new ConfigError(
      isMissing ? `profiles are in ${file}, which does not exist` : `${file}: ${unreadable(error)}`,
      { cause: error },
    )
  }
}
