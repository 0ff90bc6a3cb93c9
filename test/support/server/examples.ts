// The examples of all routes of the admin API, by the route's name.

import type { Examples } from '../../../src/doors/http/example.ts'
import { describedApi, type Routes } from '../../../src/program/routes.ts'

export const described = await describedApi()
export const examples = described.examples as Examples<Routes>
