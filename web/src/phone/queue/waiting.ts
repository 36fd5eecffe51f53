/** What the queue holds, as screens show it; follows every change, also the service worker's and another window's. */
import { liveQuery } from 'dexie'
import { computed, onScopeDispose, shallowRef, type ComputedRef, type ShallowRef } from 'vue'
import { store, type Action } from './store'

export type Waiting = {
  actions: ShallowRef<readonly Action[]>
  waiting: ComputedRef<number>
  refused: ComputedRef<number>
}

/** All actions, oldest first. */
export function useWaiting(): Waiting {
  const actions = shallowRef<readonly Action[]>([])
  const watching = liveQuery(() => store.actions.orderBy('n').toArray()).subscribe(found => (actions.value = found))
  onScopeDispose(() => watching.unsubscribe())
  const count = (state: Action['state']) => computed(() => actions.value.filter(one => one.state === state).length)
  return { actions, waiting: count('waiting'), refused: count('refused') }
}
