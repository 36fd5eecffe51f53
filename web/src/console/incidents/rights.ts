/** Who is shown what of reported incidents. Pure; what somebody may do is decided by the server (docs/permissions.md). */
const READ = ['operator', 'dispatcher', 'shift_leader', 'supervisor', 'civil_affairs', 'station_staff']

export const mayRead = (roles: readonly string[]): boolean => roles.some(role => READ.includes(role))
