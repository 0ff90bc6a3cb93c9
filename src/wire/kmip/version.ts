// The protocol versions that this server knows, and their order. A version is written '1.4'. wire/ttlv/ knows no KMIP, so it
// compares the numbers that `ordinal` returns.

/** The versions that OASIS published as standards, from oldest to newest. */
export const standards = ['1.0', '1.1', '1.2', '1.3', '1.4', '2.0', '2.1'] as const

/** Drafts of OASIS, which may still change. A server accepts one only if its administrator enabled it. */
export const drafts = ['3.0'] as const

export type Draft = (typeof drafts)[number]
export type Version = (typeof standards)[number] | Draft

/** From oldest to newest. */
export const versions: readonly Version[] = [...standards, ...drafts]

export function isDraft(version: Version): version is Draft {
  return (drafts as readonly Version[]).includes(version)
}

/** The version for people. A draft is marked as one. */
export function versionText(version: Version): string {
  return isDraft(version) ? `${version} (draft)` : version
}

export function atLeast(version: Version, since: Version): boolean {
  return ordinal(version) >= ordinal(since)
}

/** The newest version with the same major number. */
export function newestOfMajor(version: Version): Version {
  return newestByMajor[version[0] as '1' | '2' | '3']
}

/** Major times 100 plus minor: 104 for '1.4'. */
export function ordinal(version: Version): number {
  return ordinals[version]
}

/** The version with this ordinal. Undefined if this server does not know it. */
export function versionOf(ordinal: number): Version | undefined {
  return byOrdinal.get(ordinal)
}

const ordinals: Readonly<Record<Version, number>> = {
  '1.0': 100,
  '1.1': 101,
  '1.2': 102,
  '1.3': 103,
  '1.4': 104,
  '2.0': 200,
  '2.1': 201,
  '3.0': 300,
}

const newestByMajor = { 1: '1.4', 2: '2.1', 3: '3.0' } as const

const byOrdinal: ReadonlyMap<number, Version> = new Map(
  versions.map((version) => [ordinals[version], version]),
)
