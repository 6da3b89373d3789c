import type { TestProject } from 'vitest/node'
import { startPeal } from './peal'

declare module 'vitest' {
  interface ProvidedContext {
    dashboardUrl: string
    edgeUrl: string
  }
}

export default async function setup(project: TestProject) {
  const peal = await startPeal()
  project.provide('dashboardUrl', peal.dashboardUrl)
  project.provide('edgeUrl', peal.edgeUrl)
  return peal.stop
}
