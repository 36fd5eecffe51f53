/** Who is shown what at this desk. Pure; what somebody may do is decided by the server (docs/permissions.md). */
import type { Me } from '@/shared/api/session'

/** Only its own staff acts at a house; others read. */
export const mayAct = (me: Me | null, facilityId: string | undefined): boolean =>
  !!me && !!facilityId && me.facility_id === facilityId && me.roles.includes('station_staff')
