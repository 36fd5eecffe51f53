/** Which page mends what was refused: it opens with what was entered, `?mend=` naming the action. */
import type { RouteLocationRaw } from 'vue-router'
import type { Action } from './store'

const PAGES: Record<string, string> = {
  report: 'report',
  report_details: 'receipt',
  arrive: 'task',
  handle: 'task',
  decline: 'task',
  found: 'found',
  visit: 'grid',
  home_visit: 'grid',
  incident: 'incident',
  incident_report: 'incident',
}

export function mendPage(action: Action): RouteLocationRaw | null {
  const name = PAGES[action.kind]
  return name ? { name, query: { mend: action.id } } : null
}
