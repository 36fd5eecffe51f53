/** The desks, who sits at them, and their addresses. Roles only decide what is shown: the server decides what may be done. */
import { createRouter, createWebHashHistory } from 'vue-router'

export type Desk = { name: string; roles: readonly string[]; key: string }

const WATCHING = ['dispatcher', 'operator', 'shift_leader', 'supervisor', 'checker', 'civil_affairs']
export const DESKS: readonly Desk[] = [
  { name: 'board', roles: WATCHING, key: '1' },
  { name: 'hotline', roles: ['operator', 'dispatcher', 'shift_leader'], key: '2' },
  { name: 'verification', roles: ['checker'], key: '3' },
  { name: 'teams', roles: ['dispatcher', 'shift_leader', 'supervisor', 'admin'], key: '4' },
  { name: 'replay', roles: WATCHING, key: '5' },
  { name: 'leader', roles: ['shift_leader', 'supervisor', 'dispatcher'], key: '6' },
  { name: 'admin', roles: ['admin', 'shift_leader', 'supervisor'], key: '7' },
  { name: 'campaigns', roles: ['dispatcher', 'shift_leader', 'supervisor', 'civil_affairs'], key: '8' },
  {
    name: 'incidents',
    roles: ['operator', 'dispatcher', 'shift_leader', 'supervisor', 'civil_affairs', 'station_staff'],
    key: 'U',
  },
  { name: 'stock', roles: ['dispatcher', 'shift_leader', 'supervisor', 'civil_affairs'], key: '9' },
  { name: 'station', roles: ['station_staff', 'shift_leader', 'supervisor'], key: 'Z' },
  { name: 'register', roles: ['shift_leader', 'checker', 'station_staff'], key: 'P' },
  { name: 'returnees', roles: ['shift_leader', 'supervisor', 'civil_affairs', 'dispatcher'], key: 'V' },
]

export const desksOf = (roles: readonly string[]): Desk[] =>
  DESKS.filter(desk => desk.roles.some(role => roles.includes(role)))

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/board/:caseId?', name: 'board', component: () => import('./board/BoardDesk.vue') },
    { path: '/hotline', name: 'hotline', component: () => import('./hotline/HotlineDesk.vue') },
    {
      path: '/verification/:caseId?',
      name: 'verification',
      component: () => import('./verification/VerificationDesk.vue'),
    },
    { path: '/teams', name: 'teams', component: () => import('./teams/TeamsDesk.vue') },
    { path: '/replay', name: 'replay', component: () => import('./replay/ReplayDesk.vue') },
    { path: '/campaigns/:id?', name: 'campaigns', component: () => import('./campaign/CampaignDesk.vue') },
    { path: '/leader', name: 'leader', component: () => import('./leader/LeaderDesk.vue') },
    { path: '/admin', name: 'admin', component: () => import('./admin/AdminDesk.vue') },
    { path: '/incidents/:id?', name: 'incidents', component: () => import('./incidents/IncidentsDesk.vue') },
    { path: '/stock', name: 'stock', component: () => import('./stock/StockDesk.vue') },
    { path: '/returnees/:id?', name: 'returnees', component: () => import('./returnees/ReturneeDesk.vue') },
    { path: '/station/:id?', name: 'station', component: () => import('./station/StationDesk.vue') },
    { path: '/campaigns/:id/report', name: 'report', component: () => import('./campaign/report/ReportPage.vue') },
    { path: '/register/:id?', name: 'register', component: () => import('./register/RegisterDesk.vue') },
    { path: '/:rest(.*)', redirect: '/' },
    { path: '/', name: 'start', component: () => import('./Start.vue') },
  ],
})
