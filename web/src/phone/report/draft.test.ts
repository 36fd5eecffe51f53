import 'fake-indexeddb/auto'
import { expect, test } from 'vitest'
import { blank, bodyOf, draftOf, type Draft } from './draft'

const SEEN: Draft = {
  spot: { lon: 121.6, lat: 38.9, crs: 'gcj02', accuracy_m: 12, from: 'own' },
  landmark: '人民路地下通道口',
  seen: ['cold', 'lying', 'old'],
  people: 2,
  words: ' 衣着单薄 ',
  phone: '13800000000',
  callBack: true,
}

test('a draft says all that was entered, and nothing that was not', () => {
  expect(bodyOf(SEEN, 'web', '中山区 人民路附近')).toEqual({
    channel: 'web',
    place: { lon: 121.6, lat: 38.9, crs: 'gcj02', accuracy_m: 12 },
    people_count: 2,
    looks: { posture: 'lying', age_band: 'old' },
    dangers: ['exposure'],
    description: '衣着单薄',
    address: '人民路地下通道口，中山区 人民路附近',
    contact: { phone: '13800000000', call_back: true },
  })
  expect(bodyOf(blank(), 'web')).not.toHaveProperty('contact')
})

test('what was refused is opened as it was entered', () => {
  const again = draftOf(bodyOf(SEEN, 'web'))
  expect(again).toEqual({ ...SEEN, words: '衣着单薄', spot: { ...SEEN.spot, from: 'map' } })
})
