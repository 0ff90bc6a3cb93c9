// A body may hold optional fields as undefined, which a change of settings must not see.

export type WithoutUndefined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

/** Returns the fields that are not undefined. */
export function present<T extends object>(fields: T): WithoutUndefined<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as WithoutUndefined<T>
}
