// The admin API as data: the routes of all features in one table, each with its role, scope and schemas. The console has its types from
// here, and the tests try every route. The server removes every field that these schemas do not name from an answer, so a token's hash
// or sealed material cannot leak. No code that serves a route is loaded with it.

import type { DescribedApi } from '../doors/http/openapi.ts'
import type { Input as InputOf, Output as OutputOf } from '../doors/http/route.ts'
import { load, type RouteTables } from './features.ts'

type Tables = { readonly [Name in keyof RouteTables]: (table: RouteTables[Name]) => void }
/** All tables in one. */
export type Routes = Tables[keyof Tables] extends (table: infer All) => void ? All : never
export type RouteName = keyof Routes
export type Input<N extends RouteName> = InputOf<Routes[N]>
export type Output<N extends RouteName> = OutputOf<Routes[N]>

export const routes = Object.assign({}, ...Object.values(await load('routes'))) as Routes

/** The admin API with its examples. */
export async function describedApi(): Promise<DescribedApi> {
  const examples = Object.values(await load('examples'))
  return { routes, examples: Object.assign({}, ...examples) as DescribedApi['examples'] }
}
