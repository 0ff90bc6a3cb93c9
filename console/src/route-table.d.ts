// Made by build.ts from the route table of the admin API.
declare module 'route-table' {
  interface Line {
    readonly method: string
    readonly path: string
    readonly media: string
  }
  const table: { readonly [Name in import('../../src/program/routes.ts').RouteName]: Line }
  export default table
}
