import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { deviceOf, waysTo } from './navigation'
import { metresBetween, toBd09, toGcj02 } from './places'

const SHARED_VECTORS = new URL('../../../../../shared/data/gcj/vectors.csv', import.meta.url)
const DALIAN = { lon: 121.6147, lat: 38.914 }

test('WGS-84 becomes GCJ-02 to a fraction of a metre, at places whose GCJ-02 is published', () => {
  // Tiananmen and the Oriental Pearl as eviltransform's own tests have them.
  for (const [lat, lon, gcjLat, gcjLon] of [
    [39.911954, 116.377817, 39.91334545536069, 116.38404722455657],
    [31.1774276, 121.5272106, 31.17530398364597, 121.531541859215],
  ] as const) {
    expect(metresBetween(toGcj02({ lon, lat }), { lon: gcjLon, lat: gcjLat })).toBeLessThan(0.01)
  }
  expect(toGcj02({ lon: 2.35, lat: 48.85 })).toEqual({ lon: 2.35, lat: 48.85 })
})

test.skipIf(!existsSync(SHARED_VECTORS))('the shared vectors (skipped where that folder does not lie beside this one)', () => {
  const [, ...lines] = readFileSync(SHARED_VECTORS, 'utf-8').trim().split('\n')
  for (const line of lines) {
    const [, lat, lon, gcjLat, gcjLon] = line.split(',').map(Number) as [number, number, number, number, number]
    expect(metresBetween(toGcj02({ lon, lat }), { lon: gcjLon, lat: gcjLat })).toBeLessThan(0.01)
  }
}) // prettier-ignore

test('BD-09 lies where Baidu puts it: some 600 to 1,300 m from GCJ-02, to the north-east', () => {
  const [gcj, baidu] = [toGcj02(DALIAN), toBd09(DALIAN)]
  expect(baidu.lon).toBeGreaterThan(gcj.lon)
  expect(baidu.lat).toBeGreaterThan(gcj.lat)
  expect(metresBetween(gcj, baidu)).toBeGreaterThan(600)
  expect(metresBetween(gcj, baidu)).toBeLessThan(1_300)
  // Back by the published inverse.
  const [x, y, turn] = [baidu.lon - 0.0065, baidu.lat - 0.006, (Math.PI * 3000) / 180]
  const far = Math.hypot(x, y) - 0.00002 * Math.sin(y * turn)
  const angle = Math.atan2(y, x) - 0.000003 * Math.cos(x * turn)
  expect(metresBetween({ lon: far * Math.cos(angle), lat: far * Math.sin(angle) }, gcj)).toBeLessThan(1)
})

test('every map app is told the place in its own system, and by its own scheme on a phone', () => {
  const [gcj, baidu] = [toGcj02(DALIAN), toBd09(DALIAN)]
  const android = Object.fromEntries(waysTo(DALIAN, '人民路 1 号', 'android').map(way => [way.app, way.href]))
  expect(Object.keys(android)).toEqual(['amap', 'baidu', 'tencent', 'geo'])
  expect(android.amap).toContain(`amapuri://route/plan/?`)
  expect(android.amap).toContain(`dlat=${gcj.lat.toFixed(6)}&dlon=${gcj.lon.toFixed(6)}`)
  expect(android.amap).toContain('dev=0')
  expect(decodeURIComponent(android.baidu!)).toContain(`latlng:${baidu.lat.toFixed(6)},${baidu.lon.toFixed(6)}`)
  expect(android.baidu).toContain('coord_type=bd09ll')
  expect(decodeURIComponent(android.tencent!)).toContain(`tocoord=${gcj.lat.toFixed(6)},${gcj.lon.toFixed(6)}`)
  expect(android.geo).toBe(`geo:38.914000,121.614700?q=38.914000,121.614700(${encodeURIComponent('人民路 1 号')})`)
  const ios = waysTo(DALIAN, '人民路', 'ios')
  expect(ios.map(way => way.app)).toEqual(['amap', 'baidu', 'tencent', 'apple'])
  expect(ios[3]!.href).toBe(`https://maps.apple.com/?daddr=${gcj.lat.toFixed(6)},${gcj.lon.toFixed(6)}&dirflg=d`)
  expect(waysTo(DALIAN, '人民路', 'other').every(way => /^(https:|geo:)/.test(way.href))).toBe(true)
})

test('a phone is known by what its browser says of itself', () => {
  expect(deviceOf('Mozilla/5.0 (Linux; Android 9; HUAWEI) AppleWebKit')).toBe('android')
  expect(deviceOf('Mozilla/5.0 (iPhone; CPU iPhone OS 17_0)')).toBe('ios')
  expect(deviceOf('Mozilla/5.0 (X11; Linux x86_64)')).toBe('other')
})
