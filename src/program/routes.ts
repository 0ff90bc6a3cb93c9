// The admin API as data: the routes of all features in one table, each with its role, scope and schemas. The console has its types from
// here, and the tests try every route. The server removes every field that these schemas do not name from an answer, so a token's hash
// or sealed material cannot leak.

import type { Input as InputOf, Output as OutputOf } from '../doors/http/route.ts'
import { load, type Servers } from './features.ts'

type Tables = { readonly [Name in keyof Servers]: (table: Servers[Name]['routes']) => void }
/** All tables in one. */
export type Routes = Tables[keyof Tables] extends (table: infer All) => void ? All : never
export type RouteName = keyof Routes
export type Input<N extends RouteName> = InputOf<Routes[N]>
export type Output<N extends RouteName> = OutputOf<Routes[N]>

const tables = Object.values(await load('server')).map(({ routes }) => routes)
export const routes = Object.assign({}, ...tables) as Routes
