/** The call being taken, and what is asked of the server while it lasts: the place in words, similar cases, earlier calls. */
import { computed, onUnmounted, ref, shallowRef, watch } from 'vue'
import { api, ask, newId, Refusal, type Shapes } from '@/shared/api/client'
import { session } from '@/shared/api/session'
import { useSay } from '../parts/say'
import {
  chosenAt,
  freshDraft,
  heldFor,
  hold,
  isBlank,
  keep,
  kept,
  placeWords,
  reportOf,
  type Draft,
  type Pin,
} from './draft'

const SIMILAR_AFTER_MS = 1_200
const PLACE_AFTER_MS = 200

export function useCall(now: () => number) {
  const { refusal, locale } = useSay()
  const account = session.me?.id ?? ''
  const before = heldFor(account) ?? kept(newId)
  const draft = ref<Draft>(before ?? freshDraft(newId))
  const restored = ref(before !== null)
  watch(draft, typed => session.token && keep(typed), { deep: true })
  watch(
    () => isBlank(draft.value),
    blank => {
      if (!blank && !draft.value.startedAt) draft.value.startedAt = new Date(now()).toISOString()
    },
  )

  function begin(next: Draft | null = null): void {
    draft.value = next ?? freshDraft(newId)
    calls.value = []
    callsRefused.value = null
    askedNumber = ''
    restored.value = false
  }

  // The pin in words; what the operator wrote by hand is left alone.
  const outside = ref(false)
  let naming = 0
  watch(() => draft.value.pin, (pin, _, cleanUp) => {
    outside.value = false
    if (!pin) return
    const timer = window.setTimeout(() => void name(pin), PLACE_AFTER_MS)
    cleanUp(() => clearTimeout(timer))
  }, { immediate: true }) // prettier-ignore

  async function name(pin: Pin): Promise<void> {
    const mine = ++naming
    const said = await ask(api.GET('/api/places/at', { params: { query: pin } })).catch(() => null)
    if (mine !== naming || !said || draft.value.pin !== pin) return
    outside.value = !said.in_area
    if (draft.value.placeByHand) return
    draft.value.place = placeWords(said, chosenAt(draft.value), locale.value === 'zh')
  }

  // Is it somebody who is known already?
  const similar = shallowRef<readonly Shapes['Similar'][]>([])
  const comparing = ref(false)
  const asked = computed(() => {
    const report = reportOf(draft.value, true)
    return report ? JSON.stringify(report) : ''
  })
  let comparison = 0
  let timer = 0
  watch(asked, text => {
    clearTimeout(timer)
    comparison += 1
    if (!text) {
      similar.value = []
      comparing.value = false
      return
    }
    comparing.value = true
    timer = window.setTimeout(() => void compare(text), SIMILAR_AFTER_MS)
  }, { immediate: true }) // prettier-ignore
  onUnmounted(() => {
    clearTimeout(timer)
    if (!session.token && session.ended !== 'signed_out') hold(account, draft.value)
  })

  async function compare(text: string): Promise<void> {
    const mine = comparison
    try {
      const found = await ask(
        api.POST('/api/reports/similar', { body: { report: JSON.parse(text) as Shapes['Report'] } }),
      )
      if (mine === comparison) similar.value = found
    } catch (fault) {
      // Too often: it asks again by itself; whatever else is wrong shows when the call is sent.
      if (mine === comparison && fault instanceof Refusal && fault.status === 429)
        timer = window.setTimeout(() => void compare(text), 5_000)
      else if (mine === comparison) similar.value = []
    } finally {
      if (mine === comparison) comparing.value = false
    }
  }

  // Every look-up of a number is written to the log: once for each number.
  const calls = shallowRef<readonly Shapes['Call'][]>([])
  const callsRefused = ref<string | null>(null)
  const looking = ref(false)
  const looked = ref(false)
  let askedNumber = ''

  async function lookUp(): Promise<void> {
    const phone = draft.value.number.trim()
    if (phone.replace(/\D/g, '').length < 5 || phone === askedNumber) return
    askedNumber = phone
    looking.value = true
    looked.value = false
    calls.value = []
    try {
      calls.value = await ask(api.POST('/api/calls/search', { body: { phone } }))
      callsRefused.value = null
      looked.value = true
    } catch (fault) {
      callsRefused.value = refusal(fault)
      askedNumber = ''
    } finally {
      looking.value = false
    }
  }
  watch(
    () => draft.value.number,
    () => (looked.value = false),
  )

  return { draft, restored, begin, outside, similar, comparing, calls, callsRefused, looking, looked, lookUp }
}
