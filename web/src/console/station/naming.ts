/** How a station says things: how long is left in words, who somebody is in a line, what a house is called. */
import { useSay } from '../parts/say'
import type { StayShown } from './shapes'

const [DAY, HOUR, MINUTE] = [86_400, 3_600, 60]

export function useNaming() {
  const { t, word, both } = useSay()
  /** 3 天 4 小时, 2 小时 10 分, 8 分: the two largest units, as people say it. */
  function long(seconds: number): string {
    const rest = Math.abs(Math.round(seconds))
    const [d, h, m] = [Math.floor(rest / DAY), Math.floor((rest % DAY) / HOUR), Math.floor((rest % HOUR) / MINUTE)]
    if (d >= 1) return h ? t('station.span.dh', { d, h }) : t('station.span.d', { d })
    if (h >= 1) return m ? t('station.span.hm', { h, m }) : t('station.span.h', { h })
    return t('station.span.m', { m: Math.max(m, 1) })
  }
  /** 还剩 2 小时, or 已超 3 天. */
  const left = (dueS: number): string => t(dueS < 0 ? 'station.over' : 'station.rest', { span: long(dueS) })
  const looks = (one: { sex: string; age_band: string }): string =>
    `${word('sex', one.sex)} · ${word('age', one.age_band)}`
  const who = (people: readonly { sex: string; age_band: string }[], count: number): string =>
    count === 1 && people[0] ? looks(people[0]) : t('station.people', { n: count })
  const since = (stay: Pick<StayShown, 'arrived_at' | 'left_at'>, now: number): string => {
    const until = stay.left_at ? Date.parse(stay.left_at) : now
    return t(stay.left_at ? 'station.wasHereFor' : 'station.hereFor', {
      span: long((until - Date.parse(stay.arrived_at)) / 1000),
    })
  }
  return { t, word, both, long, left, looks, who, since }
}
