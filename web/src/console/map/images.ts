/** Signs on the map, drawn here: shape and letter say the state, colour says it again. */
import type { Map as GlMap } from 'maplibre-gl'
import { colour } from '@/shared/map/style'
import { STANDINGS } from '../campaign/ground'
import { SWEEP_TILE_PX, sweepPattern } from './sweep'

const PX = 2
export const TEAM_STATES = ['free', 'asked', 'driving', 'handling', 'resting', 'off_duty'] as const
const LETTERS: Record<string, string> = {
  free: '',
  asked: '?',
  driving: '',
  handling: '✚',
  resting: 'z',
  off_duty: '–',
}
const FACILITY: Record<string, string> = {
  station: '站',
  rescue_point: '点',
  hospital: '医',
  shelter: '庇',
  temporary_point: '暖',
  welfare_home: '福',
}

export function addSigns(map: GlMap): void {
  for (const state of TEAM_STATES) {
    put(map, `team-${state}`, 34, context => team(context, state, true))
    put(map, `team-${state}-still`, 34, context => team(context, state, false))
  }
  for (const light of ['red', 'yellow', 'green', 'paused', 'none'])
    put(map, `case-${light}`, 34, context => caseSign(context, light))
  for (const [kind, letter] of Object.entries(FACILITY))
    put(map, `facility-${kind}`, 26, context => facility(context, letter))
  for (const stands of STANDINGS) put(map, `sweep-${stands}`, SWEEP_TILE_PX, context => sweepPattern(context, stands))
  put(map, 'chosen', 56, ring)
}

function put(map: GlMap, name: string, size: number, draw: (context: CanvasRenderingContext2D) => void): void {
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = size * PX
  const context = canvas.getContext('2d')!
  context.scale(PX, PX)
  context.translate(size / 2, size / 2)
  draw(context)
  if (map.hasImage(name)) map.removeImage(name)
  map.addImage(name, context.getImageData(0, 0, size * PX, size * PX), { pixelRatio: PX })
}

function team(context: CanvasRenderingContext2D, state: string, moving: boolean): void {
  context.fillStyle = colour({ off_duty: 'resting' }[state] ?? state)
  context.strokeStyle = colour('map-halo')
  context.lineWidth = 2
  context.beginPath()
  if (moving) {
    context.moveTo(0, -13)
    context.lineTo(9, 10)
    context.lineTo(0, 5)
    context.lineTo(-9, 10)
    context.closePath()
  } else context.roundRect(-8, -8, 16, 16, 4)
  context.fill()
  context.stroke()
  letter(context, LETTERS[state] ?? '', 11, moving ? 1 : 0)
}

function caseSign(context: CanvasRenderingContext2D, light: string): void {
  context.fillStyle = colour({ none: 'paused' }[light] ?? light)
  context.strokeStyle = colour('map-halo')
  context.lineWidth = 2
  context.beginPath()
  if (light === 'red')
    polygon(context, [[0, -13], [13, 11], [-13, 11]]) // prettier-ignore
  else if (light === 'yellow')
    polygon(context, [[0, -13], [13, 0], [0, 13], [-13, 0]]) // prettier-ignore
  else context.arc(0, 0, 10, 0, Math.PI * 2)
  context.fill()
  context.stroke()
}

function facility(context: CanvasRenderingContext2D, text: string): void {
  context.fillStyle = colour('panel')
  context.strokeStyle = colour('accent')
  context.lineWidth = 1.5
  context.beginPath()
  context.roundRect(-10, -10, 20, 20, 3)
  context.fill()
  context.stroke()
  letter(context, text, 12, 0, colour('accent'))
}

function ring(context: CanvasRenderingContext2D): void {
  context.strokeStyle = colour('accent')
  context.lineWidth = 3
  context.setLineDash([7, 5])
  context.beginPath()
  context.arc(0, 0, 23, 0, Math.PI * 2)
  context.stroke()
}

function polygon(context: CanvasRenderingContext2D, points: [number, number][]): void {
  points.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)))
  context.closePath()
}

function letter(
  context: CanvasRenderingContext2D,
  text: string,
  size: number,
  y: number,
  fill = colour('panel'),
): void {
  context.font = `bold ${size}px system-ui, 'Noto Sans CJK SC', sans-serif`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillStyle = fill
  context.fillText(text, 0, y)
}
