/** What /api/campaigns tells, under shorter names. */
import type { Shapes } from '@/shared/api/client'

export type Campaign = Shapes['CampaignShown']
export type Plan = Campaign['plan']
export type CampaignFile = Shapes['CampaignFile']
export type PointShown = Shapes['PointShown']
export type CalledIn = Shapes['CalledInShown']

export type Coverage = Shapes['Coverage']
export type Cell = Coverage['cells'][number]
/** As much of a tour as events tell too. */
export type Tour = Pick<
  Coverage['tours'][number],
  'id' | 'team_id' | 'cells' | 'minutes' | 'state' | 'planned_at' | 'why'
>
export type CellWhy = Omit<Shapes['CellFile'], 'boundary'>
