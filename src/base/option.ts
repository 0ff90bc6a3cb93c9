// The form of an option: its place in mortise.toml, its MORTISE_ variable, its flag, its default and its reason. The sources of a
// configuration. Bounds that no administrator sets stand where they are used, or in the bounds.ts of a folder.

import type { z } from 'zod'

/** One option. `initial` is the default, as one would write it in the file. A flag overrides the variable, and a variable overrides the file. */
export interface Option<S extends z.ZodType = z.ZodType> {
  readonly schema: S
  readonly initial: string | number | boolean | readonly string[]
  readonly variable: string
  readonly flag?: string
  readonly text: string
  readonly reason: string
  /** Takes effect when the server reloads its configuration; the others need a restart. */
  readonly live?: true
  /** The option names a file with a secret: no log and no bundle may show what the file holds. */
  readonly secret?: true
}

/** Options by section and name. */
export type OptionTable = Readonly<Record<string, Readonly<Record<string, Option>>>>

/** The values of a table, checked. */
export type OptionValues<T extends OptionTable> = {
  readonly [S in keyof T]: { readonly [O in keyof T[S]]: Value<T[S][O]> }
}

type Value<O> = O extends { readonly schema: z.ZodType<infer V> } ? V : never

export function option<S extends z.ZodType>(line: Option<S>): Option<S> {
  return line
}

/** The sources of the configuration beside its file and the flags. */
export interface ConfigurationSource<T extends OptionTable = OptionTable> {
  /** undefined: the environment of the process. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined
  /** The options of features, which the configuration has beside those of the server. */
  readonly features: T
}
