/** One figure over time as a chart's options. Pure: colours and words come in. */
import type { Shapes } from '@/shared/api/client'

export type Colours = { text: string; soft: string; line: string; accent: string; bar: string; panel: string }
export type Said = { due: string; done: string; rate: string; count: string; none: string }

/** Share per bucket in %; null (a gap, never 0) where nothing was due. */
export const ratesOf = (figure: Shapes['Figure']): (number | null)[] =>
  figure.numerators.map((n, at) =>
    figure.denominators[at] ? Math.round((n / figure.denominators[at]!) * 1000) / 10 : null,
  )

export function trendOptions(figure: Shapes['Figure'], labels: string[], colours: Colours, said: Said): unknown {
  const isShare = figure.unit === 'share'
  const axis = { axisLine: { lineStyle: { color: colours.line } }, axisLabel: { color: colours.soft } }
  const quiet = { splitLine: { lineStyle: { color: colours.line, opacity: 0.5 } } }
  const rates = ratesOf(figure)
  return {
    animation: false,
    grid: { left: 44, right: isShare ? 44 : 12, top: 26, bottom: 26 },
    legend: { top: 0, textStyle: { color: colours.soft }, itemHeight: 8 },
    tooltip: {
      trigger: 'axis',
      backgroundColor: colours.panel,
      borderColor: colours.line,
      textStyle: { color: colours.text },
      formatter: (points: { dataIndex: number }[]) => tip(figure, labels, points[0]?.dataIndex ?? 0, said),
    },
    xAxis: { type: 'category', data: labels, ...axis },
    yAxis: [
      { type: 'value', minInterval: 1, ...axis, ...quiet },
      ...(isShare ? [{ type: 'value', min: 0, max: 100, ...axis, splitLine: { show: false }, axisLabel: { color: colours.soft, formatter: '{value}%' } }] : []),
    ],
    series: [
      {
        name: isShare ? said.due : said.count,
        type: 'bar',
        data: isShare ? figure.denominators : figure.numerators,
        itemStyle: { color: colours.bar },
        barMaxWidth: 18,
      },
      ...(isShare ? [{ name: said.rate, type: 'line', yAxisIndex: 1, data: rates, connectNulls: false, symbol: 'circle', symbolSize: 6, lineStyle: { width: 2, color: colours.accent }, itemStyle: { color: colours.accent } }] : []),
    ],
  } // prettier-ignore
}

export function tip(figure: Shapes['Figure'], labels: string[], at: number, said: Said): string {
  const [n, d] = [figure.numerators[at] ?? 0, figure.denominators[at] ?? 0]
  if (figure.unit === 'count') return `${labels[at]}<br>${said.count} ${n}`
  return `${labels[at]}<br>${said.rate} ${d ? `${Math.round((n / d) * 1000) / 10}%` : said.none}<br>${said.done} ${n} / ${said.due} ${d}`
}

/** 92.3 % as "92.3%", a count as it is, nothing due as "—". */
export function shown(figure: Shapes['Figure']): string {
  if (figure.value === null) return '—'
  return figure.unit === 'share' ? `${(figure.value * 100).toFixed(1)}%` : String(Math.round(figure.value))
}
