/** What /api/station and /api/stays tell, under shorter names. */
import type { Shapes } from '@/shared/api/client'

export type Desk = Shapes['StationDesk']
export type OnTheWay = Shapes['OnTheWay']
export type StayShown = Shapes['StayShown']
export type Deadline = Shapes['DeadlineShown']
export type StayFile = Shapes['StayFile']
export type ReferralWhole = Shapes['ReferralWhole']
