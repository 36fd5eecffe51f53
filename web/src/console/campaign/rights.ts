/** Who is shown what at this desk. Pure; what somebody may do is decided by the server (docs/permissions.md). */
const OPEN = ['shift_leader', 'supervisor']
const READ = ['dispatcher', 'shift_leader', 'supervisor', 'civil_affairs']

/** Opens, approves and ends campaigns, opens and closes temporary points. */
export const mayOpen = (roles: readonly string[]): boolean => roles.some(role => OPEN.includes(role))
export const mayRead = (roles: readonly string[]): boolean => roles.some(role => READ.includes(role))
