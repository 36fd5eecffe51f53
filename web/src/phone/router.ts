/** The pages of the phone, and who begins where. Roles only decide what is shown: the server decides what may be done. */
import { createRouter, createWebHashHistory } from 'vue-router'
import { session } from '@/shared/api/session'

/** Where somebody with these roles begins; the first that fits. */
const FACES: readonly [role: string, page: string][] = [
  ['officer', 'task'],
  ['grid_worker', 'grid'],
  ['driver', 'drive'],
]
export const faceOf = (roles: readonly string[]): string => FACES.find(([role]) => roles.includes(role))?.[1] ?? 'start'

export const router = createRouter({
  history: createWebHashHistory('/m/'),
  routes: [
    { path: '/', name: 'start', component: () => import('./Start.vue') },
    { path: '/sign-in', name: 'sign-in', component: () => import('./SignIn.vue') },
    { path: '/report', name: 'report', component: () => import('./report/ReportPage.vue') },
    { path: '/receipt/:receipt?', name: 'receipt', component: () => import('./report/ReceiptPage.vue') },
    { path: '/drive', name: 'drive', component: () => import('./report/DrivePage.vue'), meta: { role: 'driver' } },
    { path: '/grid', name: 'grid', component: () => import('./report/GridPage.vue'), meta: { role: 'grid_worker' } },
    { path: '/task', name: 'task', component: () => import('./officer/TaskPage.vue'), meta: { role: 'officer' } },
    { path: '/found', name: 'found', component: () => import('./officer/FoundPage.vue'), meta: { role: 'officer' } },
    {
      path: '/incident/:id?',
      name: 'incident',
      component: () => import('./officer/IncidentPage.vue'),
      meta: { role: 'officer' },
    },
    { path: '/queue', name: 'queue', component: () => import('./queue/QueuePage.vue') },
    { path: '/settings', name: 'settings', component: () => import('./SettingsPage.vue') },
    { path: '/:rest(.*)', redirect: '/' },
  ],
})

router.beforeEach(to => {
  if (to.name === 'start' && session.token && faceOf(session.roles) !== 'start') return { name: faceOf(session.roles) }
  const role = to.meta.role as string | undefined
  if (role && !session.token) return { name: 'sign-in', query: { to: to.fullPath } }
  if (role && !session.roles.includes(role)) return { name: faceOf(session.roles) }
  return true
})
