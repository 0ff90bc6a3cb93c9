// Examples of the routes about closing, for the description of the admin API.

import type { Examples } from '../../doors/http/example.ts'
import { at } from '../../doors/http/samples.ts'
import type { closingRoutes } from './routes.ts'

const instance = { id: 'd3b07384-d9a0-4e9b-8a0d-3c1b2f4e5a61', name: 'production' }
const reason = 'a host was stolen'
const closed = { at, by: 'alice', reason }

export const examples: Examples<typeof closingRoutes> = {
  closeInstance: { body: { reason }, answer: { ...instance, closed } },
  openInstance: { answer: instance },
  closeServer: { body: { reason }, answer: { closed } },
  openServer: { answer: { stillClosed: [instance] } },
}
