/** What /api/officer/sweep tells, under shorter names. */
import type { Shapes } from '@/shared/api/client'

type Told = Shapes['MySweep']
type TourTold = NonNullable<Told['tour']>
/** boundary: the corners of the cell, longitude and latitude. */
export type Stop = Omit<TourTold['stops'][number], 'boundary'> & { boundary: number[][] }
export type Sweep = Omit<Told, 'tour'> & { tour: (Omit<TourTold, 'stops'> & { stops: Stop[] }) | null }
