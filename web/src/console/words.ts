/** All words of the console: one part per desk. */
import { makeWords } from '@/shared/words'
import { home } from '@/shared/words/home'
import { words as signature } from '@/shared/signature/words'
import { words as admin } from './admin/words'
import { words as board } from './board/words'
import { words as campaign } from './campaign/words'
import { words as caseWords } from './case/words'
import { words as distress } from './distress/words'
import { words as hotline } from './hotline/words'
import { words as incidents } from './incidents/words'
import { words as leader } from './leader/words'
import { words as map } from './map/words'
import { words as register } from './register/words'
import { words as referral } from './referral/words'
import { words as report } from './campaign/report/words'
import { words as replay } from './replay/words'
import { words as returnees } from './returnees/words'
import { words as shell } from './shell-words'
import { words as signin } from './signin/words'
import { words as station } from './station/words'
import { words as stock } from './stock/words'
import { words as teams } from './teams/words'
import { words as verification } from './verification/words'
import { words as warnings } from './warnings/words'

export const i18n = makeWords({
  admin,
  board,
  campaign,
  case: caseWords,
  distress,
  home,
  hotline,
  incidents,
  leader,
  map,
  referral,
  replay,
  register,
  report,
  returnees,
  shell,
  signature,
  signin,
  station,
  stock,
  teams,
  verification,
  warnings,
})
