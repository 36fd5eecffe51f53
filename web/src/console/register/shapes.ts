/** What /api/persons tells, under shorter names. */
import type { Shapes } from '@/shared/api/client'

export type PersonFile = Shapes['PersonFile']
export type PersonRecord = PersonFile['records'][number]
export type PersonShown = Shapes['PersonShown']
export type PersonFound = Shapes['PersonFound']
export type Suggested = PersonFile['suggestions'][number]
export type Wanted = Shapes['PeopleWanted']
/** A line of the list: what was found, or what a page of the register tells. */
export type Listed = PersonShown & Partial<Pick<PersonFound, 'description' | 'marks' | 'photos' | 'suggested'>>
