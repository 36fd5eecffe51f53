/** Who is shown what at this desk. Pure; what somebody may do is decided by the server (docs/permissions.md). */
const WRITE = ['shift_leader', 'station_staff']
const READ = ['shift_leader', 'checker', 'station_staff']
const NAMES = ['shift_leader', 'station_staff']

/** Describes, identifies, merges and takes back. */
export const mayWrite = (roles: readonly string[]): boolean => roles.some(role => WRITE.includes(role))
export const mayRead = (roles: readonly string[]): boolean => roles.some(role => READ.includes(role))
/** Sees who has looked at somebody. */
export const mayAudit = (roles: readonly string[]): boolean => roles.includes('shift_leader')
/** Searches by name and document, and sees who somebody is. */
export const mayName = (roles: readonly string[]): boolean => roles.some(role => NAMES.includes(role))
