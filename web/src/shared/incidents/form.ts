/** The form of an incident as it is typed: times as the inputs take them. Pure. */
import type { Shapes } from '@/shared/api/client'
import { fromLocalInput, localInput } from '@/shared/time'

export type IncidentForm = Shapes['IncidentForm']
export const KINDS = ['death', 'missing', 'accident', 'abuse', 'trafficking', 'violence'] as const
export type Kind = (typeof KINDS)[number]
export const TIMES = ['police_told_at', 'medics_told_at', 'family_told_at'] as const
export const TEXTS = [
  'what',
  'place',
  'who',
  'measures',
  'police_told_by',
  'medics_told_by',
  'family_told_by',
  'no_medics',
] as const
export type Typed = Record<(typeof TEXTS)[number] | (typeof TIMES)[number], string> & { family_unknown: boolean }

export function typed(form: IncidentForm | null): Typed {
  const texts = Object.fromEntries(TEXTS.map(name => [name, form?.[name] ?? '']))
  const times = Object.fromEntries(TIMES.map(name => [name, form?.[name] ? localInput(form[name]) : '']))
  return { ...texts, ...times, family_unknown: form?.family_unknown ?? false } as Typed
}

export function said(form: Typed): IncidentForm {
  const texts = Object.fromEntries(TEXTS.map(name => [name, form[name].trim()]))
  const times = Object.fromEntries(TIMES.map(name => [name, form[name] ? fromLocalInput(form[name]) : null]))
  return { ...texts, ...times, family_unknown: form.family_unknown } as IncidentForm
}
